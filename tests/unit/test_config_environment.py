"""Variables `KUNOBS_<SECTION>__<KEY>` over the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kunobs.config import Config, load, load_text
from kunobs.errors import ConfigError

FILE = "version: 1\nfanout: {group: file, linger: 1ms}\nkafka: {public: {options: {debug: all}}}\n"


def mistakes(environ: dict[str, str], text: str = FILE) -> list[str]:
    """The lines of the error that `environ` over `text` raises."""
    with pytest.raises(ConfigError) as caught:
        load_text(text, environ=environ)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("variable", "value", "path", "expected"),
    [
        ("KUNOBS_FANOUT__GROUP", "mine", "fanout.group", "mine"),
        ("KUNOBS_FANOUT__GROUP", "2024", "fanout.group", "2024"),
        ("KUNOBS_FANOUT__LINGER", "2ms", "fanout.linger", 0.002),
        ("KUNOBS_TOPICS__PARTITIONS", "3", "topics.partitions", 3),
        ("KUNOBS_TOPICS__MAX_MESSAGE", "2048", "topics.max_message", 2048),
        ("KUNOBS_KAFKA__PUBLIC__TLS__ENABLED", "true", "kafka.public.tls.enabled", True),
        ("KUNOBS_KAFKA__TENANT__BROKERS", '["a:1", "b:2"]', "kafka.tenant.brokers", ("a:1", "b:2")),
        ("KUNOBS_KAFKA__TENANT__TOPIC_PREFIX", "1.", "kafka.tenant.topic_prefix", "1."),
        ("KUNOBS_KAFKA__PUBLIC__OPTIONS", "{fetch.wait.max.ms: 5}", "kafka.public.options", {"fetch.wait.max.ms": "5"}),
        ("KUNOBS_KAFKA__PUBLIC", "{brokers: ['a:1']}", "kafka.public.brokers", ("a:1",)),
        ("KUNOBS_SOURCE__FIELDS__NAMESPACE", "k8s.ns", "source.fields", {"namespace": "k8s.ns"}),
        ("KUNOBS_INDEXER__INDEX__REPLICAS", "0", "indexer.index.replicas", 0),
    ],
)
def test_a_variable_wins_over_the_file(variable: str, value: str, path: str, expected: object) -> None:
    """The value is YAML, and text as it stands where text is expected."""
    found: object = load_text(FILE, environ={variable: value})
    for key in path.split("."):
        found = getattr(found, key)
    assert found == expected


def test_the_longer_path_wins() -> None:
    """A variable for a key is laid over one for its section."""
    environ = {"KUNOBS_KAFKA__PUBLIC": "{brokers: ['a:1']}", "KUNOBS_KAFKA__PUBLIC__BROKERS": "['b:1']"}
    assert load_text(FILE, environ=environ).kafka.public.brokers == ("b:1",)


@pytest.mark.parametrize(
    "name",
    [
        "KUNOBS_SERVICE_HOST",
        "KUNOBS_FANOUT",
        "KUNOBS_FANOUT_PORT_9501_TCP",
        "KUNOBS_CONFIG",
        "KUNOBS_",
        "PATH",
        "kunobs_fanout__group",
    ],
)
def test_foreign_variables_are_left_alone(name: str) -> None:
    """Kubernetes injects variables for every Service, also for one called kunobs-fanout."""
    assert load(None, environ={name: "tcp://10.0.0.1:9501"}) == Config()


def test_a_variable_of_another_section_stops_no_process() -> None:
    """As with the file: only `check` looks at what a process does not use."""
    environ = {"KUNOBS_NOC__X": "1", "KUNOBS_INDEXER__BULK": "oops"}
    assert load(None, environ=environ, sections=("fanout",)).fanout.group == "kunobs-fanout"
    assert len(mistakes(environ)) == 2


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FANOUT__GRUOP", "a", "there is no such key; did you mean KUNOBS_FANOUT__GROUP?"),
        ("FANOUT__BULK", "1", "there is no such key; did you mean KUNOBS_INDEXER__BULK?"),
        ("FANOUT__", "1", "there is no such key; did you mean KUNOBS_FANOUT__GROUP?"),
        ("XYZ__QQQQ", "1", "there is no such key; docs/config.md lists every key"),
        ("KAFKA__PUBLIC__OPTIONS__ACKS", "1", "there is no such key; did you mean KUNOBS_KAFKA__PUBLIC__OPTIONS?"),
        ("KAFKA__PUBLIC__BROKERS__0", "a:1", "there is no such key; did you mean KUNOBS_KAFKA__PUBLIC__BROKERS?"),
        ("SOURCE__FIELDS__NAME", "a", "there is no such key; did you mean KUNOBS_SOURCE__FIELDS?"),
        ("FANOUT__LINGER", "5", "5 has no unit; write 5s for seconds, or 5ms"),
        ("FANOUT__LINGER", "", "has no value; give it one or remove the line"),
        ("FANOUT__GROUP", "a: b: c", "is not valid YAML: a second `: ` stands on one line; put the value in quotes"),
        ("FANOUT__GROUP", "a\udcff", "is not UTF-8 text"),
        ("KAFKA__TENANT", "5", "must be a mapping, is a number; write its keys beneath it, indented"),
        ("LOG__LEVEL", "loud", '"loud" is not one of debug, info, warning, error'),
    ],
)
def test_the_message_names_the_variable(variable: str, value: str, message: str) -> None:
    """A mistake leads to the variable, not to a line of the file."""
    assert mistakes({f"KUNOBS_{variable}": value}) == [f"environment KUNOBS_{variable}: {message}"]


def test_a_mistake_inside_a_variable_names_the_key_too() -> None:
    """One variable may hold a whole mapping."""
    lines = mistakes({"KUNOBS_KAFKA__PUBLIC": "{brokers: [a], tls: {enabeld: true}}"})
    assert lines == [
        (
            "environment KUNOBS_KAFKA__PUBLIC: kafka.public.brokers[0]: "
            '"a" is not host:port; write a:9092, or [2001:db8::1]:9092 for IPv6'
        ),
        "environment KUNOBS_KAFKA__PUBLIC: kafka.public.tls.enabeld: unknown key; did you mean enabled?",
    ]


def test_mistakes_of_file_and_environment_come_together() -> None:
    """First the file's, then the variables'."""
    lines = mistakes({"KUNOBS_FANOUT__GROUP": "a b", "KUNOBS_TOPICS__PARTITIONS": "0"}, "version: 1\nlog: {a: 1}\n")
    assert [line.split(": ")[0] for line in lines] == [
        "kunobs.yaml:2",
        "environment KUNOBS_FANOUT__GROUP",
        "environment KUNOBS_TOPICS__PARTITIONS",
    ]


def test_a_rule_over_two_keys_names_who_set_one() -> None:
    """The variable that made the conflict is named, not the default it conflicts with."""
    assert mistakes({"KUNOBS_INDEXER__IN_FLIGHT_MIN": "9"}) == [
        "environment KUNOBS_INDEXER__IN_FLIGHT_MIN: must not exceed in_flight_max (6)"
    ]


def test_a_variable_for_a_section_replaces_its_lines() -> None:
    """What the variable leaves out is a default again, and no line of the file is blamed for it."""
    environ = {"KUNOBS_INDEXER__INDEX": "{rollover_age: 10d}"}
    (line,) = mistakes(environ, "version: 1\nindexer: {index: {retention: 20d}}\n")
    assert line.startswith("environment KUNOBS_INDEXER__INDEX: indexer.index.rollover_age: retention must be longer")


def test_files_in_variables_begin_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets a variable does not know where the file is."""
    (tmp_path / "web.yml").write_text("x")
    monkeypatch.chdir(tmp_path)
    config = load_text(FILE, directory=Path("/elsewhere"), environ={"KUNOBS_SERVER__WEB_CONFIG_FILE": "web.yml"})
    assert config.server.web_config_file == str(tmp_path / "web.yml")
