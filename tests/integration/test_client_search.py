"""`kunobs search` on a real Elasticsearch with the indexer's own template."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kunobs.cli import main
from kunobs.client.profiles import FILEBEAT
from kunobs.client.search import Search, build_query
from kunobs.config import ElasticsearchConfig, IndexConfig
from kunobs.elastic import client
from kunobs.errors import KunobsError, UnavailableError, UsageError
from kunobs.names import data_stream
from kunobs.testing import log_event
from log_pipeline.indexer.template import NAME, body
from tests.support import wait_until

_NOW = datetime.now(UTC)
_MANY = 12_345


@pytest.fixture(scope="session")
def _template() -> set[str]:
    return set()


@pytest.fixture
def es(elastic_config: ElasticsearchConfig, _template: set[str]) -> Elasticsearch:
    """A client of the node, with the index template of `kunobs indexer` in force."""
    connection = client(elastic_config)
    if not _template:
        found = body(IndexConfig(), "")
        connection.perform_request(
            "PUT", f"/_index_template/{NAME}", headers={"content-type": "application/json", "accept": "application/json"},
            body=found,
        )  # fmt: skip
        _template.add(NAME)
    return connection


def _index(es: Elasticsearch, namespace: str, documents: list[dict[str, Any]]) -> None:
    stream = data_stream(namespace)
    for start in range(0, len(documents), 5000):
        operations: list[dict[str, Any]] = []
        for document in documents[start : start + 5000]:
            operations += [{"create": {}}, document]
        answer = es.bulk(index=stream, operations=operations)
        assert not answer["errors"], answer["items"][0]
    es.indices.refresh(index=stream)


def _line(
    message: str, offset: int, *, ago: float = 60.0, pod: str = "api-1", container: str = "app"
) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(
        log_event(message, pod=pod, container=container, time=_NOW - timedelta(seconds=ago), log={"offset": offset})
    )
    return event


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(
    elastic_config: ElasticsearchConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `kunobs search NAMESPACE …` in a folder with the namespace's credentials file."""
    monkeypatch.chdir(tmp_path)

    def go(namespace: str, *arguments: str) -> Done:
        file = tmp_path / f"{namespace}.credentials.yaml"
        urls = json.dumps(elastic_config.urls)
        file.write_text(f"namespace: {namespace}\nbrokers: [127.0.0.1:1]\nelasticsearch: {{urls: {urls}}}\n")
        capsys.readouterr()
        code = main(["search", namespace, *arguments])
        return Done(code, *capsys.readouterr())

    return go


def test_words_pods_and_time(es: Elasticsearch, run: Run, unique: Callable[[str], str]) -> None:
    """All words must match; order is by time, then by place in the log; the newest of too many are shown."""
    shop = unique("shop")
    _index(
        es,
        shop,
        [
            _line("payment failed: timeout", 30),
            _line("payment failed: denied", 20, pod="web-1"),
            _line("payment ok", 10),
            _line("订单 8812 支付失败 重试", 5, ago=50),
            _line("payment failed long ago", 1, ago=9000),
            _line("boom\n\tat a.B payment", 40, container="envoy", ago=40),
        ],
    )

    def messages(*arguments: str) -> list[str]:
        done = run(shop, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["message"] for line in done.stdout.splitlines()]

    assert messages("payment failed") == ["payment failed: denied", "payment failed: timeout"]
    assert messages("payment failed", "--since", "1d")[0] == "payment failed long ago"
    assert messages("payment OR 支付失败 NOT timeout") == [
        "payment ok", "payment failed: denied", "订单 8812 支付失败 重试", "boom\n\tat a.B payment",
    ]  # fmt: skip
    assert messages('"支付失败"') == messages("支付失败") == ["订单 8812 支付失败 重试"]
    assert messages("pay*", "--pod", "web-?") == ["payment failed: denied"]
    assert messages("payment", "--pod", "[x-z]*") == messages("payment", "--pod", "w[!a-e]b*") == []
    assert messages("payment", "--pod", "w[!a-d]b*") == ["payment failed: denied"]
    assert messages("payment", "--pod", "[a-w]*", "--container", "env*") == ["boom\n\tat a.B payment"]
    assert messages("kubernetes.pod.name:web-1") == ["payment failed: denied"]
    assert messages("log.offset:[10 TO 20]") == ["payment ok", "payment failed: denied"]
    assert len(messages()) == 5
    shown = run(shop, "-n", "2", "--no-times")
    assert shown.stdout == "api-1 app │ 订单 8812 支付失败 重试\napi-1 envoy │ boom\napi-1 envoy ┆ \tat a.B payment\n"
    assert "the newest 2 of 5 lines" in shown.stderr
    nothing = run(shop, "long ago", "--since", "2h")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "no line of the last 2h matches; look further back with --since" in nothing.stderr


