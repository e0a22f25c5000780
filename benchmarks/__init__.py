"""Benchmarks: `python -m benchmarks.NAME` prints a table and writes results/NAME.json. docs/benchmarks.md says how they measure."""
