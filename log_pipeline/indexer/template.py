"""The index template that makes `logs-k8s-*` data streams, and the check that it is the one in force."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
from typing import Any

import msgspec

from kunobs import __version__, names
from kunobs.config.indexer import IndexConfig
from kunobs.errors import ConfigError, DeniedError
from kunobs.log import get_logger
from log_pipeline.indexer.api import Api, Reply
from log_pipeline.indexer.generations import expect

_log = get_logger("indexer")
NAME = "kunobs-logs-k8s"
PATTERN = f"{names.DATA_STREAM_PREFIX}*"
# Above the built-in logs-*-* (100), below what a tenant's own template may take.
PRIORITY = 500
_PROBE = names.data_stream("kunobs-template-probe")

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_FLAT = {"type": "flattened", "ignore_above": 1024}
_LABELS = (
    "labels",
    "annotations",
    "namespace_labels",
    "namespace_annotations",
    "pod_labels",
    "pod_annotations",
    "node_labels",
)
_WORKLOADS = ("deployment", "replicaset", "statefulset", "daemonset", "job", "cronjob", "container")


def _object(**fields: Any) -> dict[str, Any]:
    return {"properties": fields}


def mappings(message_type: str) -> dict[str, Any]:
    """Fields agents write; what an application may put anything into is flattened, so that it cannot conflict."""
    named = _object(name=_KEYWORD)
    kubernetes = {
        **dict.fromkeys(_LABELS, _FLAT),
        **dict.fromkeys(_WORKLOADS, named),
        "namespace": _KEYWORD,
        "namespace_uid": _KEYWORD,
        "pod": _object(name=_KEYWORD, uid=_KEYWORD, ip={"type": "ip"}),
        "node": _object(name=_KEYWORD, hostname=_KEYWORD, uid=_KEYWORD, labels=_FLAT, annotations=_FLAT),
    }
    return {
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}],
        "properties": {
            "@timestamp": {"type": "date"},
            # What Filebeat tells its outputs; nobody searches it.
            "@metadata": {"type": "object", "enabled": False},
            "message": {"type": message_type},
            "stream": _KEYWORD,
            "tags": _KEYWORD,
            "log": _object(
                offset={"type": "long"},
                file=_object(path=_KEYWORD, device_id=_KEYWORD, inode=_KEYWORD, fingerprint=_KEYWORD),
                flags=_KEYWORD,
            ),
            # Not searched often, but in every event: unmapped, each would cost every new stream a change of the cluster state.
            "input": _object(type=_KEYWORD),
            "ecs": _object(version=_KEYWORD),
            "container": _object(id=_KEYWORD, runtime=_KEYWORD, image=_object(name=_KEYWORD)),
            "kubernetes": {"properties": kubernetes},
            "orchestrator": _object(cluster=_object(name=_KEYWORD, url=_KEYWORD)),
            "host": _object(name=_KEYWORD),
            "agent": _object(
                id=_KEYWORD, name=_KEYWORD, type=_KEYWORD, version=_KEYWORD, ephemeral_id=_KEYWORD, hostname=_KEYWORD
            ),
            "json": _FLAT,
            "kunobs": _object(repaired=_FLAT, repair_reason=_KEYWORD),
        },
    }


def body(
    config: IndexConfig, policy: str, *, message_type: str = "text", failure_store: bool | None = None
) -> dict[str, Any]:
    """The template; `policy` is the ILM policy or "", `failure_store` None where the server does not know it."""
    settings: dict[str, Any] = {
        # Explicit, because servers from 9.0 on choose logsdb for logs-*-*, which rebuilds the source.
        "index.mode": "standard",
        "index.number_of_shards": config.shards,
        "index.number_of_replicas": config.replicas,
        "index.mapping.total_fields.limit": config.fields_limit,
        "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
        "index.mapping.ignore_malformed": True,
        "index.query.default_field": ["message"],
    }
    if policy:
        settings["index.lifecycle.name"] = policy
    template: dict[str, Any] = {"settings": settings, "mappings": mappings(message_type)}
    if failure_store is not None:
        # Conflicts are repaired here; what the failure store takes would be answered with 201.
        template["data_stream_options"] = {"failure_store": {"enabled": failure_store}}
    found = {"index_patterns": [PATTERN], "priority": PRIORITY, "data_stream": {}, "template": template}
    digest = hashlib.blake2b(json.dumps(found, sort_keys=True).encode(), digest_size=8).hexdigest()
    return {**found, "_meta": {"managed_by": "kunobs", "version": __version__, "digest": digest}}


class _Index(msgspec.Struct, rename={"meta": "_meta"}, gc=False):
    index_patterns: list[str] | str = []
    priority: int = 0
    data_stream: dict[str, Any] | None = None
    meta: dict[str, Any] = {}

    def matches(self, index: str) -> bool:
        """Whether this template may be chosen for an index of that name."""
        patterns = [self.index_patterns] if isinstance(self.index_patterns, str) else self.index_patterns
        return any(fnmatch.fnmatchcase(index, pattern) for pattern in patterns)


class _Named(msgspec.Struct, gc=False):
    name: str
    index_template: _Index


class _Templates(msgspec.Struct, gc=False):
    index_templates: list[_Named] = []


def ensure(api: Api, config: IndexConfig, policy: str) -> None:
    """Write our template where it is absent or ours and different, and check that it is in force.

    Raises ConfigError or DeniedError; NoAnswer or Refused where Elasticsearch is not able to answer now.
    """
    fields = ("name", *(f"index_template.{name}" for name in ("index_patterns", "priority", "data_stream", "_meta")))
    reply = api.call("GET", "/_index_template", filter_path=",".join(f"index_templates.{name}" for name in fields))
    _refuse_denied(reply, "read index templates")
    known = {
        each.name: each.index_template
        for each in msgspec.json.decode(expect("templates", reply), type=_Templates).index_templates
    }
    rivals = {name: each for name, each in known.items() if name != NAME and each.matches(_PROBE)}
    if not config.manage_template:
        _check_foreign(rivals | ({NAME: known[NAME]} if NAME in known else {}))
        return
    for name, rival in rivals.items():
        if rival.priority >= PRIORITY:
            raise ConfigError(
                f"index template {name} (priority {rival.priority}) takes {PATTERN} before {NAME} (priority {PRIORITY})",
                hint=f"delete or narrow it: DELETE /_index_template/{name}; or keep yours with `indexer.index.manage_template: false`",
            )
    _write(api, config, policy, known.get(NAME))


def _check_foreign(known: dict[str, _Index]) -> None:
    if not known:
        raise ConfigError(
            f"no index template matches {PATTERN}, so events would go into plain indices",
            hint="set `indexer.index.manage_template: true`, or write a template with `data_stream: {}`",
        )
    name, chosen = max(known.items(), key=lambda each: each[1].priority)
    if chosen.data_stream is None:
        raise ConfigError(
            f"index template {name} makes plain indices of {PATTERN}",
            hint="add `data_stream: {}` to it, or set `indexer.index.manage_template: true`",
        )


def _write(api: Api, config: IndexConfig, policy: str, present: _Index | None) -> None:
    if present is not None:
        if present.meta.get("managed_by") != "kunobs":
            raise ConfigError(
                f"index template {NAME} exists and was not written by kunobs",
                hint=f"rename yours, or delete it: DELETE /_index_template/{NAME}; or set `indexer.index.manage_template: false`",
            )
        if _version(present.meta.get("version")) > _version(__version__):
            _log.info("index template is of a newer kunobs, left as it is", version=present.meta.get("version"))
            return
    forms = [
        body(config, policy, message_type=message_type, failure_store=failure_store)
        for message_type, failure_store in itertools.product(("match_only_text", "text"), (False, None))
    ]
    if present is not None and present.meta.get("digest") in [form["_meta"]["digest"] for form in forms]:
        return
    reply = Reply(0, b"")
    for form in forms:
        reply = api.call("PUT", f"/_index_template/{NAME}", form)
        _refuse_denied(reply, "write index templates")
        if reply.ok:
            _log.info("index template written", name=NAME, lifecycle=policy or "none")
            return
        # 400 is also what a server says of a field type or a section it does not know: the next form has less.
        if reply.status != 400:
            break
    expect("index template", reply)


def _version(text: object) -> tuple[int, ...]:
    return tuple(int(part) for part in str(text or "0").split(".") if part.isdecimal())


def _refuse_denied(reply: Reply, what: str) -> None:
    if reply.status in (401, 403):
        raise DeniedError(
            f"elasticsearch does not let us {what}: {reply.error().text()[:300]}",
            hint="grant the cluster privilege manage_index_templates, or set `indexer.index.manage_template: false` and "
            "grant monitor",
        )
