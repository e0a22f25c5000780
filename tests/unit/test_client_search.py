"""The search's query, and what its refusals say; the answers were recorded from Elasticsearch 9.5.3."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, ConnectionError, HttpHeaders, NodeConfig
from elasticsearch import ApiError

from kunobs.client.profiles import FILEBEAT, FLUENT_BIT
from kunobs.client.search import Search, build_query, glob_query, since_moment
from kunobs.client.search_errors import explain_refusal
from kunobs.errors import DeniedError, KunobsError, UnavailableError, UsageError

_PARSE = "Cannot parse 'foo AND (': Encountered \"<EOF>\" at line 1, column 9.\nWas expecting one of:\n    <NOT> ..."
_SYNTAX = {
    "error": {
        "root_cause": [{"type": "query_shard_exception", "reason": "Failed to parse query [foo AND (]", "index": "x"}],
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
        "phase": "query",
        "failed_shards": [
            {
                "shard": 0,
                "reason": {
                    "type": "query_shard_exception",
                    "reason": "Failed to parse query [foo AND (]",
                    "caused_by": {
                        "type": "parse_exception",
                        "reason": _PARSE,
                        "caused_by": {"type": "parse_exception", "reason": _PARSE.partition(": ")[2]},
                    },
                },
            }
        ],
    },
    "status": 400,
}
_MISSING = {
    "error": {
        "root_cause": [{"type": "index_not_found_exception", "reason": "no such index [logs-k8s-nope]"}],
        "type": "index_not_found_exception",
        "reason": "no such index [logs-k8s-nope]",
    },
    "status": 404,
}


def _refusal(status: int, body: Any) -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "localhost", 9200))
    return ApiError("refused", meta, body)


def _reason(reason: str) -> dict[str, Any]:
    return {"error": {"type": "x", "reason": "all shards failed", "root_cause": [{"type": "y", "reason": reason}]}}


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (400, _SYNTAX, UsageError, "cannot be understood here:\n  foo AND (\n           ^"),
        (400, _reason("failed to create query: bad \x1b[2J"), UsageError, "refuses the query: bad \\x1b[2J"),
        (400, _reason("Failed to parse query [(((]"), UsageError, "cannot be understood: foo AND ("),
        (400, {}, UsageError, "it does not say why"),
        (400, "proxy error", UsageError, "it does not say why"),
        (401, {}, DeniedError, "may not read logs-k8s-nope (401)"),
        (403, {}, DeniedError, "may not read logs-k8s-nope (403)"),
        (404, _MISSING, UnavailableError, "there is no data stream logs-k8s-nope"),
        (429, {}, UnavailableError, "too busy (429)"),
        (503, "", UnavailableError, "too busy (503)"),
        (500, _reason("x" * 999), KunobsError, "the search failed (500): " + "x" * 300 + "…"),
        (413, None, KunobsError, "the search failed (413)"),
    ],
)
def test_refusals(status: int, body: Any, error: type[KunobsError], words: str) -> None:
    """Each kind of refusal becomes its own error; the server's words are cut and made harmless."""
    found = explain_refusal(_refusal(status, body), "logs-k8s-nope", "foo AND (")
    assert type(found) is error
    assert words in str(found)


def test_a_long_query_is_not_printed_back() -> None:
    """The place is named instead."""
    body = json.loads(json.dumps(_SYNTAX).replace("line 1, column 9", "line 2, column 3"))
    assert "at character 4 of line 2" in str(explain_refusal(_refusal(400, body), "s", "a\n" + "b" * 300))
    assert "ends too early" in str(explain_refusal(_refusal(400, _SYNTAX), "s", "foo"))


def test_the_query() -> None:
    """Words over the message, all of them; time, pod and container as filters."""
    built = build_query("a b", FILEBEAT, since=datetime(2026, 11, 1, tzinfo=UTC), pod="api-*", container="app")
    assert built == {
        "bool": {
            "must": [{"query_string": {"query": "a b", "fields": ["message"], "default_operator": "AND"}}],
            "filter": [
                {"range": {"@timestamp": {"gte": "2026-11-01T00:00:00+00:00"}}},
                {"wildcard": {"kubernetes.pod.name": {"value": "api-*"}}},
                {"wildcard": {"kubernetes.container.name": {"value": "app"}}},
            ],
        }
    }
    assert build_query("*", FILEBEAT) == build_query("  ", FILEBEAT) == {"match_all": {}}
    other = build_query("x", FLUENT_BIT, pod="p")["bool"]
    assert other["must"][0]["query_string"]["fields"] == ["log", "message"]
    assert other["filter"] == [{"wildcard": {"kubernetes.pod_name": {"value": "p"}}}]


@pytest.mark.parametrize(
    ("glob", "kind", "value"),
    [
        ("api-*", "wildcard", "api-*"),
        ("a-[b-]x", "regexp", "a\\-[b\\-]x"),
        ("[c-a]", "regexp", "#"),
        ("[!c-a]", "regexp", "."),
        ("[!]a]", "regexp", "[^\\]a]"),
        ("a\\b", "wildcard", "a\\\\b"),
        ("a[bc]?*", "regexp", "a[bc]..*"),
        ("a[!b-d].x", "regexp", "a[^b-d]\\.x"),
        ("a[", "regexp", "a\\["),
        ("[]]", "regexp", "[\\]]"),
    ],
)
def test_globs(glob: str, kind: str, value: str) -> None:
    """A set needs Lucene's regular expressions; everything else that these know is escaped."""
    assert glob_query("f", glob) == {kind: {"f": {"value": value}}}


def test_since() -> None:
    """Never before the epoch."""
    assert since_moment(60, 100.0) == datetime.fromtimestamp(40, UTC)
    assert since_moment(1e9, 100.0) == datetime.fromtimestamp(0, UTC)
    assert since_moment(None, 100.0) is None


class _Node:
    """Answers every search with `answer`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def search(self, **_: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_no_answer_and_half_an_answer() -> None:
    """A dead node is an error for people; parts that did not answer are counted."""
    with pytest.raises(UnavailableError, match="no answer from Elasticsearch: refused") as caught:
        list(Search(_Node(ConnectionError("refused")), "s", FILEBEAT, "my.yaml").events({}, 5))  # type: ignore[arg-type]
    assert "my.yaml" in caught.value.hint
    hits = {"total": {"value": 7}, "hits": [{"_source": {"message": "b"}}, {"_source": {"message": "a"}}, {}]}
    search = Search(_Node({"_shards": {"failed": 2}, "hits": hits}), "s", FILEBEAT, "x")  # type: ignore[arg-type]
    assert [event.message for event in search.events({}, 5)] == ["", "a", "b"]
    assert (search.total, search.silent_shards) == (7, 2)
