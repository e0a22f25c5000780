"""Exporters: observed systems -> /metrics.

commands   `kunobs exporter NAME…`, `kunobs exporter check`
known      which exporters there are, and the sections of kunobs.yaml each reads
run        names and kunobs.yaml -> a process
kit        what all of them stand on, and what your own can: collectors, deadlines, budgets, the answer
"""
