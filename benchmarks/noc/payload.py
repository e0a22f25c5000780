"""What is posted: the body of an Alertmanager's webhook with one alert as kube-prometheus has them, distinct by its instance."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from kunobs.clock import SYSTEM_CLOCK

TEAMS, OWNERS = 15, 16
"""An alert names its team and an owner in it; as many people as TEAMS x OWNERS."""
_NUMBER, _TEAM, _OWNER = b"00000000", b"t00", b"o00"
_MARK = re.compile(rb"node-(\d{8})")


class Requests:
    """Whole HTTP requests by number; alike but for the number, so that they cost the one who sends them next to nothing."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        content = json.dumps(_body(), separators=(",", ":")).encode()
        sent = {"Host": "127.0.0.1", "User-Agent": "Alertmanager/0.25.0", "Content-Type": "application/json"} | headers
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode()
        self._request = head + content

    def __getitem__(self, number: int) -> bytes:
        """The request of that alert."""
        team, owner = number % TEAMS, number // TEAMS % OWNERS
        return (
            self._request.replace(b"node-" + _NUMBER, b"node-%08d" % number)
            .replace(_TEAM, b"t%02d" % team)
            .replace(_OWNER, b"o%02d" % owner)
        )


def numbers(text: bytes) -> list[int]:
    """The alerts that a text names."""
    return [int(found) for found in _MARK.findall(text)]


def alert(instance: str, name: str = "NodeFilesystemAlmostOutOfSpace") -> dict[str, Any]:
    """Labels, annotations and URL of one alert, about 0.9 KB as JSON."""
    return {
        "labels": {
            "alertname": name,
            "cluster": "prod-1",
            "container": "node-exporter",
            "device": "/dev/vda1",
            "fstype": "ext4",
            "instance": instance,
            "job": "node-exporter",
            "mountpoint": "/",
            "namespace": "monitoring",
            "owner": _OWNER.decode(),
            "prometheus": "monitoring/k8s",
            "severity": "critical",
            "team": _TEAM.decode(),
        },
        "annotations": {
            "description": f"Filesystem on /dev/vda1, mounted on /, at {instance} has only 2.41% available space left.",
            "runbook_url": f"https://runbooks.prometheus-operator.dev/runbooks/node/{name.lower()}",
            "summary": f"{instance} has less than 3% space left.",
        },
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=node_filesystem_avail_bytes+%2F+"
        "node_filesystem_size_bytes+%2A+100+%3C+3&g0.tab=1",
    }


def _body() -> dict[str, Any]:
    one = alert(f"node-{_NUMBER.decode()}:9100")
    starts = datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fired = {
        "status": "firing",
        "startsAt": starts,
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "7ab3c4e1f05d9286",
    }
    grouped = {name: one["labels"][name] for name in ("alertname", "instance")}
    key = "{}:{" + ", ".join(f'{name}="{value}"' for name, value in grouped.items()) + "}"
    return {
        "receiver": "kunobs",
        "status": "firing",
        "alerts": [one | fired],
        "groupLabels": grouped,
        "commonLabels": one["labels"],
        "commonAnnotations": one["annotations"],
        "externalURL": "http://alertmanager-0.example.com:9093",
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": 0,
    }
