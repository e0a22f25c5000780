"""A hundred thousand hurt requests: each becomes alerts that the relay can hold, or a 4xx that says why not."""

from __future__ import annotations

import hmac
import json
import random
from collections.abc import Callable

import pytest

from kunobs.config.noc.probers import MappingConfig, StatusConfig, TimesConfig, VerifyConfig
from kunobs.noc.accept import alertmanager, tenant
from kunobs.noc.accept.alert import Post, identity
from kunobs.noc.accept.prober.known import KNOWN
from kunobs.noc.accept.prober.mapping import Mapping, read
from kunobs.noc.accept.refusal import Refusal
from kunobs.testing import noc_payloads as payloads
from kunobs.testing.noc_payloads import SECRET, Payload

NOW_MS = payloads.ENDED * 1000 + 5000
EACH = 8_000
Reader = Callable[[Payload, bytes], Post]

OWN = Mapping(
    "acme",
    MappingConfig(
        fields={
            "check": ("$.check_id", "$..check_id"),
            "name": ("$.check_params[?@=='pay.example.com']", "$.check_name"),
            "state": ("$.current_state",),
            "at": ("$.state_changed_utc_time",),
            "tag": ("$.tags[*]",),
        },
        id=("check", "name"),
        target="name",
        status=StatusConfig(field="state", values={"DOWN": "firing", "UP": "resolved"}),
        times=TimesConfig(starts="at", ends="at", format="%Y-%m-%dT%H:%M:%S", zone="Asia/Shanghai"),
        summary="{name} {tag} {",
        labels={"tag": "tag"},
        verify=VerifyConfig(by="hmac-sha256", header="x-signature", prefix="sha256="),
    ),
)
"""With what the known mappings have not: a search through the whole body, a pattern for times, a signature."""


def prober(mapping: Mapping) -> Reader:
    """Reads a hurt body of that prober."""
    return lambda sample, body: read(mapping, SECRET, sample.method, sample.query, sample.headers, body, NOW_MS)


def unsigned(mapping: Mapping) -> Mapping:
    """The same without a check: a signature would refuse what is hurt before it is read."""
    return Mapping(mapping.name, mapping.config.model_copy(update={"verify": VerifyConfig(by="none")}))


def query(sample: Payload, body: bytes) -> Post:
    """Reads what was hurt as a URL's parameters."""
    mapping = unsigned(KNOWN["jiankongbao"])
    return read(mapping, SECRET, "GET", body.decode("latin-1"), sample.headers, b"", NOW_MS)


def signed(sample: Payload, body: bytes) -> Post:
    """Signs what was hurt, then reads it."""
    headers = {"x-signature": "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()}
    return read(OWN, SECRET, "POST", "", headers, body, NOW_MS)


def by_get(down: bool) -> Payload:
    """The parameters of a GET, where the mutator looks for a body."""
    return Payload(down, payloads.jiankongbao_get(down).query.encode())


SOURCES: dict[str, tuple[Callable[[bool], Payload], Reader]] = {
    "alertmanager": (payloads.alertmanager, lambda sample, body: alertmanager.read(body)),
    "tenant": (payloads.tenant, lambda sample, body: tenant.read(body, NOW_MS)),
    "tenant list": (payloads.tenant_list, lambda sample, body: tenant.read(body, NOW_MS)),
    "jiankongbao": (payloads.jiankongbao, prober(KNOWN["jiankongbao"])),
    "jiankongbao unsigned": (payloads.jiankongbao, prober(unsigned(KNOWN["jiankongbao"]))),
    "jiankongbao multipart": (payloads.jiankongbao_multipart, prober(unsigned(KNOWN["jiankongbao"]))),
    "jiankongbao get": (by_get, query),
    **{name: (make, prober(KNOWN[name])) for name, make in payloads.PROBERS.items() if name != "jiankongbao"},
    "own mapping": (payloads.pingdom, signed),
}


def sound(post: Post) -> None:
    """Fails where the relay could not hold it: a text that is no Unicode, a time that is none."""
    assert 0 <= post.truncated < 2**53
    texts = [post.sender, post.group]
    for alert in post.alerts:
        assert alert.status in ("firing", "resolved")
        texts += [*alert.labels, *alert.labels.values(), *alert.annotations, *alert.annotations.values()]
        texts += [*alert.links, alert.dedup_key, identity("t", alert)]
        for moment in (alert.starts_ms, alert.ends_ms):
            assert moment is None or (type(moment) is int and 0 <= moment < 2**53), moment
        assert alert.status == "resolved" or alert.ends_ms is None
    for text in texts:
        assert type(text) is str
        text.encode("utf-8")


@pytest.mark.parametrize("source", SOURCES)
def test_a_hurt_request_is_read_or_refused(source: str) -> None:
    """Nothing else ever comes out of a reader."""
    make, reader = SOURCES[source]
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(f"{seed}/{source}")
    samples = [make(True), make(False)]
    accepted = refused = 0
    for number in range(EACH):
        sample = samples[number % 2]
        body = payloads.mutate(dice, sample.body)
        try:
            sound(reader(sample, body))
            accepted += 1
        except Refusal as refusal:
            assert 400 <= refusal.status < 500, body
            assert str(refusal).encode("utf-8"), body
            assert refusal.hint, body
            refused += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}: {body!r}") from error
    assert accepted > 100, (accepted, refused)
    assert refused > 100, (accepted, refused)


def test_there_are_enough() -> None:
    """The number that is promised."""
    assert EACH * len(SOURCES) >= 100_000


def test_the_samples_are_read() -> None:
    """Whole, every one of them: otherwise the mutator would hurt what is no request."""
    for make, reader in SOURCES.values():
        for down in (True, False):
            sample = make(down)
            post = reader(sample, sample.body)
            sound(post)
            assert {alert.status for alert in post.alerts} == {"firing" if down else "resolved"}


def test_the_mutator_is_seeded() -> None:
    """The same seed, the same bytes, and hardly any that are not hurt."""
    body = payloads.alertmanager().body
    first, second = ([payloads.mutate(random.Random(number), body) for number in range(500)] for _ in range(2))
    assert first == second
    same = sum(json.dumps(json.loads(body)).encode() == hurt or body == hurt for hurt in first)
    assert same < 50
