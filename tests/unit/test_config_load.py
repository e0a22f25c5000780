"""What `load` gives: defaults, the sections a process asked for, models that do not change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from kunobs.config import SECTIONS, Config, FanoutConfig, KafkaConfig, load, load_text
from kunobs.errors import ConfigError

FANOUT = ("kafka", "source", "topics", "fanout")


def mistakes(text: str, **options: object) -> list[str]:
    """The lines of the error that `text` raises."""
    with pytest.raises(ConfigError) as caught:
        load_text(text, **options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_defaults_without_a_file() -> None:
    """No file and no variables give the defaults, all sections of them."""
    config = load(None, environ={})
    assert config == Config()
    assert config.loaded == set(SECTIONS)


def test_values_have_their_units() -> None:
    """A duration is float seconds, a size int bytes, a list a tuple."""
    config = load_text("version: 1\nfanout: {linger: 5ms}\ntopics: {retention: 1d, max_message: 500KB}\n")
    assert config.fanout.linger == pytest.approx(0.005)
    assert (config.topics.retention, config.topics.max_message) == (86400.0, 500_000)
    assert isinstance(config.kafka.public.brokers, tuple)


def test_nothing_changes_after_loading() -> None:
    """A section refuses assignment."""
    config = load(None, environ={})
    with pytest.raises(ValidationError):
        config.fanout.group = "other"


def test_a_section_without_a_value_is_empty() -> None:
    """`fanout:` with every key commented out, and `tls:` likewise, mean the defaults."""
    assert load_text("version: 1\nfanout:\nkafka: {public: {tls: }}\n") == Config()


def test_options_become_text() -> None:
    """librdkafka takes text only."""
    text = "version: 1\nkafka: {public: {options: {socket.keepalive.enable: true, fetch.wait.max.ms: 10}}}\n"
    options = load_text(text).kafka.public.options
    assert options == {"socket.keepalive.enable": "true", "fetch.wait.max.ms": "10"}


def test_anchors_and_merge_keys() -> None:
    """One mapping may serve both clusters, and a key of its own wins over a merged one."""
    text = """
version: 1
kafka:
  public: &one {brokers: ["a:1"], options: {debug: all}}
  tenant: {<<: *one, brokers: ["b:2"]}
"""
    tenant = load_text(text).kafka.tenant
    assert (tenant.brokers, tenant.options) == (("b:2",), {"debug": "all"})


def test_a_mistake_in_a_merged_key_has_the_line_it_is_written_on() -> None:
    """The line leads to the anchor, where the mistake has to be mended."""
    text = "version: 1\nfanout: &a\n  linger: soon\nindexer:\n  <<: *a\n"
    assert [line.split(": ")[0] for line in mistakes(text)] == ["kunobs.yaml:3", "kunobs.yaml:3"]


@pytest.mark.parametrize(
    "other",
    [
        "noc: {receivers: oops}",
        "fanuot: {group: a}",
        "noc: {a: 1}\nnoc: {b: 1}",
        "indexer: 5",
        "indexer: {bulk: 1, bulk: 2}",
        "indexer: {group: !tag x}",
        "elasticsearch: {username: a, password_file: not-there}",
        "elasticsearch: {ca_file: not-there}",
    ],
)
def test_a_mistake_elsewhere_stops_no_process(other: str) -> None:
    """Fanout starts whatever stands in a section it does not use; a check of everything finds it."""
    text = f"version: 1\nfanout: {{group: mine}}\n{other}\n"
    assert load_text(text, sections=FANOUT).fanout.group == "mine"
    assert mistakes(text)


def test_a_mistake_in_a_section_of_every_process_stops_it() -> None:
    """`log` and `server` are read by every process, asked for or not."""
    assert mistakes("version: 1\nlog: {level: loud}\n", sections=FANOUT)


def test_a_section_that_was_not_loaded_is_no_attribute() -> None:
    """A process that forgot to name a section must not run on its defaults."""
    config = load_text("version: 1\nindexer: {group: mine}\n", sections=FANOUT)
    assert config.loaded == {*FANOUT, "log", "server"}
    with pytest.raises(AttributeError, match="section 'indexer' was not loaded"):
        _ = config.indexer


def test_an_unknown_section_is_noted() -> None:
    """A process that reads past an unknown section can say so, since it may be a misspelt one of its own."""
    config = load_text("version: 1\nfanuot: {group: a}\nindexer: 5\n", sections=FANOUT, name="k.yaml")
    assert config.notes == ("k.yaml: unknown section fanuot was not read; did you mean fanout?",)


def test_asking_for_a_section_that_does_not_exist_is_a_bug() -> None:
    """A typo in the program is not the user's mistake."""
    with pytest.raises(ValueError, match="no such sections: fanuot"):
        load(None, environ={}, sections=("fanuot",))


