"""Credentials: where they are found, what a file may hold, and what a mistake in it says."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.client import find_access
from kunobs.client.credentials import read_credentials
from kunobs.errors import ConfigError, KunobsError, UsageError

_FULL = """\
namespace: team-pay
brokers: [kafka-1.example:9093, "[2001:db8::1]:9093"]
username: ns-team-pay
password: s3cret-Pa55
security_protocol: SASL_SSL
sasl_mechanism: SCRAM-SHA-256
ca_file: ca.pem
topic: eu1.kun.logs.team-pay
dead_letters: eu1.kun.dlq.team-pay
group_prefix: eu1.team-pay.
profile: vector
elasticsearch:
  urls: ["https://es.example:9200"]
  username: ns-team-pay
  password: s3cret-Pa55
"""


def _write(folder: Path, text: str, name: str = "team-pay.credentials.yaml") -> Path:
    (folder / "ca.pem").write_text("x")
    file = folder / name
    file.write_text(text)
    return file


def test_everything_a_file_can_say(tmp_path: Path) -> None:
    """Addresses, login, names, profile and search arrive where the clients take them from."""
    access = find_access("team-pay", _write(tmp_path, _FULL), search=True, environ={})
    assert access.kafka.brokers == ("kafka-1.example:9093", "[2001:db8::1]:9093")
    assert access.kafka.tls.enabled
    assert access.kafka.tls.ca_file == str(tmp_path / "ca.pem")
    assert (access.kafka.sasl.mechanism, access.kafka.sasl.username) == ("SCRAM-SHA-256", "ns-team-pay")
    assert access.kafka.sasl.password.reveal() == "s3cret-Pa55"
    assert (access.topic, access.dead_letters) == ("eu1.kun.logs.team-pay", "eu1.kun.dlq.team-pay")
    assert (access.group_prefix, access.profile.name) == ("eu1.team-pay.", "vector")
    assert access.elasticsearch is not None
    assert access.elasticsearch.urls == ("https://es.example:9200",)


def test_the_least_a_file_can_say(tmp_path: Path) -> None:
    """Names follow from the namespace; brokers may be one text with commas."""
    access = find_access("team-pay", _write(tmp_path, "namespace: team-pay\nbrokers: a:1,b:2\n"), environ={})
    assert access.kafka.brokers == ("a:1", "b:2")
    assert access.kafka.sasl.mechanism == "none"
    assert (access.topic, access.dead_letters) == ("kun.logs.team-pay", "kun.dlq.team-pay")
    assert (access.group_prefix, access.profile.name, access.elasticsearch) == ("team-pay.", "filebeat", None)


def test_a_password_may_stand_in_its_own_file(tmp_path: Path) -> None:
    """A mounted Kubernetes Secret holds a password alone; its path is relative to the credentials file."""
    (tmp_path / "password").write_text("from-file\n")
    text = _FULL.replace("password: s3cret-Pa55\nsecurity", "password_file: password\nsecurity")
    assert read_credentials(_write(tmp_path, text)).password.reveal() == "from-file"


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    """Neither the access nor an error about its file shows the password."""
    access = find_access("team-pay", _write(tmp_path, _FULL), search=True, environ={})
    assert "s3cret" not in repr(access)
    with pytest.raises(ConfigError) as caught:
        read_credentials(
            _write(tmp_path, _FULL.replace("SASL_SSL", "TLS").replace("password: s3", "password: {x: s3") + "  }")
        )
    assert "s3cret" not in caught.value.render()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("namespace: team-pay", "namespace: Team"), ":1: namespace: "),
        (("kafka-1.example:9093", "kafka-1.example"), ":2: brokers[0]: "),
        (("username: ns-team-pay\n", ""), ":4: security_protocol: needs username and password"),
        (("SASL_SSL", "SASL"), ":5: security_protocol: "),
        (("SASL_SSL", "SASL_PLAINTEXT"), ":7: ca_file: has no effect without TLS"),
        (("SASL_SSL", "SSL"), ":3: username: has no effect"),
        (("ca.pem", "nope.pem"), ":7: ca_file: "),
        (("vector", "logstash"), ":11: profile: "),
        (("https://es", "es"), ":13: elasticsearch.urls[0]: "),
        (("  username: ns-team-pay\n", ""), ":14: elasticsearch.password: "),
        (("brokers: [", "brokers: [["), ":3: "),
        ((_FULL, "- a\n"), "no mapping"),
        ((_FULL, ""), "no mapping"),
        ((_FULL, "\t: x"), ":1: "),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line(tmp_path: Path, change: tuple[str, str], line: str) -> None:
    """File, line, key and what is wrong."""
    file = _write(tmp_path, _FULL.replace(change[0], change[1], 1))
    with pytest.raises(ConfigError) as caught:
        find_access("team-pay", file, search=True, environ={})
    assert line in str(caught.value)
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 2


def test_keys_of_a_newer_platform_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file is the platform's and may be newer than the tenant's program: it works, and the log says what was not read."""
    text = _FULL.replace("profile: vector", "profil: vector\nfuture: {a: 1}") + "  future: 1\n"
    with caplog.at_level(logging.WARNING, "kunobs.client"):
        assert find_access("team-pay", _write(tmp_path, text), environ={}).profile.name == "filebeat"
    assert "'profil' was not read; did you mean profile?" in caplog.text
    assert caplog.text.count("'future' was not read") == 2


