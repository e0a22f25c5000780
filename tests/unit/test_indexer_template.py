"""Template and ILM policy against servers of every age: what they do not know is left out, what is not ours is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kunobs.config.indexer import IndexConfig
from kunobs.errors import ConfigError, DeniedError
from log_pipeline.indexer import lifecycle, template
from log_pipeline.indexer.api import Reply
from log_pipeline.indexer.generations import Refused

CONFIG = IndexConfig()


class Server:
    """Refuses with 400 what it does not know; `ilm` is the answer to its status, None where there is none."""

    def __init__(self, *, unknown: tuple[str, ...] = (), ilm: int | None = None, put: int = 200) -> None:
        self.unknown = unknown
        self.ilm = ilm
        self.put = put
        self.templates: dict[str, Any] = {}
        self.policies: dict[str, Any] = {}
        self.puts: list[str] = []

    def call(self, method: str, path: str, body: Any = None, **_: Any) -> Reply:
        """As Api does."""
        name = path.rpartition("/")[2]
        if path == "/_ilm/status":
            return Reply(self.ilm or 400, b'{"operation_mode":"RUNNING"}')
        if method == "GET":
            if "_ilm" in path:
                found = self.policies.get(name)
                return Reply(200 if found else 404, json.dumps({name: found}).encode())
            rows = [{"name": key, "index_template": value} for key, value in self.templates.items()]
            return Reply(200, json.dumps({"index_templates": rows}).encode())
        self.puts.append(path)
        if self.put != 200:
            return Reply(self.put, b'{"error":{"type":"security_exception","reason":"no"}}')
        if any(word in json.dumps(body) for word in self.unknown):
            return Reply(400, b'{"error":{"type":"mapper_parsing_exception","reason":"unknown"}}')
        if "_ilm" in path:
            self.policies[name] = body
        else:
            self.templates[name] = body
        return Reply(200, b"{}")


def ensure(server: Server, config: IndexConfig = CONFIG, policy: str = "") -> Any:
    """The template the server has then."""
    api: Any = server
    template.ensure(api, config, policy)
    return server.templates[template.NAME]


@pytest.mark.parametrize(
    ("unknown", "message", "failure_store"),
    [
        ((), "match_only_text", True),
        (("match_only_text",), "text", True),
        (("data_stream_options",), "match_only_text", False),
        (("match_only_text", "data_stream_options"), "text", False),
    ],
)
def test_what_a_server_does_not_know_is_left_out(unknown: tuple[str, ...], message: str, failure_store: bool) -> None:
    """The failure store is turned off where there is one, because it answers 201 for what no search finds."""
    found = ensure(Server(unknown=unknown))["template"]
    assert found["mappings"]["properties"]["message"]["type"] == message
    assert ("data_stream_options" in found) is failure_store
    if failure_store:
        assert found["data_stream_options"] == {"failure_store": {"enabled": False}}


def test_the_template_holds_its_promises() -> None:
    """A data stream, fields beyond the limit ignored, labels and repairs flattened, above the built-in logs-*-*."""
    found = ensure(Server(), IndexConfig(shards=2, replicas=0, fields_limit=500), "some-policy")
    settings = found["template"]["settings"]
    assert found["data_stream"] == {}
    assert found["priority"] > 100
    assert settings["index.mapping.total_fields.limit"] == 500
    assert settings["index.mapping.total_fields.ignore_dynamic_beyond_limit"] is True
    assert (settings["index.number_of_shards"], settings["index.number_of_replicas"]) == (2, 0)
    assert settings["index.lifecycle.name"] == "some-policy"
    properties = found["template"]["mappings"]["properties"]
    assert properties["kunobs"]["properties"]["repaired"] == {"type": "flattened", "ignore_above": 1024}
    assert properties["kubernetes"]["properties"]["labels"]["type"] == "flattened"


def test_the_same_template_is_not_written_again() -> None:
    """Also where the first form was refused."""
    server = Server(unknown=("match_only_text",))
    ensure(server)
    writes = len(server.puts)
    ensure(server)
    assert server.templates[template.NAME]["template"]["mappings"]["properties"]["message"]["type"] == "text"
    assert len(server.puts) == writes


def test_a_newer_kunobs_template_stays() -> None:
    """During a rolling upgrade the older process must not undo the newer one's."""
    server = Server()
    ensure(server)["_meta"] |= {"version": "99.0.0", "digest": "other"}
    ensure(server)
    assert server.templates[template.NAME]["_meta"]["version"] == "99.0.0"


def test_a_template_of_our_name_that_is_not_ours_is_left_alone() -> None:
    """Somebody wrote it by hand."""
    server = Server()
    server.templates[template.NAME] = {"index_patterns": ["logs-k8s-*"], "priority": 500, "data_stream": {}}
    with pytest.raises(ConfigError, match="was not written by kunobs"):
        ensure(server)
    assert server.puts == []


def test_a_tenants_own_template_may_come_first() -> None:
    """One that takes a single namespace is no rival."""
    server = Server()
    server.templates["team-a"] = {"index_patterns": ["logs-k8s-team_a"], "priority": 900, "data_stream": {}}
    ensure(server)
    server.templates["logs"] = {"index_patterns": ["logs-*-*"], "priority": 100, "data_stream": {}}
    ensure(server)


def test_without_rights_the_missing_privilege_is_named() -> None:
    """A person can grant it."""
    with pytest.raises(DeniedError) as raised:
        ensure(Server(put=403))
    assert "manage_index_templates" in raised.value.hint


def test_a_foreign_template_for_plain_indices_is_refused() -> None:
    """With `manage_template: false` the one that wins must make data streams."""
    server = Server()
    server.templates["mine"] = {"index_patterns": ["logs-k8s-*"], "priority": 5}
    with pytest.raises(ConfigError, match="plain indices"):
        ensure(server, IndexConfig(manage_template=False))


@pytest.mark.parametrize(
    ("wanted", "ilm", "expected"),
    [
        ("auto", 200, "ilm"),
        ("auto", None, "own"),
        ("own", 200, "own"),
        ("none", 200, "none"),
        ("ilm", 200, "ilm"),
        ("auto", 404, "own"),
    ],
)
def test_who_keeps_the_lifecycle(wanted: str, ilm: int | None, expected: str) -> None:
    """ILM where there is one, unless told otherwise."""
    api: Any = Server(ilm=ilm)
    assert lifecycle.choose(api, wanted) == expected


@pytest.mark.parametrize(("status", "error"), [(403, DeniedError), (503, Refused), (429, Refused)])
def test_an_answer_that_says_nothing_of_ilm(status: int, error: type[Exception]) -> None:
    """Neither a lack of rights nor a busy node means that there is none."""
    api: Any = Server(ilm=status)
    with pytest.raises(error):
        lifecycle.choose(api, "auto")


def test_the_policy_is_written_and_a_persons_is_kept() -> None:
    """Whoever changes it and takes our mark away keeps it."""
    server = Server(ilm=200)
    api: Any = server
    lifecycle.ensure_policy(api, CONFIG)
    phases = server.policies[lifecycle.POLICY]["policy"]["phases"]
    assert phases["hot"]["actions"]["rollover"] == {"max_primary_shard_size": f"{50 * 1024**3}b", "max_age": "86400s"}
    assert phases["delete"] == {"min_age": "604800s", "actions": {"delete": {}}}
    server.policies[lifecycle.POLICY] = {"policy": {"phases": {"hot": {}}}}
    lifecycle.ensure_policy(api, CONFIG)
    assert server.policies[lifecycle.POLICY] == {"policy": {"phases": {"hot": {}}}}
