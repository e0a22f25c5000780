"""What others post to the relay: a sample of every source, and a seeded mutator that hurts one."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from kunobs.testing.mutate import Mutator

SECRET = "prober-secret"  # noqa: S105  what the samples are signed with
BEGAN = 1_795_496_400
"""2026-11-24T05:00:00Z: when everything in the samples begins, in seconds; it ends ten minutes later."""
ENDED = BEGAN + 600
_START, _END = "2026-11-24T05:00:00Z", "2026-11-24T05:10:00Z"


@dataclass(frozen=True)
class Payload:
    """One request: a sample of what a source posts when something fails (`down`) and when it is well again."""

    down: bool
    body: bytes = b""
    method: str = "POST"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def alertmanager(down: bool = True) -> Payload:
    """A webhook of version 4, of two alerts."""
    status = "firing" if down else "resolved"
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "HighLatency", "severity": "critical", "namespace": namespace},
            "annotations": {"summary": "支付延迟"},
            "startsAt": _START,
            "endsAt": "0001-01-01T00:00:00Z" if down else _END,
            "generatorURL": "http://prometheus-0:9090/graph?g0.expr=up",
            "fingerprint": "66fb29f14b8a7a1c",
        }
        for namespace in ("pay-prod", "pay-test")
    ]
    return _json(
        down,
        receiver="noc", status=status, alerts=alerts, groupLabels={"alertname": "HighLatency"}, commonLabels={},
        commonAnnotations={}, externalURL="http://alertmanager-0:9093", version="4", groupKey="{}:{}", truncatedAlerts=0,
    )  # fmt: skip


def tenant(down: bool = True) -> Payload:
    """One alert with every key."""
    times = {"starts_at": _START} | ({} if down else {"ends_at": _END})
    return _json(
        down,
        summary="订单积压", severity="critical", status="firing" if down else "resolved", dedup_key="orders-7",
        labels={"service": "orders", "region": "cn-north"}, annotations={"runbook": "看队列"},
        links=["https://wiki.example.com/orders"], **times,
    )  # fmt: skip


def tenant_list(down: bool = True) -> Payload:
    """Two alerts, of which one says the least that is needed."""
    one = json.loads(tenant(down).body)
    other = {"summary": "disk is full", "status": one["status"]}
    return Payload(down, json.dumps([one, other]).encode())


def jiankongbao(down: bool = True) -> Payload:
    """The callback by POST."""
    return Payload(
        down, urlencode(_jiankongbao(down) | {"message_type": "1", "message_status": "1" if down else "2"}).encode()
    )


def jiankongbao_get(down: bool = True) -> Payload:
    """The callback by GET, whose status is written in another way."""
    return Payload(down, method="GET", query=urlencode(_jiankongbao(down) | {"task_status": "1" if down else "0"}))


def jiankongbao_multipart(down: bool = True) -> Payload:
    """The callback by POST as it is really sent: PHP's curl makes a multipart form of an array."""
    fields = _jiankongbao(down) | {"message_status": "1" if down else "2"}
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    body = "".join(parts).encode() + b"--cut--\r\n"
    return Payload(down, body, headers={"content-type": "multipart/form-data; boundary=cut"})


def _jiankongbao(down: bool) -> dict[str, str]:
    fields = {
        "msg_id": "10887878" if down else "10887901", "task_id": "266577", "fault_time": str(BEGAN if down else ENDED),
        "task_type": "http", "task_name": "支付网关", "task_summary": "https://pay.example.com/health",
        "content": quote_plus("北京电信 不可用 100%" if down else "恢复可用"),
    }  # fmt: skip
    return fields | {"token": sign_jiankongbao(fields)}


def sign_jiankongbao(fields: Mapping[str, str], secret: str = SECRET) -> str:
    """The token of a callback: md5 of msg_id, task_id, fault_time and the secret."""
    joined = fields["msg_id"] + fields["task_id"] + fields["fault_time"] + secret
    return md5(joined.encode(), usedforsecurity=False).hexdigest()