def test_rules_over_sections_need_both() -> None:
    """Both legs in one consumer group is found by a check; a process that reads one of them cannot see it."""
    text = "version: 1\nfanout: {group: g}\nindexer: {group: g}\n"
    assert load_text(text, sections=FANOUT).fanout.group == "g"
    assert len(mistakes(text)) == 1


def test_a_topic_loop_needs_one_kafka() -> None:
    """`^.*` on a Kafka of its own reads no topic of kunobs."""
    text = "version: 1\nsource: {topics: ['^.*']}\nkafka: {tenant: {brokers: ['other:9092']}}\n"
    assert load_text(text).source.topics == ("^.*",)


def test_a_rule_over_two_keys_is_silent_when_one_is_wrong_already() -> None:
    """A wrong interval is one mistake; what it would mean for the timeout is not known."""
    assert len(mistakes("version: 1\nfanout: {transaction_interval: 5, transaction_timeout: 1s}\n")) == 1


def test_rules_are_checked_beside_mistakes_in_other_keys() -> None:
    """Everything is reported at once, so that a file is mended in one go."""
    text = "version: 1\nfanout: {gruop: a, linger: 1s}\nindexer: {bulk: x, in_flight_min: 9}\n"
    keys = [line.split(": ")[1] for line in mistakes(text)]
    assert keys == ["fanout.gruop", "fanout.linger", "indexer.bulk", "indexer.in_flight_min"]


def test_mistakes_are_in_the_order_of_the_file() -> None:
    """Line 9 comes before line 10."""
    text = "version: 1\nfanout:\n" + "\n" * 6 + "  linger: 1\n  group: 1\n"
    assert [line.split(": ")[0] for line in mistakes(text)] == ["kunobs.yaml:9", "kunobs.yaml:10"]


def test_files_begin_at_the_configuration(tmp_path: Path) -> None:
    """A relative path means the same wherever the process runs."""
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "kunobs.yaml").write_text("version: 1\nkafka: {public: {tls: {enabled: true, ca_file: ca.pem}}}\n")
    assert load(tmp_path / "kunobs.yaml", environ={}).kafka.public.tls.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b"#" * (1024 * 1024 + 1)), "is larger than 1024 KiB"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, make: object, problem: str) -> None:
    """The message names the file and why."""
    path = tmp_path / "kunobs.yaml"
    make(path)  # type: ignore[operator]
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert str(caught.value) == f"{path}: {problem}"
    assert (caught.value.hint == f"kunobs config example > {path}") == (problem == "does not exist")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says who may not; raised by hand, because root may read everything."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match=f"k.yaml: may not be read by user {os.geteuid()}"):
        load(tmp_path / "k.yaml", environ={})


def test_a_byte_order_mark_is_no_mistake() -> None:
    """Editors on Windows write one."""
    assert load_text(b"\xef\xbb\xbfversion: 1\n") == Config()


def test_half_a_character_is_a_mistake() -> None:
    """`"\\ud800"` crashed the message that was to tell of it."""
    with pytest.raises(ConfigError) as caught:
        load_text('version: 1\nlog: {level: "\\ud800"}\n')
    assert str(caught.value) == "kunobs.yaml:2: log.level: holds half a character; write the character itself, in UTF-8"


def test_models_are_made_by_programs_too() -> None:
    """Tests and tools build sections from Python values: numbers need no unit there."""
    assert FanoutConfig(transaction_interval=0.05).transaction_interval == pytest.approx(0.05)
    config = Config.model_validate({"fanout": {"linger": "5ms"}, "kafka": {"tenant": {"brokers": ["a:1"]}}})
    assert config.kafka.tenant.brokers == ("a:1",)
    with pytest.raises(ValidationError):
        KafkaConfig.model_validate({"tenant": {"broker": ["a:1"]}})
