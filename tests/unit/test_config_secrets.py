"""Secrets: where they may come from, and that nothing printable ever holds one."""

from __future__ import annotations

import copy
import json
import traceback
import warnings
from pathlib import Path

import pytest

from kunobs.config import Config, ElasticsearchConfig, SaslConfig, Secret, load, load_text, redacted
from kunobs.config.refused_options import refusal
from kunobs.errors import ConfigError

SECRET = "hunter2-f3a9"  # the one thing that must not be found anywhere


def everything_printable(value: object) -> str:
    """All the ways `value` may end in a log, an error page or a terminal."""
    parts = [str(value), repr(value), f"{value}", repr(copy.deepcopy(value))]
    if isinstance(value, Config):
        parts += [repr(value.model_dump()), value.model_dump_json(), json.dumps(redacted(value)), str(value.notes)]
        parts += [repr(vars(value)), repr(list(value))]
    if isinstance(value, BaseException):
        parts += traceback.format_exception(value)
        parts += [repr(value.args), repr(vars(value)), repr(value.__cause__), repr(value.__context__)]
    return "\n".join(parts)


GOOD = f"""
version: 1
kafka:
  public:
    tls: {{enabled: true, cert_file: f, key_file: f, key_password: {SECRET}}}
    sasl: {{mechanism: PLAIN, username: a, password: {SECRET}}}
  tenant:
    sasl: {{mechanism: PLAIN, username: a, password_file: secret}}
elasticsearch: {{api_key: {SECRET}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a secret's file."""
    (tmp_path / "f").write_text("x")
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return tmp_path


def test_a_loaded_configuration_prints_no_secret(folder: Path) -> None:
    """The secrets are there, and only `reveal` shows them."""
    config = load_text(GOOD, directory=folder)
    public = config.kafka.public
    secrets = [public.tls.key_password, public.sasl.password, config.kafka.tenant.sasl.password]
    assert {secret.reveal() for secret in [*secrets, config.elasticsearch.api_key]} == {SECRET}
    assert SECRET not in everything_printable(config)
    assert str(public.sasl.password) == "<secret>"
    assert (
        redacted(config)["elasticsearch"] | {"api_key": "<secret>", "password": ""} == redacted(config)["elasticsearch"]
    )


BAD_NEIGHBOURS = [
    "kafka: {public: {sasl: {mechanism: BASIC, username: [x], password: SECRET, pasword: SECRET}}}",
    "kafka: {public: {sasl: {mechanism: PLAIN, password: SECRET}}}",
    "kafka: {public: {sasl: {mechanism: SECRET, username: SECRET, password: SECRET}}}",
    "kafka: {public: {sasl: {password: SECRET}}}",
    "kafka: {public: {sasl: SECRET}}",
    "kafka: {public: {sasl: [SECRET]}}",
    "kafka: {public: {sasl: {'SECRET oops': SECRET}}}",
    "kafka: {public: {sasl: {password: [SECRET]}}}",
    "kafka: {public: {sasl: {password: {SECRET: SECRET}}}}",
    "kafka: {public: {sasl: {password: {SECRET: 1, SECRET: 2}}}}",
    "kafka: {public: {sasl: {password: !SECRET x}}}",
    "kafka: {public: {sasl: {password: SECRET, password: SECRET}}}",
    "kafka: {public: {sasl: {mechanism: PLAIN, username: a, password: SECRET, password_file: f}}}",
    "kafka: {public: {sasl: {mechanism: PLAIN, username: a, password_file: SECRET}}}",
    "kafka: {public: {sasl: {mechanism: PLAIN, username: a, password_file: twice}}}",
    "kafka: {public: {tls: {key_password: SECRET, enabled: maybe}}}",
    "kafka: {public: {tls: {key_password: SECRET}}}",
    "kafka: {public: {brokers: ['SASL://u:SECRET@x:9092']}}",
    "kafka: {public: {brokers: ['u:SECRET@x:9092']}}",
    "kafka: {public: {options: {sasl.password: SECRET, x: [SECRET]}}}",
    "kafka: {public: {options: {x: [SECRET]}}}",
    "kafka: {public: {options: {'sasl.password=SECRET': x}}}",
    "elasticsearch: {urls: ['http://u:SECRET@x:9200']}",
    "elasticsearch: {urls: ['http://u:SECRET@[x:9200']}",
    "elasticsearch: {urls: ['u:SECRET@x']}",
    "elasticsearch: {urls: SECRET}",
    "elasticsearch: {timeout: SECRET}",
    "elasticsearch: {api_key: SECRET, username: a, password: SECRET, timeout: 1}",
    "elasticsearch: {password: SECRET, username: 5}",
    "elasticsearch: {password SECRET}",
    "elasticsearch: {api_key: SECRET",
    "elasticsearch:\n  password: *SECRET",
    "elasticsearch:\n  password: &SECRET x\n  username: &SECRET x\n  timeout: 1",
    "elasticsearch:\n  password: !SECRET!x x",
    "elasticsearch:\n  password: @SECRET",
    "elasticsearch:\n  password: %SECRET",
    "elasticsearch:\n  password: SECRET: SECRET",
    "elasticsearch:\n  password: SECRET\n bad",
    'elasticsearch:\n  password: "SECRET',
    'elasticsearch:\n  password: "\\SECRET"',
    "elasticsearch:\n  password: |SECRET\n   x",
    "elasticsearch:\n  password: SECRET\x01",
    "elasticsearch:\n  ? 'SECRET x'\n  : x\n  ? [SECRET]\n  : x",
    "%SECRET\n---\nelasticsearch: 1",
    "SECRET",
    "[SECRET]",
]


