"""Signatures of bodies: those of docs/phone.md, and none that was changed, replayed or made up."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.config.secret import Secret
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.channels.signing import sign, verify

PAGE = (Path(__file__).parents[2] / "docs/phone.md").read_text()
EXAMPLES = re.findall(r"X-Kunobs-Signature: (t=(\d+),v1=([0-9a-f]{64}))\n\n(\{.*\})\n```", PAGE)
SECRET = Secret("phone-secret")
NOW = 1_700_000_000


@pytest.mark.parametrize(("header", "at", "mac", "body"), EXAMPLES)
def test_the_examples_of_the_page(header: str, at: str, mac: str, body: str) -> None:
    """They are what openssl says, and what we sign and take."""
    openssl = shutil.which("openssl")
    if openssl:
        digest = subprocess.run(
            [openssl, "dgst", "-sha256", "-hmac", "phone-secret", "-r"],
            input=f"{at}.{body}".encode(),
            capture_output=True,
            check=True,
        )
        assert digest.stdout.split()[0].decode() == mac
    assert sign(SECRET, body.encode(), float(at) + 0.9) == header
    verify(SECRET, body.encode(), header, float(at))


def test_the_page_has_both() -> None:
    """A request and a report."""
    assert [at for _, at, _, _ in EXAMPLES] == ["1700000000", "1700000030"]


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_five_minutes(age: int) -> None:
    """Clocks differ in both directions."""
    verify(SECRET, b"x", sign(SECRET, b"x", NOW), NOW + age)


@pytest.mark.parametrize("age", [-301, 301, 86_400 * 365])
def test_a_recording(age: int) -> None:
    """A valid signature of another time."""
    with pytest.raises(Refusal, match="300 s old") as caught:
        verify(SECRET, b"x", sign(SECRET, b"x", NOW), NOW + age)
    assert caught.value.status == 403


GOOD = sign(SECRET, b"body", NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=",
        GOOD.partition(",")[0],
        GOOD.partition(",")[2],
        GOOD.upper(),
        GOOD + " ",
        GOOD + "0",
        "t=1700000001" + GOOD[12:],
        GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
        GOOD.replace("t=1", "t=１"),
        "t=" + "9" * 5000 + GOOD[12:],
        "\ud800",
        "t=,v1=" + "0" * 64,
    ],
)
def test_what_is_no_signature(header: str) -> None:
    """403, and the secret is in no text."""
    with pytest.raises(Refusal) as caught:
        verify(SECRET, b"body", header, NOW)
    assert caught.value.status == 403
    assert "phone-secret" not in f"{caught.value} {caught.value.hint}"


def test_another_body_or_secret() -> None:
    """Neither is taken, and without a secret nothing is: not even what was signed without one."""
    for secret, body in ((SECRET, b"bodY"), (Secret("other"), b"body")):
        with pytest.raises(Refusal, match="not that of this body"):
            verify(secret, body, GOOD, NOW)
    with pytest.raises(Refusal):
        verify(Secret(), b"body", sign(Secret(), b"body", NOW), NOW)


@given(st.binary(), st.text(min_size=1).filter(lambda text: text.isprintable()), st.integers(0, 10**11))
def test_what_we_sign_we_take(body: bytes, secret: str, now: int) -> None:
    """Any body, any secret."""
    verify(Secret(secret), body, sign(Secret(secret), body, now), now)
