"""What Kafka's error codes say to a tenant."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError

from kunobs.client.trouble import Complaints, explain, is_final, is_missing
from kunobs.errors import DeniedError, KunobsError, UnavailableError
from kunobs.testing import MemoryTopic

_ACCESS = MemoryTopic("team-pay").access


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, DeniedError, "may not read topic kun.x"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, DeniedError, "may not use consumer group team-pay.g"),
        (KafkaError._AUTHENTICATION, DeniedError, "the login of nobody was refused"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, UnavailableError, "there is no topic kun.x"),
        (KafkaError._TRANSPORT, UnavailableError, "no answer from 127.0.0.1:9092"),
        (KafkaError._WAIT_COORD, UnavailableError, "no answer from"),
        (KafkaError.UNKNOWN_MEMBER_ID, UnavailableError, "to another member"),
        (KafkaError.UNSUPPORTED_ASSIGNOR, KunobsError, "UNSUPPORTED_ASSIGNOR"),
    ],
)
def test_each_code_has_its_sentence(code: int, error: type[KunobsError], words: str) -> None:
    """And, where a person can do something, a hint."""
    found = explain(KafkaError(code), _ACCESS, topic="kun.x", group="team-pay.g")
    assert type(found) is error
    assert words in str(found)
    assert found.hint or type(found) is KunobsError


def test_what_ends_a_program() -> None:
    """Rights do; brokers that are away do not."""
    assert is_final(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    assert is_final(KafkaError._FATAL)
    assert not is_final(KafkaError._ALL_BROKERS_DOWN)
    assert not is_final(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert is_missing(KafkaError.UNKNOWN_TOPIC_OR_PART)


def test_a_refused_login_is_kept_while_opening_and_logged_later(caplog: pytest.LogCaptureFixture) -> None:
    """librdkafka itself only says that no broker answers; its address and timing are of no use to a person."""
    text = "sasl_ssl://k:9092/bootstrap: SASL authentication error: Authentication failed (after 3ms in state AUTH_REQ)"
    complaints = Complaints("opening")
    with caplog.at_level(logging.WARNING):
        complaints(KafkaError(KafkaError._AUTHENTICATION, text))
    assert (complaints.login, caplog.text) == ("Authentication failed", "")
    refused = explain(KafkaError(KafkaError._TRANSPORT), _ACCESS, topic="kun.x", login=complaints.login)
    assert "was refused: Authentication failed" in str(refused)
    complaints.opening, complaints.login = False, ""
    with caplog.at_level(logging.WARNING):
        complaints(KafkaError(KafkaError._AUTHENTICATION, text))
        complaints(KafkaError(KafkaError._AUTHENTICATION, text))
    assert complaints.login == ""
    assert caplog.text.count("Authentication failed") == 1