def aliyun_cloudmonitor(down: bool = True) -> Payload:
    """The callback of a rule that looks at one instance."""
    fields = {
        "alertName": "基础监控-ECS-内存使用率", "alertState": "ALERT" if down else "OK", "curValue": "97.39" if down else "41",
        "dimensions": "{userId=12345, instanceId=i-12345}", "expression": "$Average>=95", "instanceName": "pay-1",
        "metricName": "memory_usedutilization", "metricProject": "acs_ecs", "namespace": "acs_ecs", "ruleId": "rule-ee147e59",
        "preTriggerLevel": "null" if down else "WARN", "triggerLevel": "WARN" if down else "OK", "userId": "12345",
        "timestamp": str((BEGAN if down else ENDED) * 1000), "signature": "eEq1zHuCUp0XSmLD8p8VtTKF",
    }  # fmt: skip
    return Payload(down, urlencode(fields).encode(), query=f"token={SECRET}")


def pingdom(down: bool = True) -> Payload:
    """A state change of an HTTP check."""
    return _json(
        down, f"token={SECRET}",
        check_id=803318, check_name="Payment API", check_type="HTTP",
        check_params={"full_url": "https://pay.example.com/health", "hostname": "pay.example.com", "port": 443},
        tags=["pay", "prod"], previous_state="UP" if down else "DOWN", current_state="DOWN" if down else "UP",
        importance_level="HIGH", state_changed_timestamp=BEGAN if down else ENDED, state_changed_utc_time="2026-11-24T05:00:00",
        long_description="HTTP Server Error 503 Service Unavailable" if down else "OK",
        description="HTTP Error 503" if down else "OK", first_probe={"location": "Stockholm, Sweden"}, second_probe={}, version=1,
    )  # fmt: skip


def uptimerobot(down: bool = True) -> Payload:
    """The body that docs/probers.md asks for."""
    return _json(
        down, f"token={SECRET}",
        monitorID="784512", monitorURL="https://pay.example.com", monitorFriendlyName="Payment page",
        alertType="1" if down else "2", alertTypeFriendlyName="Down" if down else "Up", alertDetails="Connection Timeout",
        alertDateTime=str(BEGAN if down else ENDED), sslExpiryDaysLeft="",
    )  # fmt: skip


def better_stack(down: bool = True) -> Payload:
    """An incident that begins or is over."""
    attributes = {
        "name": "Payment page", "url": "https://pay.example.com", "http_method": "get", "cause": "Error 500",
        "started_at": "2026-11-24T05:00:00.151Z", "acknowledged_at": None, "resolved_at": None if down else _END,
        "response_content": None, "screenshot_url": None,
    }  # fmt: skip
    data = {
        "id": "1",
        "type": "incident",
        "attributes": attributes,
        "relationships": {"monitor": {"data": {"id": "4"}}},
    }
    return _json(down, f"token={SECRET}", event="started" if down else "resolved", data=data)


def healthchecks(down: bool = True) -> Payload:
    """The body that docs/probers.md asks for."""
    check = {"name": "nightly backup", "slug": "backup", "tags": "prod db", "desc": "", "last_ping": _START}
    code, state = "f618072a-7bde-4eee-af63-71a77c5723bc", "down" if down else "up"
    return _json(down, f"token={SECRET}", code=code, status=state, now=_START if down else _END, check=check)


PROBERS: Mapping[str, Callable[[bool], Payload]] = {
    "jiankongbao": jiankongbao,
    "aliyun_cloudmonitor": aliyun_cloudmonitor,
    "pingdom": pingdom,
    "uptimerobot": uptimerobot,
    "better_stack": better_stack,
    "healthchecks": healthchecks,
}
"""By the name of their mapping."""


def _json(down: bool, query: str = "", /, **values: Any) -> Payload:
    return Payload(down, json.dumps(values, ensure_ascii=False).encode(), query=query)


