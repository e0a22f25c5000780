"""deploy/filebeat.yml keeps what the pipeline relies on; what Filebeat makes of it, tests/platform/test_filebeat.py tries."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from kunobs.client.profiles import FILEBEAT
from log_pipeline.event import PROFILES
from tests.support import REPOSITORY

TEXT = (REPOSITORY / "deploy" / "filebeat.yml").read_text()
SLIM = re.sub(r"(?m)^#\|", "", TEXT)
DOCUMENT = (REPOSITORY / "docs" / "filebeat.md").read_text()


def parsed(text: str) -> dict[str, Any]:
    """The file as Filebeat's YAML reader sees it."""
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


def only_input() -> dict[str, Any]:
    """The one input."""
    inputs = parsed(TEXT)["filebeat.inputs"]
    assert len(inputs) == 1, "a second input keeps a registry of its own, and sends a renamed file again"
    found: dict[str, Any] = inputs[0]
    return found


def test_kafka_output_waits_for_every_replica_and_keeps_order() -> None:
    """Acks from all replicas, a key, a partition that does not depend on metadata or on which broker is up, one worker."""
    output = parsed(TEXT)["output.kafka"]
    assert output["required_acks"] == -1
    assert output["topic"] == "${KAFKA_TOPIC:filebeat}"
    assert output["key"] == "%{[container.id]}"
    assert output["partition.hash"] == {"reachable_only": False, "hash": ["log.file.path"]}
    assert output["worker"] == 1
    assert output["metadata.retry"]["max"] > 1000


def test_no_broker_of_today_refuses_the_protocol() -> None:
    """Kafka 4 has dropped what is older than 2.1."""
    version = str(parsed(TEXT)["output.kafka"]["version"])
    assert tuple(int(part) for part in version.split(".")) >= (2, 1, 0)


def test_the_longest_line_fits_into_a_message() -> None:
    """JSON writes a control character in six bytes, and Filebeat drops what is over the limit."""
    limit = parsed(TEXT)["output.kafka"]["max_message_bytes"]
    assert limit <= 1_048_588, "the brokers' default max.message.bytes"
    assert only_input()["message_max_bytes"] * 6 + 32 * 1024 <= limit


def test_files_are_read_to_their_end() -> None:
    """Renamed and deleted files stay open, rotated ones are found after a restart, and compressed ones are left alone."""
    found = only_input()
    assert found["type"] == "filestream"
    assert found["id"]
    assert found["close.on_state_change"]["removed"] is False
    assert found["close.on_state_change"]["renamed"] is False
    assert found["clean_removed"] is True
    assert found["paths"] == ["/var/log/containers/*.log", "/var/log/pods/*/*/*.log.2*"]
    excluded = found["prospector.scanner"]["exclude_files"]
    assert any(re.search(pattern, "/var/log/pods/a_b_c/d/0.log.20261101-031827.gz") for pattern in excluded)
    assert found["prospector.scanner"]["symlinks"] is True


def test_lines_stay_text() -> None:
    """Nothing takes a tenant's line apart, and no annotation of a tenant changes how it is read."""
    found = only_input()
    assert found["parsers"] == [{"container": {"stream": "all", "format": "auto"}}]
    settings = "\n".join(line.split("#")[0] for line in SLIM.splitlines())
    for word in ("ndjson", "decode_json_fields", "json.", "keys_under_root", "overwrite_keys", "autodiscover", "hints"):
        assert word not in settings


def test_processors_are_shared_by_all_files() -> None:
    """An input's processors are made anew for every file: one API watch more for each."""
    assert "processors" not in only_input()
    assert [next(iter(one)) for one in parsed(TEXT)["processors"]] == ["add_kubernetes_metadata", "dissect"]


@pytest.mark.parametrize("reader", ["pipeline", "client"])
def test_slim_drops_nothing_that_is_read(reader: str) -> None:
    """No dropped field is, or holds, one that the pipeline or the client looks at."""
    if reader == "pipeline":
        needed = set(PROFILES["filebeat"].values())
    else:
        paths = [getattr(FILEBEAT, name) for name in FILEBEAT.__dataclass_fields__ if name != "name"]
        needed = {".".join(path) for several in paths for path in several}
    dropped = parsed(SLIM)["processors"][-1]["drop_fields"]
    assert dropped["ignore_missing"] is True
    assert dropped["fields"]
    for field in dropped["fields"]:
        holding = {name for name in needed if name == field or name.startswith(f"{field}.")}
        assert not holding, f"slim drops {field}"


def test_every_setting_is_explained() -> None:
    """docs/filebeat.md names each key of the input, the queue and the output."""
    keys = [*only_input(), *parsed(TEXT)["output.kafka"], "queue.mem", "filebeat.shutdown_timeout"]
    missing = [key for key in keys if f"`{key}" not in DOCUMENT]
    assert not missing, f"docs/filebeat.md says nothing of {missing}"
