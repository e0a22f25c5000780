"""Probers' requests: each known one, every way to show a secret, and mappings that users write."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from kunobs.config.noc.probers import VerifyConfig
from kunobs.noc.accept.alert import Alert, identity
from kunobs.noc.accept.prober.known import KNOWN
from kunobs.noc.accept.prober.mapping import Mapping, read
from kunobs.noc.accept.refusal import Refusal
from kunobs.testing import noc_payloads as payloads
from kunobs.testing.noc_payloads import PROBERS, SECRET, Payload
from tests.support import REPOSITORY

BEGAN_MS, ENDED_MS = payloads.BEGAN * 1000, payloads.ENDED * 1000
NOW_MS = ENDED_MS + 5000
PAGE = (REPOSITORY / "docs/probers.md").read_text(encoding="utf-8")


def mapped(mapping: Mapping, sample: Payload, secret: str = SECRET, **changes: Any) -> Alert:
    """The one alert of a request."""
    parts = {name: getattr(sample, name) for name in ("method", "query", "headers", "body")} | changes
    (alert,) = read(mapping, secret, now_ms=NOW_MS, **parts).alerts
    return alert


def known(name: str, down: bool = True, **changes: Any) -> Alert:
    """The alert of a known prober's sample; `changes` are members of its JSON."""
    sample = PROBERS[name](down)
    return mapped(
        KNOWN[name], sample, body=json.dumps(json.loads(sample.body) | changes).encode() if changes else sample.body
    )


def form(name: str, **changes: str) -> Alert:
    """The alert of Aliyun's form with other fields; an empty one is left out."""
    pairs = dict(part.split("=") for part in PROBERS[name](True).body.decode().split("&"))
    pairs |= {key: quote_plus(value) for key, value in changes.items()}
    body = "&".join(f"{key}={value}" for key, value in pairs.items() if value).encode()
    return mapped(KNOWN[name], PROBERS[name](True), body=body)


@pytest.mark.parametrize(
    ("name", "labels", "summary"),
    [
        ("jiankongbao", {"target": "支付网关", "check": "266577", "kind": "http"}, "支付网关: 北京电信 不可用 100%"),
        (
            "aliyun_cloudmonitor",
            {
                "target": "基础监控-ECS-内存使用率",
                "instance": "pay-1",
                "product": "acs_ecs",
                "metric": "memory_usedutilization",
            },
            "基础监控-ECS-内存使用率: pay-1 memory_usedutilization = 97.39 ($Average>=95), ALERT",
        ),
        ("pingdom", {"target": "Payment API", "check": "803318", "kind": "HTTP"}, "Payment API: DOWN, HTTP Error 503"),
        ("uptimerobot", {"target": "Payment page", "check": "784512"}, "Payment page: Down, Connection Timeout"),
        ("better_stack", {"target": "Payment page", "monitor": "4"}, "Payment page: Error 500"),
        (
            "healthchecks",
            {"target": "nightly backup", "check": "f618072a-7bde-4eee-af63-71a77c5723bc"},
            "nightly backup is down, last heard 2026-11-24T05:00:00Z",
        ),
    ],
)
def test_a_known_prober(name: str, labels: dict[str, str], summary: str) -> None:
    """Down, up and down again of one check: one identity, and times in their order."""
    down, up = known(name), known(name, down=False)
    severity = "warning" if name == "aliyun_cloudmonitor" else "critical"
    assert down.labels == labels | {"prober": name, "severity": severity}
    assert down.annotations["summary"] == summary
    fraction = 151 if name == "better_stack" else 0
    assert (down.status, down.starts_ms, down.ends_ms) == ("firing", BEGAN_MS + fraction, None)
    assert (up.status, up.starts_ms, up.ends_ms) == ("resolved", 0, ENDED_MS)
    assert identity("t", down) == identity("t", up)
    assert len({identity("t", known(other)) for other in KNOWN}) == len(KNOWN) == 6


def test_all_have_an_example_that_begins_later_than_the_last_ended() -> None:
    """A later down of the same check is no old news: it begins after the end on record."""
    again = known("pingdom", state_changed_timestamp=payloads.ENDED + 4)
    assert again.dedup_key == known("pingdom").dedup_key
    up = known("pingdom", down=False)
    assert up.ends_ms is not None
    assert again.starts_ms > up.ends_ms


