"""Parsers: what real loggers write, and lines made to hurt."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.client.parsers import Parsed, Parser, first_of, parse_access, parse_json, parse_logfmt, regex_parser
from kunobs.client.parsers.backtracking import explosive
from kunobs.client.parsers.logfmt import MOST_FIELDS
from kunobs.client.parsers.result import LONGEST

_APACHE = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'
_COMBINED = _APACHE + ' "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
_INGRESS = (
    '2001:db8::7 - - [01/Nov/2026:03:18:27 +0000] "POST /v1/orders?x=\\x22a\\x22 HTTP/2.0" 499 0 "-" "curl/8.5" '
    "731 0.204 [team-pay-api-80] [] 10.42.3.17:8080 0 0.205 - 5f0c"
)


def test_common_and_combined_log_format() -> None:
    """Apache's own two examples are read field by field."""
    common, combined = parse_access(_APACHE), parse_access(_COMBINED)
    assert common
    assert combined
    expected: dict[str, Any] = {
        "remote": "127.0.0.1",
        "user": "frank",
        "time": datetime(2000, 10, 10, 20, 55, 36, tzinfo=UTC),
        "request": "GET /apache_pb.gif HTTP/1.0",
        "method": "GET",
        "path": "/apache_pb.gif",
        "protocol": "HTTP/1.0",
        "status": 200,
        "bytes": 2326,
        "referer": "",
        "agent": "",
    }
    assert common.fields == expected
    assert combined.fields == expected | {
        "referer": "http://www.example.com/start.html",
        "agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
    }
    assert (common.rest, combined.rest) == ("", "")


def test_what_a_site_appends_is_the_rest() -> None:
    """ingress-nginx writes more after the combined format; escapes become what they stand for."""
    parsed = parse_access(_INGRESS)
    assert parsed
    assert parsed.fields["path"] == '/v1/orders?x="a"'
    assert (parsed.fields["remote"], parsed.fields["status"]) == ("2001:db8::7", 499)
    assert parsed.rest == "731 0.204 [team-pay-api-80] [] 10.42.3.17:8080 0 0.205 - 5f0c"


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        (r'1.1.1.1 - - [01/Nov/2026:03:18:27 +0800] "\x16\x03\x01\xE4\xB8\xAD" 400 -', "request", "\x16\x03\x01中"),
        (r'1.1.1.1 - - [01/Nov/2026:03:18:27 +0800] "\x16\x03" 400 -', "method", ""),
        (r'1.1.1.1 - - [01/Nov/2026:03:18:27 +0800] "" 408 -', "request", ""),
        (r'1.1.1.1 - - [01/Nov/2026:03:18:27 +0800] "GET /a\"b HTTP/1.1" 200 5', "path", '/a"b'),
        (r'1.1.1.1 - a b [01/Nov/2026:03:18:27 +0800] "GET / HTTP/1.1" 200 5', "user", "a b"),
        (r'1.1.1.1 - - [31/Feb/2026:03:18:27 +0800] "GET / HTTP/1.1" 200 5', "time", None),
        (r'1.1.1.1 - - [01/Nov/2026:03:18:60 +0000] "GET / HTTP/1.1" 200 5', "time",
         datetime(2026, 11, 1, 3, 18, 59, tzinfo=UTC)),
        (r'1.1.1.1 - - [2026-11-01T03:18:27+00:00] "GET / HTTP/1.1" 200 5', "time",
         datetime(2026, 11, 1, 3, 18, 27, tzinfo=UTC)),
        (r'1.1.1.1 - - [01/Nov/2026:03:18:27 +9999] "GET / HTTP/1.1" 200 5', "time", None),
    ],
)  # fmt: skip
def test_odd_access_lines(line: str, field: str, value: Any) -> None:
    """Scanners, leap seconds and impossible dates do not make a line unreadable."""
    parsed = parse_access(line)
    assert parsed
    assert parsed.fields[field] == value