_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 2**63, -(2**64), 10**40, "", " ", "x", "\0", "a\0b", "支付", "😀", "‮", "x" * 5000,
    "firing", "resolved", "critical", "UP", "DOWN", "1", "2", "OK", "http://[", "javascript:alert(1)", "https://x.example",
    "2026-11-24T05:00:00Z", "1970-01-01T00:00:00+08:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "1795496400",
    "NaN", "{}", "{0.__class__}", "${jndi}", [], {}, [[]], [None], {"": ""}, {"a": {"b": []}}, {"\0": "x"},
)  # fmt: skip
_TOKENS = (
    b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 400, b"9" * 5000, b'"\\ud800"', b'"\\udc00x"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"',
    b"[" * 3000, b'{"a":' * 3000, b"[" * 90 + b"]" * 90, b"{", b"", b"\xef\xbb\xbf{}", b'"a" "b"',
)  # fmt: skip


def mutate(rng: random.Random, body: bytes) -> bytes:
    """A hurt copy: of JSON or a form its structure, its values or the bytes, of anything else the bytes."""
    kind = rng.random()
    if kind < 0.3:
        return Mutator(rng.getrandbits(32)).mutate(body)
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return _form(rng, body)
    if kind < 0.4:
        return _token(rng, tree)
    for _ in range(rng.randrange(1, 4)):
        tree = _hurt(rng, tree)
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _value(rng: random.Random) -> Any:
    """A copy: a later change may go inside it."""
    return copy.deepcopy(rng.choice(_VALUES))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key or index) of a JSON value."""
    found, left = [], [tree]
    while left:
        node = left.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            found.append((node, key))
            left.append(node[key])
    return found


def _hurt(rng: random.Random, tree: Any) -> Any:
    """One change somewhere: gone, twice, of another type, deeper, under another name."""
    places = _places(tree)
    if not places or rng.random() < 0.03:
        return rng.choice(([tree], [tree] * 3, {"alerts": tree}, _value(rng)))
    node, key = rng.choice(places)
    kind, value = rng.randrange(6), node[key]
    if kind == 0:
        del node[key]
    elif kind <= 2:
        node[key] = _value(rng)
    elif kind == 3:
        node[key] = rng.choice(([value], {"x": value}, str(value), [value, copy.deepcopy(value)]))
    elif isinstance(node, list):
        node.insert(rng.randrange(len(node) + 1), copy.deepcopy(value))
    else:
        node[rng.choice((str(key).upper(), f"{key} ", "", "\0", "severity", "status", "x" * 1100))] = node.pop(key)
    return tree


def _token(rng: random.Random, tree: Any) -> bytes:
    """A value replaced by what no JSON writer writes, or a key written twice."""
    places = _places(tree)
    if not places:
        return rng.choice(_TOKENS)
    node, key = rng.choice(places)
    node[key] = "@hurt@"
    text = json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
    token = rng.choice(_TOKENS)
    if isinstance(key, str) and rng.random() < 0.2:
        token = b'"x",' + json.dumps(key).encode() + b":" + json.dumps(rng.choice(_VALUES)).encode()
    return text.replace(b'"@hurt@"', token)


def _form(rng: random.Random, body: bytes) -> bytes:
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(pairs) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            pairs[at : at + 1] = []
        elif kind == 1:
            pairs[at:at] = pairs[: rng.randrange(len(pairs) + 1)]
        elif at < len(pairs):
            pairs[at] = (pairs[at][0] if kind == 2 else rng.choice(("", "\0", "支付")), str(rng.choice(_VALUES)))
    hurt = urlencode(pairs, errors="replace").encode()
    return (
        hurt * 40
        if rng.random() < 0.01
        else hurt.replace(
            b"%",
            rng.choice(
                (b"%", b"%", b"%", b"%%", b"%ff%"),
            ),
        )
    )
