"""Durations, sizes and addresses: what is read, what is refused, and that printing and reading agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.config import format_duration, format_size, parse_duration, parse_size, split_address


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("100ms", 0.1),
        ("10s", 10),
        ("5m", 300),
        ("1h", 3600),
        ("7d", 604800),
        ("1.5s", 1.5),
        ("0s", 0),
        ("0.5ms", 0.0005),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "5S", "-5s", "5sec", "1h30m", "5s\n", "٥s", "1e3s", "5w", ".5s", "5us"]
)
def test_no_durations(text: str) -> None:
    """Anything else is refused, with an example of what is meant."""
    with pytest.raises(ValueError, match="100ms, 10s, 5m, 1h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8MiB", 8 * 2**20),
        ("500MB", 500 * 10**6),
        ("10B", 10),
        ("1KiB", 1024),
        ("1KB", 1000),
        ("0.5GiB", 2**29),
        ("2TiB", 2**41),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """A number and a unit; Ki is 1024, K is 1000."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "5", "8Mi", "8mb", "8 MiB", "-1B", "0.1B", "1EiB", "MiB", "1kB"])
def test_no_sizes(text: str) -> None:
    """Anything else is refused, a fraction of a byte too."""
    with pytest.raises(ValueError, match="8MiB"):
        parse_size(text)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**10), st.integers(0, 2**50))
def test_what_is_printed_is_read_back(milliseconds: int, size: int) -> None:
    """The landing page shows values that may be pasted into a file."""
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "100ms"), (604800.0, "7d"), (90.0, "90s"), (60.0, "1m"), (0.0, "0s"), (1.5, "1500ms")]
)
def test_a_duration_is_printed_in_its_largest_unit(value: float, text: str) -> None:
    """As a person would write it."""
    assert format_duration(value) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("kafka-1:9092", ("kafka-1", 9092)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("[2001:db8::1]:9092", ("2001:db8::1", 9092)),
        ("[fe80::1%eth0]:9092", ("fe80::1%eth0", 9092)),
        ("[::]:0", ("::", 0)),
        ("a_b.svc.cluster.local.:65535", ("a_b.svc.cluster.local.", 65535)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    """Host and port, IPv6 in brackets."""
    assert split_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "a", ":1", "a:", "a:65536", "a:x", "::1:9092", "[::1]", "[]:1", "a b:1", "a:1\n", "a/b:1", "a:１"]
)
def test_no_addresses(text: str) -> None:
    """A name alone, a bare IPv6 address or a port beyond 65535 is no address."""
    with pytest.raises(ValueError, match="is not host:port"):
        split_address(text)
