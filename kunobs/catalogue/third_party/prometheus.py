"""Prometheus itself, and the series it makes for every target."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

# Targets of tenants, and those of pods, are labelled with where they are.
_scraped = declared("github.com/prometheus/prometheus@v2.42.0:scrape/scrape.go", "namespace", "pod")
_own = declared("prometheus-2.42.0.prom")

_alerts = declared("github.com/prometheus/prometheus@v2.42.0:rules/alerting.go")

METRICS = (
    _alerts(
        "ALERTS",
        "gauge",
        "1 while an alert is pending or firing, with all of its labels; these are the ones of kunobs' rules.",
        "alertname",
        "alertstate",
        "severity",
        "component",
        "owner",
        "namespace",
    ),
    _scraped("up", "gauge", "1 when the scrape worked, 0 when it failed."),
    _scraped("scrape_duration_seconds", "gauge", "How long the scrape took.", unit="seconds"),
    _scraped("scrape_samples_scraped", "gauge", "Samples that the target exposed."),
    _scraped("scrape_samples_post_metric_relabeling", "gauge", "Samples left after metric relabelling."),
    _scraped("scrape_series_added", "gauge", "New series in this scrape, approximately."),
    _own("prometheus_config_last_reload_successful", "gauge", "1 when the newest configuration was loaded."),
    _own(
        "prometheus_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When a configuration was last loaded.",
        unit="seconds",
    ),
    _own("prometheus_notifications_alertmanagers_discovered", "gauge", "Alertmanagers that are known and in use."),
    _own("prometheus_notifications_dropped_total", "counter", "Alerts that reached no Alertmanager."),
    _own("prometheus_notifications_errors_total", "counter", "Failed requests to an Alertmanager.", "alertmanager"),
    _own("prometheus_notifications_sent_total", "counter", "Alerts sent to an Alertmanager.", "alertmanager"),
    _own("prometheus_remote_storage_shards", "gauge", "Shards that send in parallel.", "remote_name", "url"),
    _own(
        "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "gauge",
        "Time of the newest sample that was sent; no series before the first.",
        "remote_name",
        "url",
        unit="seconds",
    ),
    _own(
        "prometheus_remote_storage_samples_failed_total",
        "counter",
        "Samples that were refused and are not sent again.",
        "remote_name",
        "url",
    ),
    _own("prometheus_remote_storage_samples_total", "counter", "Samples to be sent.", "remote_name", "url"),
    _own("prometheus_rule_evaluation_failures_total", "counter", "Rules that could not be computed.", "rule_group"),
    _own(
        "prometheus_rule_group_iterations_missed_total",
        "counter",
        "Evaluations that were left out because the one before was too slow.",
        "rule_group",
    ),
    _own("prometheus_sd_refresh_failures_total", "counter", "Failed look-ups of targets.", "mechanism"),
    _own("prometheus_target_scrapes_exceeded_sample_limit_total", "counter", "Scrapes with too many samples."),
    _own("prometheus_target_scrapes_exceeded_body_size_limit_total", "counter", "Scrapes with too long an answer."),
    _own("prometheus_target_scrape_pool_exceeded_target_limit_total", "counter", "Jobs with too many targets."),
    _own("prometheus_target_scrape_pool_exceeded_label_limits_total", "counter", "Scrapes with too many labels."),
    _own(
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "counter",
        "Samples dropped because another value has their time.",
    ),
    _own("prometheus_tsdb_head_series", "gauge", "Series in memory."),
    _own("prometheus_tsdb_head_samples_appended_total", "counter", "Samples appended.", "type"),
    _own("prometheus_tsdb_compactions_failed_total", "counter", "Failed compactions."),
    _own("prometheus_tsdb_reloads_failures_total", "counter", "Failed attempts to load the blocks anew."),
    _own("prometheus_tsdb_head_truncations_failed_total", "counter", "Failed attempts to cut the head."),
    _own("prometheus_tsdb_checkpoint_creations_failed_total", "counter", "Failed checkpoints of the WAL."),
    _own("prometheus_tsdb_wal_corruptions_total", "counter", "Damaged places that were found in the WAL."),
    _own("prometheus_tsdb_wal_writes_failed_total", "counter", "Failed writes to the WAL."),
    _own("prometheus_tsdb_wal_truncations_failed_total", "counter", "Failed attempts to cut the WAL."),
    _own("prometheus_tsdb_storage_blocks_bytes", "gauge", "Size of all blocks.", unit="bytes"),
    _own("prometheus_tsdb_retention_limit_bytes", "gauge", "Size at which old blocks go; 0 is never.", unit="bytes"),
)
