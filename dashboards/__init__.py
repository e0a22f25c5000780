"""Dashboards: pure functions from the catalogue to Grafana JSON. None is here yet."""
