"""Benchmarks of the exporters, a module each: `python -m benchmarks.exporters.NAME`."""