def test_more_than_one_request_can_hold(es: Elasticsearch, run: Run, unique: Callable[[str], str]) -> None:
    """Beyond 10,000 hits pages are read at one point in time: each line once, in order, equal times and all."""
    shop = unique("shop")
    _index(
        es, shop, [_line("hit" if number % 5 else "miss", number, ago=1000 - number // 50) for number in range(_MANY)]
    )
    hits = [number for number in range(_MANY) if number % 5]
    for limit in (len(hits) + 5, len(hits), 9_000, 77):
        done = run(shop, "hit", "-n", str(limit), "--json")
        assert [json.loads(line)["event"]["log"]["offset"] for line in done.stdout.splitlines()] == hits[-limit:]
    done = run(shop, "-n", "12000", "--json")
    offsets = [json.loads(line)["event"]["log"]["offset"] for line in done.stdout.splitlines()]
    assert offsets == list(range(_MANY))[-12000:]
    assert f"the newest 12000 of {_MANY} lines" in done.stderr
    assert [
        json.loads(line)["event"]["log"]["offset"] for line in run(shop, "-n", "99999", "--json").stdout.splitlines()
    ] == (list(range(_MANY)))
    wait_until(lambda: _open_contexts(es) == 0, what="every point in time closed")


def _open_contexts(es: Elasticsearch) -> int:
    nodes = es.nodes.stats(metric="indices", index_metric="search")["nodes"].values()
    return sum(node["indices"]["search"]["open_contexts"] for node in nodes)


def test_lines_without_an_offset_keep_their_time(es: Elasticsearch, unique: Callable[[str], str]) -> None:
    """Forwards and backwards they have one place in the order, so that no page leaves one out."""
    shop = unique("shop")
    documents = [_line(f"m{number}", number, ago=600 - number // 100) for number in range(11_000)]
    for document in documents[::3]:
        del document["log"]
    _index(es, shop, documents)
    search = Search(es, data_stream(shop), FILEBEAT, "test")
    everything = [event.message for event in search.events({"match_all": {}}, 50_000)]
    assert sorted(everything) == sorted(f"m{number}" for number in range(11_000))
    newest = [event.message for event in search.events({"match_all": {}}, 10_500)]
    assert newest == everything[-10_500:]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("foo AND (", "\n  foo AND (\n           ^"),
        ("订单 AND )", "\n  订单 AND )\n           ^"),
        ('say "hi', 'ends too early: say "hi'),
        ("AND", "\n  AND\n  ^"),
        ("[a TO", "\n  [a TO\n       ^"),
        ("\x1b[2J (", "at character"),
        ("@timestamp:yesterday", "failed to parse date field [yesterday]"),
        ("kubernetes.pod.ip:abc", "'abc' is not an IP string literal"),
        ("/[/", "refuses the query"),
        ("a~99999999999", "Valid edit distances"),
        ("/(a|b|ab)*{1,900}(.*){900}c/", "refuses the query"),
    ],
)
def test_a_query_that_is_none(es: Elasticsearch, run: Run, unique: Callable[[str], str], query: str, told: str) -> None:
    """The place where a syntax error is, else the server's own reason; exit code 2."""
    shop = unique("shop")
    _index(es, shop, [_line("x", 1)])
    done = run(shop, query)
    assert told in done.stderr
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 1500


_SYNTAX = st.text(st.sampled_from('ab中 ()[]{}"\\/*?~^:+-!&|<>=TO0AND.@_\t\n'), max_size=25)


def test_no_query_breaks_it(es: Elasticsearch, unique: Callable[[str], str]) -> None:
    """Whatever a person types: hits, or an error for people."""
    shop = unique("shop")
    _index(es, shop, [_line("a b", 1), _line("ab 中", 2)])
    search = Search(es, data_stream(shop), FILEBEAT, "test")

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_SYNTAX, st.text(st.sampled_from("ab*?[]!\\-^"), max_size=8))
    def ask(query: str, glob: str) -> None:
        try:
            hits = list(search.events(build_query(query, FILEBEAT, pod=glob), 10, query_text=query))
        except UsageError as error:
            assert str(error)
        else:
            assert len(hits) <= 2

    ask()


@given(st.text(st.sampled_from("ab*?[]!-^\\."), max_size=6))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_globs_mean_the_same_to_tail_and_search(es: Elasticsearch, pods: tuple[str, list[str]], glob: str) -> None:
    """`--pod` chooses the same pods in both commands."""
    from fnmatch import fnmatchcase

    shop, names = pods
    search = Search(es, data_stream(shop), FILEBEAT, "test")
    found = sorted(event.pod for event in search.events(build_query("*", FILEBEAT, pod=glob), 100))
    assert found == sorted(name for name in names if not glob or fnmatchcase(name, glob))


@pytest.fixture
def pods(es: Elasticsearch, unique: Callable[[str], str]) -> tuple[str, list[str]]:
    """A namespace with pods of every name that a glob of the test above may mean."""
    shop = unique("shop")
    names = ["a", "b", "ab", "ba", "a-b", "a.b", "aab", "b-", "a^", "a!", "a[", "a]", "a\\", "-", "^"]
    _index(es, shop, [_line("x", number, pod=name) for number, name in enumerate(names)])
    return shop, names


def test_no_stream_and_no_node(es: Elasticsearch, run: Run, unique: Callable[[str], str], tmp_path: Path) -> None:
    """Nothing indexed, nobody there: what to look at next."""
    shop = unique("shop")
    done = run(shop, "x")
    assert done.returncode == 1
    assert f"there is no data stream logs-k8s-{shop.replace('-', '_')}" in done.stderr
    assert "kunobs tail" in done.stderr
    file = tmp_path / "x.yaml"
    file.write_text(f"namespace: {shop}\nbrokers: [a:1]\nelasticsearch: {{urls: ['http://127.0.0.1:1']}}\n")
    done = run(shop, "x", "--credentials", str(file))
    assert done.returncode == 1
    assert "no answer from Elasticsearch" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    file.write_text(f"namespace: {shop}\nbrokers: [a:1]\n")
    done = run(shop, "x", "--credentials", str(file))
    assert (done.returncode, "nowhere to search" in done.stderr) == (2, True)


def test_a_stream_that_is_gone_half_way(es: Elasticsearch, unique: Callable[[str], str]) -> None:
    """An error for people, also from the pages."""
    search = Search(es, data_stream(unique("shop")), FILEBEAT, "test")
    for limit in (10, 20_000):
        with pytest.raises(UnavailableError):
            list(search.events({"match_all": {}}, limit))
    assert issubclass(UnavailableError, KunobsError)