def test_where_credentials_are_found(tmp_path: Path) -> None:
    """The option beats the variable, which beats the file in the working directory, which beats kunobs.yaml."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "kunobs.yaml").write_text(
        "version: 1\nkafka: {tenant: {brokers: ['platform:9092'], topic_prefix: eu1.}}\nsource: {profile: vector}\n"
        "elasticsearch: {urls: ['http://platform:9200']}\nnoc: {nonsense: [}\n".replace("noc: {nonsense: [}\n", "")
    )
    least = "namespace: team-pay\nbrokers: {}\n"
    option = _write(there, least.format("option:1"), "o.yaml")
    variable = {"KUNOBS_CREDENTIALS": str(_write(there, least.format("variable:1"), "v.yaml"))}

    def brokers(credentials: Path | None, environ: dict[str, str]) -> str:
        return find_access("team-pay", credentials, environ=environ, directory=here).kafka.brokers[0]

    assert brokers(None, {}) == "platform:9092"
    _write(here, least.format("here:1"))
    assert brokers(None, {}) == "here:1"
    assert brokers(None, variable) == "variable:1"
    assert brokers(option, variable) == "option:1"


def test_the_platform_engineer_needs_no_credentials_file(tmp_path: Path) -> None:
    """kunobs.yaml's tenant cluster, prefix, profile and search serve for every namespace."""
    config = tmp_path / "kunobs.yaml"
    config.write_text(
        "version: 1\nkafka: {tenant: {brokers: ['platform:9092'], topic_prefix: eu1.}}\nsource: {profile: vector}\n"
        "elasticsearch: {urls: ['http://platform:9200']}\n"
    )
    access = find_access("team-ad", None, search=True, environ={}, directory=tmp_path)
    assert (access.topic, access.profile.name) == ("eu1.kun.logs.team-ad", "vector")
    assert access.elasticsearch is not None
    assert access.elasticsearch.urls == ("http://platform:9200",)
    config.write_text(config.read_text().replace("http://platform:9200", "nonsense"))
    assert find_access("team-ad", None, config=config, environ={}, directory=tmp_path).topic == access.topic
    with pytest.raises(ConfigError, match="elasticsearch"):
        find_access("team-ad", None, config=config, search=True, environ={}, directory=tmp_path)


@pytest.mark.parametrize(
    ("namespace", "text", "error", "words"),
    [
        ("Team_Pay", _FULL, UsageError, "is not a namespace"),
        ("team-ad", _FULL, UsageError, "is for namespace team-pay, not team-ad"),
        ("team-pay", None, ConfigError, "does not exist"),
        ("team-pay", _FULL.partition("elasticsearch:")[0], ConfigError, "nowhere to search"),
    ],
)
def test_the_wrong_file(tmp_path: Path, namespace: str, text: str | None, error: type[KunobsError], words: str) -> None:
    """What does not fit the question is an error with a hint."""
    file = _write(tmp_path, text) if text else tmp_path / "absent.yaml"
    with pytest.raises(error, match=words) as caught:
        find_access(namespace, file, search=True, environ={}, directory=tmp_path)
    assert caught.value.hint


def test_no_credentials_at_all(tmp_path: Path) -> None:
    """The error names every place that was looked at."""
    with pytest.raises(ConfigError) as caught:
        find_access("team-pay", environ={}, directory=tmp_path)
    for place in ("--credentials", "$KUNOBS_CREDENTIALS", str(tmp_path / "team-pay.credentials.yaml")):
        assert place in str(caught.value)
    assert "kunobs local tenant add team-pay" in caught.value.hint


@settings(deadline=None)
@given(st.text(st.sampled_from("namespace: brokers[]{}\n-\t'\"&*!|>%@`#a1.,\x00é"), max_size=120))
def test_no_file_content_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever a file holds, the outcome is credentials or a ConfigError."""
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_text(text)
    try:
        read_credentials(file)
    except ConfigError as error:
        assert str(error)