@pytest.mark.parametrize("make", [payloads.jiankongbao, payloads.jiankongbao_get, payloads.jiankongbao_multipart])
def test_jiankongbao_posts_and_asks(make: Any) -> None:
    """A form, a multipart form and a query say the same thing."""
    down, up = (mapped(KNOWN["jiankongbao"], make(state)) for state in (True, False))
    assert down == mapped(KNOWN["jiankongbao"], payloads.jiankongbao(True))
    assert (up.status, up.ends_ms, up.dedup_key) == ("resolved", ENDED_MS, '["jiankongbao","266577"]')


# printf 121795496400prober-secret | md5sum
DIGEST = "9ab4bb1eda256089496d03ef1e3dbb79"


def jiankongbao(secret: str = SECRET, given: str = "", **changes: str) -> Alert:
    """A callback signed by its documented formula, or by `given`."""
    fields = {"msg_id": "1", "task_id": "2", "fault_time": str(payloads.BEGAN), "message_status": "1"}
    body = urlencode(fields | {"token": given or DIGEST} | changes).encode()
    return mapped(KNOWN["jiankongbao"], Payload(True, body), secret)


def test_jiankongbao_is_checked_by_its_md5() -> None:
    """One field changed, another secret, no digest: 401 each, and no word of what is right."""
    assert jiankongbao().labels["target"] == "2"
    assert jiankongbao(given=DIGEST.upper())
    assert jiankongbao(message_type="2").labels["severity"] == "warning"
    for wrong in (
        {"task_id": "3"},
        {"msg_id": "2"},
        {"secret": "other"},
        {"secret": ""},
        {"given": "é"},
        {"token": ""},
    ):
        with pytest.raises(Refusal, match="secret") as caught:
            jiankongbao(**wrong)
        assert caught.value.status == 401
        assert SECRET not in str(caught.value) + caught.value.hint


def test_aliyun() -> None:
    """Seconds as well as milliseconds; each instance is an alert; a rule without id goes by its name."""
    assert form("aliyun_cloudmonitor", timestamp=str(payloads.BEGAN)).starts_ms == BEGAN_MS
    assert form("aliyun_cloudmonitor", alertState="INSUFFICIENT_DATA").status == "firing"
    assert form("aliyun_cloudmonitor", triggerLevel="CRITICAL").labels["severity"] == "critical"
    other = form("aliyun_cloudmonitor", dimensions="{instanceId=i-2}")
    assert other.dedup_key == '["aliyun_cloudmonitor","rule-ee147e59","{instanceId=i-2}"]'
    assert form("aliyun_cloudmonitor", ruleId="").dedup_key.startswith('["aliyun_cloudmonitor","基础监控')


def test_pingdom() -> None:
    """Transactions have other words; a ping has no page, which loses the link and not the alert."""
    assert known("pingdom", current_state="FAILING").status == "firing"
    assert known("pingdom", current_state="SUCCESS").status == "resolved"
    assert known("pingdom", importance_level="LOW").labels["severity"] == "warning"
    assert known("pingdom").links == ("https://pay.example.com/health",)
    assert known("pingdom").annotations["tags"] == '["pay","prod"]'
    assert known("pingdom", check_params={"url": "/health"}).links == ()


def test_uptimerobot() -> None:
    """A certificate is its own alert, or a site that is down would be taken for it."""
    certificate = known("uptimerobot", alertType="3", sslExpiryDaysLeft="7")
    assert certificate.dedup_key == '["uptimerobot","784512","certificate"]'
    assert (certificate.labels["severity"], certificate.annotations["certificate_days"]) == ("warning", "7")
    assert known("uptimerobot", alertType=1) == known("uptimerobot")


def test_better_stack() -> None:
    """Acknowledged there is nothing here; what is no incident is refused."""
    sample = payloads.better_stack()
    body = sample.body.replace(b'"started"', b'"acknowledged"')
    assert read(KNOWN["better_stack"], SECRET, "POST", sample.query, {}, body, NOW_MS).alerts == ()
    with pytest.raises(Refusal, match="'created', which is not one of started, resolved, acknowledged"):
        known("better_stack", event="created")


