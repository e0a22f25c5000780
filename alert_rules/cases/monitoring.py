"""Cases of kunobs.catalogue.signals.prometheus and .alertmanager."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Level, Series

_ONE = 'job="prometheus",instance="prometheus-0"'
_OTHER = 'job="prometheus",instance="prometheus-1"'
_INSTANCE = {"instance": "prometheus-0"}
_REMOTE = 'remote_name="archive",url="http://archive/write"'
_SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
_LOADED = "prometheus_config_last_reload_success_timestamp_seconds"
_MANAGER = 'alertmanager="http://alertmanager-0:9093/api/v2/alerts"'


def _up(job: str, instance: str, silent: Level, fires: Level) -> Series:
    return Series(f'up{{job="{job}",instance="{instance}"}}', silent, fires)


def _failures(*metrics: str, minutes: int) -> Case:
    """Counters that should stand still, all of which grow by 1 a minute on one Prometheus and not on the other."""
    growing = tuple(Series(f"{metric}{{{_ONE}}}", 0, 1 / 60) for metric in metrics)
    still = tuple(Series(f"{metric}{{{_OTHER}}}", 0) for metric in metrics)
    return Case(growing + still, value=len(metrics) * minutes, labels=_INSTANCE)


def _loaded(metric: str, job: str) -> Case:
    """1 while the last configuration was good."""
    series = (
        Series(f'{metric}{{job="{job}",instance="{job}-0"}}', 1, 0),
        Series(f'{metric}{{job="{job}",instance="{job}-1"}}', 1),
    )
    return Case(series, value=0, labels={"instance": f"{job}-0"})


def _replicas(job: str, *others: Series) -> Case:
    """One of them goes; another job has only one by design."""
    return Case((_up(job, f"{job}-0", 1, 1), *others, _up("lonely", "a", 1, 1)), value=1, labels={"job": job})


def _notified(silent: float, fires: float) -> Case:
    """This part of what is sent by one way fails; by another one all does, but it was only once or twice."""
    sent = 'job="alertmanager",instance="alertmanager-0",integration'
    failed = "alertmanager_notifications_failed_total"
    total = "alertmanager_notifications_total"
    return Case(
        (
            Series(f'{failed}{{{sent}="webhook",reason="serverError"}}', silent / 2, fires / 2),
            Series(f'{failed}{{{sent}="webhook",reason="other"}}', silent / 2, fires / 2),
            Series(f'{total}{{{sent}="webhook"}}', 1),
            Series(f'{failed}{{{sent}="email",reason="other"}}', 1.9 / 900),
            Series(f'{total}{{{sent}="email"}}', 1.9 / 900),
        ),
        value=fires,
        labels={"integration": "webhook"},
    )


CASES = {
    # It always fires: there is no silent level, and what its label says comes from the replica's own configuration.
    "KunWatchdog": Case((), value=1, labels={"prometheus": "a"}, external={"cluster": "eu-1", "replica": "a"}),
    "KunTargetDown": Case(
        (
            *(_up("web", f"w{number}", 1, 1) for number in range(10)),
            _up("web", "w10", 0, 0),
            _up("web", "w11", 1, 0),
            *(_up(job, "a", 0, 0) for job in ("prometheus", "alertmanager", "kunobs-noc", "etcd", "node")),
        ),
        value=10 / 12,
        labels={"job": "web"},
    ),
    "KunTargetsAllDown": Case(
        (
            _up("redis", "a", 1, 0),
            _up("redis", "b", 1, None),
            _up("web", "a", 0, 0),
            _up("web", "b", 1, 1),
            # Told by an alert of its own; and tenants may have none, or none that answers.
            _up("node", "a", 1, 0),
            _up("istio-proxy", "a", 0, 0),
            _up("tenants", "a", 1, None),
        ),
        value=0,
        labels={"job": "redis"},
        window=2,
    ),
    # Its pod is gone.
    "KunPrometheusReplicaMissing": _replicas("prometheus", _up("prometheus", "prometheus-1", 1, None)),
    "KunPrometheusConfigReloadFailed": _loaded("prometheus_config_last_reload_successful", "prometheus"),
    "KunPrometheusNotIngesting": Case(
        (
            Series(f"prometheus_tsdb_head_samples_appended_total{{{_ONE}}}", 1 / 60, 0),
            Series(f"prometheus_tsdb_head_samples_appended_total{{{_OTHER}}}", 50000),
        ),
        value=0,
        labels=_INSTANCE,
    ),
    "KunPrometheusReplicasDiverge": Case(
        (
            Series(f"prometheus_tsdb_head_series{{{_ONE}}}", 1000000),
            Series(f"prometheus_tsdb_head_series{{{_OTHER}}}", 905000, 800000),
            # A tenant's own, and a pair that has half of the tenants' targets.
            Series('prometheus_tsdb_head_series{job="shop/prometheus",instance="a"}', 5000000),
            Series('prometheus_tsdb_head_series{job="shop/prometheus",instance="b"}', 3000000),
            Series('prometheus_tsdb_head_series{job="prometheus-tenants-1",instance="a"}', 5000000),
            Series('prometheus_tsdb_head_series{job="prometheus-tenants-1",instance="b"}', 5000000),
        ),
        value=0.2,
        labels={"job": "prometheus"},
    ),
    "KunPrometheusSeriesGrowing": Case(
        (
            Series(f"prometheus_tsdb_head_series{{{_ONE}}}", 1000000, 1550000),
            Series(f"prometheus_tsdb_head_series{{{_OTHER}}}", 1000000),
        ),
        value=1.55,
        labels=_INSTANCE,
        window=30,
    ),
    "KunPrometheusRuleFailures": Case(
        (
            Series(f'prometheus_rule_evaluation_failures_total{{{_ONE},rule_group="kun.yaml;kafka"}}', 0, 1 / 60),
            Series(f'prometheus_rule_evaluation_failures_total{{{_ONE},rule_group="kun.yaml;redis"}}', 0),
        ),
        value=5,
        labels=_INSTANCE | {"rule_group": "kun.yaml;kafka"},
    ),
    "KunPrometheusRulesMissed": Case(
        (
            Series(f'prometheus_rule_group_iterations_missed_total{{{_ONE},rule_group="kun.yaml;kafka"}}', 0, 1 / 60),
            Series(f'prometheus_rule_group_iterations_missed_total{{{_ONE},rule_group="kun.yaml;redis"}}', 0),
        ),
        value=10,
        labels=_INSTANCE | {"rule_group": "kun.yaml;kafka"},
    ),
    "KunPrometheusDiscoveryFailing": Case(
        (
            Series(f'prometheus_sd_refresh_failures_total{{{_ONE},mechanism="http"}}', 4.9 / 600, 6 / 600),
            Series(f'prometheus_sd_refresh_failures_total{{{_OTHER},mechanism="http"}}', 4.9 / 600),
        ),
        value=6,
        labels=_INSTANCE | {"mechanism": "http"},
    ),
    "KunPrometheusLimitsExceeded": _failures(
        "prometheus_target_scrapes_exceeded_sample_limit_total",
        "prometheus_target_scrapes_exceeded_body_size_limit_total",
        "prometheus_target_scrape_pool_exceeded_target_limit_total",
        "prometheus_target_scrape_pool_exceeded_label_limits_total",
        minutes=15,
    ),
    "KunPrometheusDuplicateSamples": _failures(
        "prometheus_target_scrapes_sample_duplicate_timestamp_total", minutes=15
    ),
    "KunPrometheusStorageFailing": _failures(
        "prometheus_tsdb_compactions_failed_total",
        "prometheus_tsdb_reloads_failures_total",
        "prometheus_tsdb_head_truncations_failed_total",
        "prometheus_tsdb_checkpoint_creations_failed_total",
        minutes=30,
    ),
    "KunPrometheusWALFailing": _failures(
        "prometheus_tsdb_wal_corruptions_total",
        "prometheus_tsdb_wal_writes_failed_total",
        "prometheus_tsdb_wal_truncations_failed_total",
        minutes=60,
    ),
    "KunPrometheusStorageNearLimit": Case(
        (
            Series(f"prometheus_tsdb_storage_blocks_bytes{{{_ONE}}}", 890, 920),
            Series(f"prometheus_tsdb_retention_limit_bytes{{{_ONE}}}", 1000),
            # No limit by size.
            Series(f"prometheus_tsdb_storage_blocks_bytes{{{_OTHER}}}", 890),
            Series(f"prometheus_tsdb_retention_limit_bytes{{{_OTHER}}}", 0),
        ),
        value=0.92,
        labels=_INSTANCE,
    ),
    "KunPrometheusRemoteWriteBehind": Case(
        (
            Series(f"{_SENT}{{{_ONE},{_REMOTE}}}", Ago(295), Ago(320)),
            Series(f"{_SENT}{{{_OTHER},{_REMOTE}}}", Ago(30)),
            *(Series(f"prometheus_remote_storage_shards{{{one},{_REMOTE}}}", 4) for one in (_ONE, _OTHER)),
            # Has sent nothing yet, but is new.
            Series(f'prometheus_remote_storage_shards{{{_OTHER},remote_name="new",url="http://new/write"}}', 4),
            Series(f"{_LOADED}{{{_ONE}}}", Ago(5000)),
            Series(f"{_LOADED}{{{_OTHER}}}", Ago(290)),
        ),
        value=320,
        labels=_INSTANCE | {"remote_name": "archive"},
    ),
    "KunPrometheusRemoteWriteFailing": Case(
        (
            Series(f"prometheus_remote_storage_samples_failed_total{{{_ONE},{_REMOTE}}}", 9.8, 20),
            Series(f"prometheus_remote_storage_samples_total{{{_ONE},{_REMOTE}}}", 1000),
            Series(f"prometheus_remote_storage_samples_failed_total{{{_OTHER},{_REMOTE}}}", 0),
            Series(f"prometheus_remote_storage_samples_total{{{_OTHER},{_REMOTE}}}", 1000),
        ),
        value=0.02,
        labels=_INSTANCE | {"remote_name": "archive"},
    ),
    "KunPrometheusNoAlertmanager": Case(
        (
            Series(f"prometheus_notifications_alertmanagers_discovered{{{_ONE}}}", 1, 0),
            Series(f"prometheus_notifications_alertmanagers_discovered{{{_OTHER}}}", 2),
        ),
        value=0,
        labels=_INSTANCE,
    ),
    "KunPrometheusNotificationErrors": Case(
        (
            Series(f"prometheus_notifications_errors_total{{{_ONE},{_MANAGER}}}", 0.0098, 0.015),
            Series(f"prometheus_notifications_sent_total{{{_ONE},{_MANAGER}}}", 0.9902, 0.985),
            Series(f"prometheus_notifications_errors_total{{{_OTHER},{_MANAGER}}}", 0),
            Series(f"prometheus_notifications_sent_total{{{_OTHER},{_MANAGER}}}", 1),
        ),
        value=0.015,
        labels=_INSTANCE | {"alertmanager": "http://alertmanager-0:9093/api/v2/alerts"},
    ),
    "KunPrometheusNotificationsDropped": Case(
        (
            *_failures("prometheus_notifications_dropped_total", minutes=5).series,
            # A newer one, of whose Alertmanagers one is dead.
            Series('prometheus_notifications_dropped_total{instance="prometheus-2",alertmanager="http://dead"}', 1),
            Series('prometheus_notifications_dropped_total{instance="prometheus-2",alertmanager="http://well"}', 0),
        ),
        value=5,
        labels=_INSTANCE,
    ),
    # Two of three are left.
    "KunAlertmanagerReplicaMissing": _replicas(
        "alertmanager", _up("alertmanager", "alertmanager-1", 1, 0), _up("alertmanager", "alertmanager-2", 1, 1)
    ),
    "KunAlertmanagerConfigReloadFailed": _loaded("alertmanager_config_last_reload_successful", "alertmanager"),
    "KunAlertmanagerConfigDiffers": Case(
        (
            Series('alertmanager_config_hash{job="alertmanager",instance="alertmanager-0"}', 214081316361402),
            Series(
                'alertmanager_config_hash{job="alertmanager",instance="alertmanager-1"}',
                214081316361402,
                10550813900621,
            ),
            Series('alertmanager_config_hash{job="other",instance="a"}', 7),
        ),
        value=2,
        labels={"job": "alertmanager"},
    ),
    "KunAlertmanagerClusterSplit": Case(
        (
            _up("alertmanager", "alertmanager-0", 1, 1),
            _up("alertmanager", "alertmanager-1", 1, 1),
            _up("alertmanager", "alertmanager-2", 0, 0),
            Series('alertmanager_cluster_members{job="alertmanager",instance="alertmanager-0"}', 2),
            Series('alertmanager_cluster_members{job="alertmanager",instance="alertmanager-1"}', 2, 1),
            _up("other", "a", 1, 1),
            _up("other", "b", 1, 1),
            Series('alertmanager_cluster_members{job="other",instance="a"}', 1),
        ),
        value=1,
        labels={"job": "alertmanager"},
    ),
    "KunAlertmanagerPeersFailed": Case(
        (
            Series('alertmanager_cluster_failed_peers{job="alertmanager",instance="alertmanager-0"}', 0, 1),
            Series('alertmanager_cluster_failed_peers{job="alertmanager",instance="alertmanager-1"}', 0),
        ),
        value=1,
        labels={"instance": "alertmanager-0"},
    ),
    "KunAlertmanagerNotificationsFailing": _notified(0.048, 0.075),
    "KunAlertmanagerDeliveryDown": _notified(0.89, 0.95),
}
