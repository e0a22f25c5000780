"""Exporters: observed systems -> /metrics. None is here yet; the kit and the first five come with their own change."""
