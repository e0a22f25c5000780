"""What Kafka's error codes mean to a tenant, and what to do about each."""

from __future__ import annotations

import re

from confluent_kafka import KafkaError, KafkaException

from kunobs.client.access import Access
from kunobs.client.notes import note_repeated
from kunobs.errors import DeniedError, KunobsError, UnavailableError

_LOGIN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
_MISSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_ID}
_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_SILENT = {
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.REQUEST_TIMED_OUT,
}
_NO_MEMBER = {
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError.FENCED_MEMBER_EPOCH,
    KafkaError._ASSIGNMENT_LOST,
}
# Everything else passes by itself or is retried by librdkafka.
_FINAL = _DENIED | {
    KafkaError._FATAL,
    KafkaError._FENCED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.GROUP_MAX_SIZE_REACHED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.UNSUPPORTED_ASSIGNOR,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,
}


def is_final(code: int) -> bool:
    """True for an error that waiting does not cure."""
    return code in _FINAL


def is_missing(code: int) -> bool:
    """True when the broker does not know the topic, which for a moment is so while its leader moves."""
    return code in _MISSING


def error_of(exception: KafkaException) -> KafkaError:
    """The error that librdkafka's exception carries."""
    error: KafkaError = exception.args[0]
    return error


def explain(error: KafkaError, access: Access, *, topic: str, group: str = "", login: str = "") -> KunobsError:
    """The error for a person; `login` is what the brokers said about the user, when they did."""
    code, brokers = error.code(), ", ".join(access.kafka.brokers)
    if login or code in _LOGIN:
        user = access.kafka.sasl.username or "nobody"
        hint = f"compare username, password and sasl_mechanism in {access.origin} with what the platform team gave you"
        return DeniedError(f"{brokers}: the login of {user} was refused: {login or error.str()}", hint=hint)
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        hint = f"is {access.origin} for namespace {access.namespace}? It needs the right to read that topic"
        return DeniedError(f"{_user(access)} may not read topic {topic}", hint=hint)
    if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return DeniedError(
            f"{_user(access)} may not use consumer group {group}",
            hint=f"groups of this namespace begin with {access.group_prefix!r}",
        )
    if code in _MISSING:
        return _missing(access, topic)
    if code in _NO_MEMBER:
        return UnavailableError(
            f"group {group} has given our partitions to another member, which reads the last events again",
            hint="the program took longer between two events than handling_timeout, or could not reach the brokers",
        )
    if code in _SILENT:
        return UnavailableError(
            f"no answer from {brokers}",
            hint=f"is the address in {access.origin} right, and does TLS match ({_protocol(access)})? "
            f"Try: nc -vz {access.kafka.brokers[0].replace(':', ' ')}",
        )
    return KunobsError(f"{brokers}: {error.str()} ({error.name()})")


def _missing(access: Access, topic: str) -> KunobsError:
    return UnavailableError(
        f"there is no topic {topic}",
        hint=f"it is made when namespace {access.namespace} logs its first line: check the name and that its pods "
        f"print something (kubectl logs -n {access.namespace} POD), else ask the platform team",
    )


def _user(access: Access) -> str:
    return access.kafka.sasl.username or "an anonymous user"


def _protocol(access: Access) -> str:
    return "TLS is on" if access.kafka.tls.enabled else "TLS is off"


class Complaints:
    """librdkafka's `error_cb`: what the brokers say about the login is kept, outages go to the program's log."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers
        self.opening = True
        """While true a refused login is kept instead of logged: opening fails with it."""
        self.login = ""

    def __call__(self, error: KafkaError) -> None:
        text = str(error.str())[:300]
        if error.code() in _LOGIN and self.opening:
            self.login = re.sub(r"^.*?SASL authentication error: |^\S+://\S+: | \(after .*\)$", "", text)
            return
        note_repeated(f"{self._brokers}:{error.code()}", "kafka: %s; trying again", text)
