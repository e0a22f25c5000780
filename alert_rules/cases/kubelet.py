"""Cases of kunobs.catalogue.signals.kubelet."""

from __future__ import annotations

from alert_rules.case import Case, Series

_ONE = 'job="kubelet",instance="10.0.1.1:10250"'
_OTHER = 'job="kubelet",instance="10.0.1.2:10250"'
_QUIET = 'job="kubelet-edge",instance="10.9.1.1:10250"'
_INSTANCE = {"instance": "10.0.1.1:10250"}
_VOLUME = f'{_ONE},namespace="shop",persistentvolumeclaim="data-redis-0"'
_WELL = f'{_OTHER},namespace="play",persistentvolumeclaim="data"'
_CLAIM = {"namespace": "shop", "persistentvolumeclaim": "data-redis-0"}
_ERRORS = "kubelet_runtime_operations_errors_total"
_OPERATIONS = "kubelet_runtime_operations_total"


def _room(free: str, size: str, silent: float, fires: float) -> Case:
    """What is left of 1,000 on one volume; the other one is half empty."""
    return Case(
        (
            Series(f"{free}{{{_VOLUME}}}", silent, fires),
            Series(f"{size}{{{_VOLUME}}}", 1000),
            Series(f"{free}{{{_WELL}}}", 500),
            Series(f"{size}{{{_WELL}}}", 1000),
        ),
        value=fires / 1000,
        labels=_CLAIM,
    )


def _certificate(metric: str) -> Case:
    """A week is left."""
    return Case(
        (Series(f"{metric}{{{_ONE}}}", 610000, 600000), Series(f"{metric}{{{_OTHER}}}", 20000000)),
        value=600000,
        labels=_INSTANCE,
    )


CASES = {
    "KunKubeletDown": Case(
        (
            Series(f"up{{{_ONE}}}", 1, 0),
            Series(f"up{{{_OTHER}}}", 1),
            Series('up{job="else",instance="10.0.1.3:9100"}', 0),
        ),
        value=0,
        labels=_INSTANCE,
    ),
    "KunKubeletPLEGSlow": Case(
        (
            Series(f'kubelet_pleg_relist_duration_seconds_bucket{{{_ONE},le="2.5"}}', 0.8),
            Series(f'kubelet_pleg_relist_duration_seconds_bucket{{{_ONE},le="5.0"}}', 1, 0.9895),
            Series(f'kubelet_pleg_relist_duration_seconds_bucket{{{_ONE},le="10.0"}}', 1),
            Series(f'kubelet_pleg_relist_duration_seconds_bucket{{{_ONE},le="+Inf"}}', 1),
            Series(f'kubelet_pleg_relist_duration_seconds_bucket{{{_OTHER},le="2.5"}}', 1),
            Series(f'kubelet_pleg_relist_duration_seconds_bucket{{{_OTHER},le="+Inf"}}', 1),
        ),
        value=5 + 5 * 0.0005 / 0.0105,
        labels=_INSTANCE,
    ),
    "KunKubeletSandboxFailing": Case(
        (
            Series(f'{_ERRORS}{{{_ONE},operation_type="run_podsandbox"}}', 0.019, 0.021),
            Series(f'{_OPERATIONS}{{{_ONE},operation_type="run_podsandbox"}}', 0.1),
            # A probe that fails is no trouble of the node's.
            Series(f'{_ERRORS}{{{_ONE},operation_type="exec_sync"}}', 0.5),
            Series(f'{_OPERATIONS}{{{_ONE},operation_type="exec_sync"}}', 2),
            # Two pods in a quarter of an hour, and both failed.
            Series(f'{_ERRORS}{{{_OTHER},operation_type="run_podsandbox"}}', 0.002),
            Series(f'{_OPERATIONS}{{{_OTHER},operation_type="run_podsandbox"}}', 0.002),
            Series(f'{_ERRORS}{{{_OTHER},operation_type="exec_sync"}}', 0.5),
        ),
        value=0.21,
        labels=_INSTANCE,
    ),
    "KunPodStartSlow": Case(
        (
            Series(f'kubelet_pod_start_sli_duration_seconds_bucket{{{_ONE},le="30.0"}}', 1.956, 1.92),
            Series(f'kubelet_pod_start_sli_duration_seconds_bucket{{{_ONE},le="45.0"}}', 2),
            Series(f'kubelet_pod_start_sli_duration_seconds_bucket{{{_ONE},le="+Inf"}}', 2),
            Series(f"kubelet_pod_start_sli_duration_seconds_count{{{_ONE}}}", 2),
            # Slow, but 96 in ten minutes.
            Series(f'kubelet_pod_start_sli_duration_seconds_bucket{{{_QUIET},le="30.0"}}', 0),
            Series(f'kubelet_pod_start_sli_duration_seconds_bucket{{{_QUIET},le="45.0"}}', 0.16),
            Series(f'kubelet_pod_start_sli_duration_seconds_bucket{{{_QUIET},le="+Inf"}}', 0.16),
            Series(f"kubelet_pod_start_sli_duration_seconds_count{{{_QUIET}}}", 0.16),
        ),
        value=41.25,
        labels={"job": "kubelet"},
    ),
    "KunVolumeFilling": _room("kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", 102, 98),
    "KunVolumeInodesFilling": _room("kubelet_volume_stats_inodes_free", "kubelet_volume_stats_inodes", 51, 49),
    "KunKubeletClientCertExpiring": _certificate("kubelet_certificate_manager_client_ttl_seconds"),
    "KunKubeletServerCertExpiring": _certificate("kubelet_certificate_manager_server_ttl_seconds"),
    # 0.0016 a second are 2.88 in half an hour.
    "KunKubeletEvicting": Case(
        (
            Series(f'kubelet_evictions{{{_ONE},eviction_signal="memory.available"}}', 0.0016, 0.0018),
            Series(f'kubelet_evictions{{{_ONE},eviction_signal="nodefs.available"}}', 0.0016),
            Series(f'kubelet_evictions{{{_OTHER},eviction_signal="memory.available"}}', 0.0016),
        ),
        value=3.24,
        labels=_INSTANCE | {"eviction_signal": "memory.available"},
    ),
}