def test_healthchecks() -> None:
    """A check without a name has a slug, one without either its id."""
    assert known("healthchecks", check={"name": "", "slug": "backup"}).labels["target"] == "backup"
    assert known("healthchecks", check={}).labels["target"].startswith("f618072a")


@pytest.mark.parametrize(
    "shown",
    [
        {"headers": {"authorization": f"Bearer {SECRET}"}},
        {"headers": {"authorization": f"bearer  {SECRET} "}},
        {"headers": {"authorization": SECRET}},
        {"query": f"a=b&token={SECRET}"},
        {"query": f"token=wrong&token={SECRET}"},
        {"path_token": SECRET},
        {"path_token": SECRET, "query": "token=wrong"},
    ],
)
def test_a_token_may_stand_in_three_places(shown: dict[str, Any]) -> None:
    """Wherever the console lets it be written."""
    assert mapped(KNOWN["pingdom"], payloads.pingdom(), **({"query": ""} | shown)).status == "firing"


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"query": ""},
        {"query": "token="},
        {"query": f"token={SECRET[:-1]}"},
        {"query": f"Token={SECRET}"},
        {"query": f"token={SECRET}", "secret": ""},
        {"query": "token=", "secret": ""},
        {"query": "token=%FF%00é"},
        {"headers": {"authorization": f"Basic {SECRET}"}},
        {"headers": {"authorization": "Bearer \xff"}},
        {"headers": {"x-token": SECRET}},
        {"path_token": SECRET.upper()},
    ],
)
def test_a_wrong_token(shown: dict[str, Any]) -> None:
    """401, before the body is looked at; no secret at all lets nobody in."""
    with pytest.raises(Refusal) as caught:
        mapped(KNOWN["pingdom"], payloads.pingdom(), **({"query": "", "body": b"no JSON"} | shown))
    assert caught.value.status == 401
    assert caught.value.hint
    assert SECRET not in str(caught.value) + caught.value.hint


# Known answers: FIPS 198 examples as Wikipedia's article on HMAC has them.
KEY, TEXT = "key", b"The quick brown fox jumps over the lazy dog"
SHA256 = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
SHA1 = "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"


@pytest.mark.parametrize(
    ("verify", "given", "status"),
    [
        ({"by": "hmac-sha256"}, SHA256, 400),
        ({"by": "hmac-sha256"}, SHA256.upper(), 400),
        ({"by": "hmac-sha1"}, SHA1, 400),
        ({"by": "hmac-sha256", "prefix": "sha256="}, f"sha256={SHA256}", 400),
        ({"by": "hmac-sha1", "encoding": "base64"}, base64.b64encode(bytes.fromhex(SHA1)).decode(), 400),
        ({"by": "hmac-sha256", "prefix": "sha256="}, SHA256, 401),
        ({"by": "hmac-sha256", "prefix": "sha256="}, f"sha512={SHA256}", 401),
        ({"by": "hmac-sha256"}, SHA1, 401),
        ({"by": "hmac-sha256"}, SHA256[:-1] + "9", 401),
        ({"by": "hmac-sha256"}, SHA256[:-2], 401),
        ({"by": "hmac-sha256"}, "", 401),
        ({"by": "hmac-sha256"}, "zz", 401),
        ({"by": "hmac-sha256", "encoding": "base64"}, "é=", 401),
        ({"by": "hmac-sha256"}, None, 401),
    ],
)
def test_a_signature(verify: dict[str, str], given: str | None, status: int) -> None:
    """The signed text is no JSON: 400 shows that the signature was right, 401 that it was not."""
    headers = {} if given is None else {"x-signature": given}
    check = VerifyConfig.model_validate(verify | {"header": "X-Signature"})
    mapping = Mapping("acme", KNOWN["pingdom"].config.model_copy(update={"verify": check}))
    with pytest.raises(Refusal) as caught:
        read(mapping, KEY, "POST", "", headers, TEXT, NOW_MS)
    assert caught.value.status == status
    assert hmac.new(KEY.encode(), TEXT, "sha256").hexdigest() == SHA256
    assert SHA256 not in str(caught.value)