@pytest.mark.parametrize("body", BAD_NEIGHBOURS)
def test_no_error_prints_a_secret(body: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong beside, around or about a secret, the message does not repeat it."""
    (folder / "twice").write_text(f"{SECRET}\n{SECRET}\n")
    text = ("" if body in ("SECRET", "[SECRET]") else "version: 1\n") + body.replace("SECRET", SECRET)
    assert SECRET in text or "twice" in text
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        with pytest.raises(ConfigError) as caught:
            load_text(text, directory=folder)
    printed = capsys.readouterr()
    assert SECRET not in everything_printable(caught.value)
    assert SECRET not in printed.out + printed.err + "".join(str(one.message) for one in caught_warnings)


@pytest.mark.parametrize("key", ["username: 5", "mechanism: no", "unknown: 1", "password_file: 3"])
def test_pydantic_itself_prints_no_secret(key: str) -> None:
    """A model that a program builds wrongly does not print its input either."""
    name, value = key.split(": ")
    with pytest.raises(ValueError) as caught:
        SaslConfig.model_validate({"password": SECRET, name: int(value) if value.isdigit() else value})
    assert SECRET not in everything_printable(caught.value)
    with pytest.raises(ValueError) as caught:
        ElasticsearchConfig.model_validate({"password": [SECRET], "urls": SECRET})
    assert SECRET not in everything_printable(caught.value)


def test_a_wrong_variable_prints_no_secret(folder: Path) -> None:
    """Also when the value is no YAML, or another key is wrong."""
    environ = {
        "KUNOBS_ELASTICSEARCH__PASSWORD": f"{SECRET}: *x: [",
        "KUNOBS_ELASTICSEARCH__TIMEOUT": SECRET,
        "KUNOBS_ELASTICSEARCH__PASWORD": SECRET,
        "KUNOBS_KAFKA__PUBLIC__SASL": f"{{password: {SECRET}, mechanism: {SECRET}}}",
    }
    with pytest.raises(ConfigError) as caught:
        load(None, environ=environ)
    assert SECRET not in everything_printable(caught.value)
    assert len(str(caught.value).splitlines()) == 4


def test_a_secret_variable_is_taken_as_it_stands() -> None:
    """A password with signs that mean something in YAML needs no quotes in a variable."""
    environ = {"KUNOBS_ELASTICSEARCH__USERNAME": "007", "KUNOBS_ELASTICSEARCH__PASSWORD": "*a: 'b # c "}
    config = load(None, environ=environ)
    assert (config.elasticsearch.username, config.elasticsearch.password.reveal()) == ("007", "*a: 'b # c ")


def test_a_variable_replaces_the_files_secret_of_either_kind(folder: Path) -> None:
    """A variable is one source, and it wins; it does not clash with the file's `password_file`."""
    text = "version: 1\nelasticsearch: {username: a, password_file: not-there}\n"
    config = load_text(text, directory=folder, environ={"KUNOBS_ELASTICSEARCH__PASSWORD": SECRET})
    assert (config.elasticsearch.password.reveal(), config.elasticsearch.password_file) == (SECRET, "")
    text = "version: 1\nelasticsearch: {username: a, password: old}\n"
    environ = {"KUNOBS_ELASTICSEARCH__PASSWORD_FILE": str(folder / "secret")}
    assert load_text(text, environ=environ).elasticsearch.password.reveal() == SECRET
    environ["KUNOBS_ELASTICSEARCH__PASSWORD"] = SECRET
    with pytest.raises(ConfigError, match="PASSWORD_FILE: stands beside password"):
        load_text(text, environ=environ)


@pytest.mark.parametrize(
    ("content", "secret"), [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), (" a ", " a "), ("日本\n", "日本")]
)
def test_a_secrets_file_holds_one_line(content: str, secret: str, tmp_path: Path) -> None:
    """One newline at the end does not count, spaces do."""
    (tmp_path / "p").write_text(content, encoding="utf-8", newline="")
    text = "version: 1\nelasticsearch: {username: a, password_file: p}\n"
    assert load_text(text, directory=tmp_path).elasticsearch.password.reveal() == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\n\n", b"\xff\xfe", b"a\0b", b"a" * 70_000])
def test_a_secrets_file_that_holds_something_else(content: bytes, tmp_path: Path) -> None:
    """A key file or an empty mount is noticed at start, not at the first login."""
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(ConfigError, match="elasticsearch\\.password_file: "):
        load_text("version: 1\nelasticsearch: {username: a, password_file: p}\n", directory=tmp_path)


def test_a_file_readable_for_all_is_accepted(folder: Path) -> None:
    """Kubernetes mounts Secrets with mode 0644."""
    (folder / "secret").chmod(0o644)
    text = "version: 1\nelasticsearch: {username: a, password_file: secret}\n"
    assert load_text(text, directory=folder).elasticsearch.password == Secret(SECRET)


@pytest.mark.parametrize(
    "option", ["sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "x.token"]
)
def test_no_option_may_hold_a_secret(option: str) -> None:
    """Options are printed, so what librdkafka knows as a secret is refused there."""
    assert refusal(option)


def test_an_empty_secret_prints_as_nothing() -> None:
    """A page shows whether there is a secret at all."""
    assert (str(Secret()), bool(Secret()), str(Secret("a")), bool(Secret("a"))) == ("", False, "<secret>", True)