@pytest.mark.parametrize(
    ("line", "fields", "rest", "problem"),
    [
        ('level=info msg="order paid" took=31ms', {"level": "info", "msg": "order paid", "took": "31ms"}, "", ""),
        (r'a="say \"hi\"" b="x\ty\nz" c="中\u4e2d"', {"a": 'say "hi"', "b": "x\ty\nz", "c": "中中"}, "", ""),
        ("GET /x a= b=1 b=2", {"a": "", "b": "2"}, "GET /x", ""),
        ("caller=main.go:31 url=http://h/?q=1&r=2", {"caller": "main.go:31", "url": "http://h/?q=1&r=2"}, "", ""),
        ('a=1 b="cut off', {"a": "1", "b": "cut off"}, "", "open_quote"),
        ("a plain sentence", {}, "a plain sentence", "no_pairs"),
        ("", {}, "", "no_pairs"),
        ('=x "y" ="', {}, '=x "y" ="', "no_pairs"),
    ],
)
def test_logfmt(line: str, fields: dict[str, str], rest: str, problem: str) -> None:
    """Pairs are fields, words are the rest, a line that was cut short says so."""
    assert parse_logfmt(line) == Parsed("logfmt", fields, rest, problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "not_json"),
        ("plain", "not_json"),
        ("{", "not_json"),
        ('{"a":NaN}', "not_json"),
        ("[1]", "not_object"),
        ('"x"', "not_object"),
        ("{}{}", "not_json"),
        ('{"a":' * 50_000, "too_deep"),
        (" " * (LONGEST + 1), "too_long"),
    ],
)
def test_what_is_no_json_object(line: str, problem: str) -> None:
    """Each kind of line that is none has its own word."""
    parsed = parse_json(line)
    assert not parsed
    assert parsed.problem == problem


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=10), st.text(max_size=10) | st.integers() | st.booleans(), max_size=5))
def test_json_reads_what_was_written(fields: dict[str, Any]) -> None:
    """Any object survives, with letters of every script, escaped or not."""
    assert parse_json(json.dumps(fields)) == Parsed("json", fields)
    assert parse_json(" " + json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace").decode())


_PLAIN = st.text(
    st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"], exclude_characters='="\\'), min_size=1
)


@settings(deadline=None)
@given(st.dictionaries(_PLAIN.filter(lambda key: not any(c.isspace() for c in key)), st.text(max_size=12), max_size=6))
def test_logfmt_reads_what_was_written(fields: dict[str, str]) -> None:
    """Any values, quoted and escaped, come back."""
    escaped = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in fields.items()}
    parsed = parse_logfmt(" ".join(f'{key}="{value}"' for key, value in escaped.items()))
    assert parsed.fields == fields
    assert parsed.problem == ("" if fields else "no_pairs")


def test_a_flood_of_pairs_is_bounded() -> None:
    """A line of endless pairs gives 1000 fields and the rest as text."""
    parsed = parse_logfmt(" ".join(f"k{number}=v" for number in range(MOST_FIELDS + 7)))
    assert len(parsed.fields) == MOST_FIELDS
    assert parsed.problem == "too_many_fields"
    assert parsed.rest.split() == [f"k{number}=v" for number in range(MOST_FIELDS, MOST_FIELDS + 7)]


def test_regex_fields() -> None:
    """Named groups become fields; what lies around the match is the rest."""
    parse = regex_parser(r"(?P<level>[A-Z]+) +\[(?P<thread>[^\]]*)\](?: (?P<trace>t-\w+))? - ")
    parsed = parse("03:18 ERROR [main] - lock held")
    assert parsed
    assert (parsed.fields, parsed.rest) == ({"level": "ERROR", "thread": "main"}, "03:18 lock held")
    assert parse("nothing").problem == "no_match"
    assert parse("ERROR [x] - " + "a" * 20_000).problem == "too_long"


@pytest.mark.parametrize(
    "pattern", ["(", "no groups", "(unnamed)", "(?P<a>", "(?P<a>x)(?P<a>y)", "a" * 10 + "{99999999999}"]
)
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    """At the start, with the reason, not for every line."""
    with pytest.raises(ValueError):
        regex_parser(pattern)


_EVIL = [
    r"(a+)+$",
    r"([a-zA-Z]+)*$",
    r"(a|aa)+$",
    r"(a|a?)+$",
    r"(.*a){20}$",
    r"(\w+\s?)*$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:x|x)*y",
    r"(?i)(?:ab|AB)*$",
    r"(?:ab|[ab]b)*c",
    r"((a?){20})+$",
    r"(?=(a+)+$)x",
    r"(x)?(?(1)(b+)+|c)$",
    r"(?:(?:a?b?){2})+$",
]
_HARMLESS = [
    r"^(?P<level>[A-Z]+) (?P<rest>.*)$",
    r'"(?:[^"\\]|\\.)*"',
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(?:[a-z]++ )*",
    r"(?>a+)*x",
    r"(?:ab|cd|ef)*",
    r"(?:\d\d|-|中)*",
    r"(?:key=[^ ]++ ?)++",
    r"(?:(?>[a-z]+)\.)*com",
]


@pytest.mark.parametrize("pattern", _EVIL)
def test_exponential_patterns_are_refused(pattern: str) -> None:
    """The textbook patterns of regular expression denial of service are named as such."""
    assert explosive(pattern)
    with pytest.raises(ValueError, match="repeat"):
        regex_parser(f"(?P<all>{pattern})" if not pattern.startswith("(?i)") else "(?i)(?P<all>" + pattern[4:] + ")")


