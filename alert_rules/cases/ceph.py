"""Cases of kunobs.catalogue.signals.ceph."""

from __future__ import annotations

from alert_rules.case import Case, Flap, Level, Series

_MGR = 'job="ceph",instance="a"'
# A second Ceph, which is well.
_OTHER = 'job="ceph-backup",instance="b"'
_JOB = {"job": "ceph"}


def _health(check: str, other: str) -> Case:
    """This check becomes active while another one always is."""
    series = (
        Series(f'ceph_health_detail{{{_MGR},name="{check}",severity="HEALTH_WARN"}}', 0, 1),
        Series(f'ceph_health_detail{{{_MGR},name="{other}",severity="HEALTH_WARN"}}', 1),
        Series(f'ceph_health_detail{{{_OTHER},name="{check}",severity="HEALTH_WARN"}}', 0),
    )
    return Case(series, value=1, labels=_JOB)


def _osd(daemon: str, host: str, silent: Level, fires: Level) -> tuple[Series, Series]:
    return (
        Series(f'ceph_osd_up{{{_MGR},ceph_daemon="{daemon}"}}', silent, fires),
        Series(f'ceph_osd_metadata{{{_MGR},ceph_daemon="{daemon}",hostname="{host}",device_class="ssd"}}', 1),
    )


def _monitor(daemon: str, silent: float, fires: float, target: str = _MGR) -> Series:
    return Series(f'ceph_mon_quorum_status{{{target},ceph_daemon="mon.{daemon}"}}', silent, fires)


def _image(image: str, silent: tuple[float, float], fires: tuple[float, float]) -> tuple[Series, Series]:
    """Milliseconds of a write, and writes a second."""
    labels = f'{_MGR},pool="rbd",namespace="",image="{image}"'
    taken = (silent[0] * 1e6 * silent[1], fires[0] * 1e6 * fires[1])
    return (
        Series(f"ceph_rbd_write_latency_sum{{{labels}}}", *taken),
        Series(f"ceph_rbd_write_latency_count{{{labels}}}", silent[1], fires[1]),
    )


CASES = {
    "KunCephHealthError": Case(
        (
            Series(f"ceph_health_status{{{_MGR}}}", 1, 2),
            # Of a check that has become worse, the severity is that of its beginning.
            Series(f'ceph_health_detail{{{_MGR},name="POOL_FULL",severity="HEALTH_WARN"}}', 0, 1),
            # Its manager's module failed long ago, and a disk is nearly full.
            Series(f"ceph_health_status{{{_OTHER}}}", 2),
            Series(f'ceph_health_detail{{{_OTHER},name="MGR_MODULE_ERROR",severity="HEALTH_ERR"}}', 1),
            Series(f'ceph_health_detail{{{_OTHER},name="OSD_NEARFULL",severity="HEALTH_WARN"}}', 1),
        ),
        value=2,
        labels=_JOB,
    ),
    "KunCephPGUnavailable": _health("PG_AVAILABILITY", "PG_DEGRADED"),
    "KunCephQuorumAtRisk": Case(
        (
            _monitor("a", 1, 1),
            _monitor("b", 1, 1),
            _monitor("c", 1, 1),
            _monitor("d", 1, 0),
            _monitor("e", 0, 0),
            *(_monitor(name, 1, 1, _OTHER) for name in "abc"),
        ),
        value=0,
        labels=_JOB,
    ),
    "KunCephOSDDown": Case(
        (*_osd("osd.0", "store-1", 1, 0), *_osd("osd.1", "store-1", 1, 0), *_osd("osd.2", "store-2", 1, 1)),
        value=2,
        labels=_JOB | {"hostname": "store-1"},
    ),
    "KunCephOSDFlapping": Case(
        (
            Series(f'ceph_osd_up{{{_MGR},ceph_daemon="osd.0"}}', 1, Flap(1, 0)),
            Series(f'ceph_osd_up{{{_MGR},ceph_daemon="osd.1"}}', 1),
            # One that is down is none that flaps.
            Series(f'ceph_osd_up{{{_MGR},ceph_daemon="osd.2"}}', 1, 0),
        ),
        value=1,
        labels=_JOB,
    ),
    "KunCephPGDegradedLong": Case(
        (
            Series(f'ceph_pg_degraded{{{_MGR},pool_id="1"}}', 0, 12),
            Series(f'ceph_pg_degraded{{{_MGR},pool_id="2"}}', 0, 3),
            Series(f'ceph_pg_degraded{{{_OTHER},pool_id="1"}}', 0),
        ),
        value=15,
        labels=_JOB,
    ),
    "KunCephPoolFilling": Case(
        (
            Series(f'ceph_pool_percent_used{{{_MGR},pool_id="1"}}', 0.79, 0.82),
            Series(f'ceph_pool_metadata{{{_MGR},pool_id="1",name="rbd",type="replicated"}}', 1),
            Series(f'ceph_pool_percent_used{{{_MGR},pool_id="2"}}', 0.3),
            Series(f'ceph_pool_metadata{{{_MGR},pool_id="2",name="images",type="replicated"}}', 1),
        ),
        value=0.82,
        labels=_JOB | {"name": "rbd"},
    ),
    "KunCephOSDNearFull": _health("OSD_NEARFULL", "POOL_NEARFULL"),
    "KunCephSlowOps": Case(
        (Series(f"ceph_healthcheck_slow_ops{{{_MGR}}}", 0, 42), Series(f"ceph_healthcheck_slow_ops{{{_OTHER}}}", 0)),
        value=42,
        labels=_JOB,
    ),
    "KunCephRBDWriteSlow": Case(
        (
            *_image("db", (195, 100), (250, 100)),
            # Slow, and hardly written.
            *_image("idle", (900, 0.95), (900, 0.95)),
        ),
        value=0.25,
        labels=_JOB | {"pool": "rbd", "image": "db"},
    ),
    "KunCephMgrGone": Case(
        (
            Series(f"up{{{_MGR}}}", 1, None),
            Series('up{job="ceph",instance="standby"}', 1, None),
            Series(f"ceph_health_status{{{_MGR}}}", 0, None),
            Series('up{job="node",instance="n"}', 1),
        ),
        value=0,
        labels=_JOB,
        window=2,
    ),
}
