"""`kunobs demo --input`: lines byte for byte, and clear errors for files that cannot be used."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from kunobs.errors import UsageError
from kunobs.local.demo.oracle import judge
from kunobs.local.demo.source import LARGEST_LINE, NAMESPACES, FileSource, GeneratedSource, key_of
from kunobs.testing.clock import FakeClock
from kunobs.testing.events import SHARES, EventGenerator

ID = "0a" * 32
BY_METADATA = b'{"container":{"id":"%b"}}' % ID.encode()
BY_PATH = b'{"log":{"file":{"path":"/var/log/containers/p_team_c-%b.log"}}}' % ID.encode()


def write(path: Path, content: bytes, *, zipped: bool = False) -> Path:
    """A file with that content."""
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["events.ndjson", "events.ndjson.gz", "events"])
def test_lines_come_as_they_are(tmp_path: Path, zipped: bool, name: str) -> None:
    """Only the newline goes; carriage returns, spaces and bytes that are no UTF-8 stay. Gzip is known by its bytes."""
    lines = [b'{"a":1}', b'  {"a":2}\t\r', b"\xff\xfe broken", b"", b" \t\r", b"null", b'{"last":"without newline"}']
    source = FileSource(write(tmp_path / name, b"\n".join(lines), zipped=zipped))
    assert [record.value for record in source] == [line for line in lines if line.strip()]
    assert source.total == 5
    assert [record.origin.rsplit(" ", 1)[1] for record in source] == ["1", "2", "3", "6", "7"]


def test_every_line_the_generator_can_make_survives_a_file(tmp_path: Path) -> None:
    """Hostile lines are passed on untouched."""
    lines = [
        line.value
        for line in EventGenerator(5, shares={kind: 1 / len(SHARES) for kind in SHARES}, whole_lines=True).lines(600)
    ]
    source = FileSource(write(tmp_path / "hostile.ndjson", b"\n".join(lines) + b"\n"))
    assert [record.value for record in source] == lines


def test_the_largest_line_passes_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    """The error names the file, the line and the limit."""
    largest = b'"' + b"x" * (LARGEST_LINE - 2) + b'"'
    file = write(tmp_path / "large.ndjson", b"{}\n" + largest + b"\n{}\n")
    assert [len(record.value) for record in FileSource(file)] == [2, LARGEST_LINE, 2]
    write(file, b"{}\n" + largest + b" \n{}\n")
    with pytest.raises(UsageError, match=f"large.ndjson line 2 is larger than {LARGEST_LINE} bytes"):
        FileSource(file)


def test_a_damaged_gzip_file_says_how_far_it_was_readable(tmp_path: Path) -> None:
    """A cut end, a flipped bit and rubbish after the end are refused before anything starts."""
    content = b"".join(b'{"line":%d,"x":"%b"}\n' % (number, os.urandom(50).hex().encode()) for number in range(2000))
    whole = gzip.compress(content)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for damaged in (whole[: len(whole) // 2], whole[:-4], bytes(flipped), whole + b"rubbish"):
        file = tmp_path / "cut.ndjson.gz"
        file.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"cut.ndjson.gz is damaged after line \d+") as caught:
            FileSource(file)
        assert "gzip --test" in caught.value.hint


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (lambda path: path.touch(), "holds no events"),
        (lambda path: path.write_bytes(b"\n \n\r\n"), "holds no events"),
        (lambda path: path.write_bytes(gzip.compress(b"")), "holds no events"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, make: object, message: str) -> None:
    """Each gets an error that names it, with exit code 2 and a hint."""
    assert callable(make)
    path = tmp_path / "events.ndjson"
    make(path)
    with pytest.raises(UsageError, match=f"events.ndjson {message}") as caught:
        FileSource(path)
    assert caught.value.exit_code == 2
    assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (BY_METADATA, ID.encode()),
        (BY_PATH, ID.encode()),
        (BY_PATH[:-1] + b"," + BY_METADATA[1:].replace(b"0a", b"0b"), b"0b" * 32),
        (b"{}", None),
        (b"[]", None),
        (b"broken", None),
        (b'{"container":"x"}', None),
        (b"[" * 100_000, None),
    ],
)
def test_the_key_is_the_container(value: bytes, key: bytes | None) -> None:
    """By its metadata, else by its log file's name, else none."""
    assert key_of(value) == key


def test_generated_records_are_as_many_as_asked_and_begin_now() -> None:
    """An opening, one line per namespace at least, and `rate * seconds` lines; their time is that of the first use."""
    clock = FakeClock(1_793_503_107.0)
    source = GeneratedSource(rate=100, seconds=2, clock=clock)
    clock.advance(60)
    records = list(source)
    assert len(records) == source.total == source.opening + 200
    assert NAMESPACES <= source.opening < 4 * NAMESPACES
    assert len({judge(record.value).namespace for record in records[: source.opening]}) == NAMESPACES
    assert records[0].value.startswith(b'{"@timestamp":"2026-11-01T')