@pytest.mark.parametrize("pattern", _HARMLESS)
def test_harmless_patterns_are_accepted(pattern: str) -> None:
    """Common patterns, possessive ones among them, are no danger."""
    assert explosive(pattern) == ""


def test_a_refused_pattern_is_truly_slow() -> None:
    """The oracle of the two tests above: one evil pattern does not finish on 40 letters, its possessive form does."""
    program = "import re,sys; re.search(sys.argv[1], 'a' * 40 + '!')"
    fine = subprocess.run([sys.executable, "-c", program, r"(a++)+$"], timeout=60, check=False)
    assert fine.returncode == 0
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", program, r"(a+)+$"], timeout=1, check=False)


_REGEX = regex_parser(r'^(?P<time>\S+) (?P<level>[A-Z]++) "(?P<text>(?:[^"\\]|\\.)*+)"', longest=10**7)
_PARSERS: dict[str, Parser] = {
    "json": parse_json,
    "logfmt": parse_logfmt,
    "access": parse_access,
    "regex": _REGEX,
    "first_of": first_of(parse_json, parse_access, parse_logfmt),
}


@pytest.mark.parametrize("parser", _PARSERS.values(), ids=_PARSERS)
@settings(deadline=None)
@given(line=st.text(max_size=200) | st.text(st.sampled_from('{}[]":,\\=- \tHTTP/1.0GETa9é中\ud800\n'), max_size=200))
def test_no_line_raises(parser: Parser, line: str) -> None:
    """Whatever a line holds, the answer is a `Parsed` whose truth is the absence of a problem."""
    parsed = parser(line)
    assert isinstance(parsed, Parsed)
    assert bool(parsed) is (parsed.problem == "")


def _hostile(kind: str, size: int) -> str:
    """A line of about `size` characters that makes a careless parser look at everything again and again."""
    rng = random.Random(f"{kind}/{size}")
    unit = {
        "spaces": " ",
        "quotes": '"',
        "open quotes": 'a="',
        "escaped quotes": 'a="\\',
        "backslashes": "\\",
        "pairs": "k=v ",
        "keys": "k",
        "equals": "=",
        "braces": '{"a":',
        "flat json": '"a":1,',
        "escapes": r"\x41",
        "mixed": "".join(rng.choice('="\\ k{[') for _ in range(64)),
    }[kind]
    body = (unit * (size // len(unit) + 1))[:size]
    return {
        "flat json": "{" + body.rpartition(",")[0] + "}",
        "escapes": f'1.1.1.1 - - [x] "GET /{body} HTTP/1.1" 200 1',
        "backslashes": f'1.1.1.1 - - [x] "{body}',
    }.get(kind, body)


def _fastest(parser: Parser, line: str) -> float:
    def once() -> float:
        start = time.process_time()
        parser(line)
        return time.process_time() - start

    return min(once() for _ in range(3))


_KINDS = (
    "spaces", "quotes", "open quotes", "escaped quotes", "backslashes", "pairs", "keys", "equals", "braces",
    "flat json", "escapes", "mixed",
)  # fmt: skip


def _assert_linear(parser: Callable[[str], object], kind: str) -> None:
    small, large = 2_000, 64_000
    ratio = _fastest(parser, _hostile(kind, large)) / max(_fastest(parser, _hostile(kind, small)), 20e-6)  # type: ignore[arg-type]
    assert ratio < 300, f"{kind}: 32 times the length took {ratio:.0f} times as long"


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("parser", _PARSERS.values(), ids=_PARSERS)
def test_time_grows_with_the_length_only(parser: Parser, kind: str) -> None:
    """32 times the hostile text takes about 32 times as long; a quadratic parser would take 1024 times."""
    _assert_linear(parser, kind)


def test_the_measure_above_sees_a_quadratic_parser() -> None:
    """A parser that starts over at every character fails it."""

    def quadratic(line: str) -> object:
        return [line.count("k=", at) for at in range(0, len(line), 50)]

    with pytest.raises(AssertionError, match="times as long"):
        _assert_linear(quadratic, "keys")


def test_first_of_takes_the_first_that_understands() -> None:
    """One program can read the lines of several loggers."""
    parse = first_of(parse_json, parse_access, parse_logfmt)
    assert [parse(line).format for line in ('{"a":1}', _APACHE, "a=1")] == ["json", "access", "logfmt"]
    assert parse("plain") == parse_logfmt("plain")
    with pytest.raises(ValueError):
        first_of()
