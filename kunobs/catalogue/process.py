"""Metrics every process has: our own two, and those of prometheus-client's process collector."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

_EVIDENCE = "prometheus-client 0.26.0, prometheus_client/process_collector.py"

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "kunobs_build_info",
        "info",
        "Version of kunobs and of Python, and the part this process runs.",
        labels=(Label("version"), Label("python"), Label("part")),
    ),
    MetricSpec(
        "kunobs_process_ready",
        "gauge",
        "1 when the process does its work, 0 while it starts, waits for a dependency or drains.",
    ),
    MetricSpec(
        "process_virtual_memory_bytes",
        "gauge",
        "Virtual memory size in bytes.",
        unit="bytes",
        origin="third_party",
        evidence=_EVIDENCE,
    ),
    MetricSpec(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory size in bytes.",
        unit="bytes",
        origin="third_party",
        evidence=_EVIDENCE,
    ),
    MetricSpec(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
        unit="seconds",
        origin="third_party",
        evidence=_EVIDENCE,
    ),
    MetricSpec(
        "process_cpu_seconds_total",
        "counter",
        "Total user and system CPU time spent in seconds.",
        unit="seconds",
        origin="third_party",
        evidence=_EVIDENCE,
    ),
    MetricSpec(
        "process_open_fds",
        "gauge",
        "Number of open file descriptors.",
        origin="third_party",
        evidence=_EVIDENCE,
    ),
    MetricSpec(
        "process_max_fds",
        "gauge",
        "Maximum number of open file descriptors.",
        origin="third_party",
        evidence=_EVIDENCE,
    ),
)
