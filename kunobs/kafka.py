"""The only place that constructs Kafka clients: config -> librdkafka properties, unsafe ones refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from kunobs.config.kafka import KafkaCluster
from kunobs.errors import ConfigError, UnavailableError
from kunobs.log import get_logger, repeated

_log = get_logger("kafka")
# Whatever the source took must fit; what a topic takes is its own `max.message.bytes`.
_LARGEST = 17 << 20


def base_options(cluster: KafkaCluster) -> dict[str, Any]:
    """Connection properties (brokers, TLS, SASL) and the cluster's own `options`."""
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(cluster.brokers),
        "socket.keepalive.enable": True,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 2000,
        "log.connection.close": False,
    }
    tls, sasl = cluster.tls, cluster.sasl
    with_sasl = sasl.mechanism != "none"
    options["security.protocol"] = {
        (False, False): "PLAINTEXT",
        (True, False): "SSL",
        (False, True): "SASL_PLAINTEXT",
        (True, True): "SASL_SSL",
    }[tls.enabled, with_sasl]
    if tls.enabled:
        files = {
            "ssl.ca.location": tls.ca_file,
            "ssl.certificate.location": tls.cert_file,
            "ssl.key.location": tls.key_file,
            "ssl.key.password": tls.key_password.reveal(),
        }
        options |= {key: value for key, value in files.items() if value}
    if with_sasl:
        options |= {
            "sasl.mechanism": sasl.mechanism,
            "sasl.username": sasl.username,
            "sasl.password": sasl.password.reveal(),
        }
    return options | dict(cluster.options)


def _report(error: Any) -> None:
    """Connection trouble: librdkafka retries by itself, a person only wants to know that it does."""
    repeated(
        _log,
        f"kafka:{error.name()}",
        "kafka client trouble",
        code=error.name(),
        reason=str(error.str())[:300],
    )


class _Quiet:
    """Swallows librdkafka's own log lines; what matters of them reaches `error_cb`."""

    def log(self, *_: Any, **__: Any) -> None: ...

    debug = info = warning = error = log


@contextmanager
def _naming_bad_options(cluster: KafkaCluster) -> Iterator[None]:
    """librdkafka names what it does not know; only the file's own `options` can hold that."""
    try:
        yield
    except KafkaException as error:
        cause = error.args[0]
        if cause.code() != KafkaError._INVALID_ARG or not cluster.options:
            raise
        raise ConfigError(
            f"kafka.*.options of {', '.join(cluster.brokers)}: {cause.str()}",
            hint="librdkafka's CONFIGURATION.md lists the properties",
        ) from error


def consumer(cluster: KafkaCluster, group: str, **options: Any) -> Consumer:
    """A consumer of `group` that never commits by itself and never starts where it was not told to."""
    with _naming_bad_options(cluster):
        return Consumer(
            base_options(cluster)
            | {
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": False,
                "error_cb": _report,
            }
            | options,
            logger=_Quiet(),
        )


def producer(cluster: KafkaCluster, **options: Any) -> Producer:
    """A producer that waits for all in-sync replicas and never writes a record twice by a retry of its own."""
    with _naming_bad_options(cluster):
        return Producer(
            base_options(cluster)
            | {
                "enable.idempotence": True,
                "acks": "all",
                "error_cb": _report,
                "allow.auto.create.topics": False,
                "message.max.bytes": _LARGEST,
            }
            | options,
            logger=_Quiet(),
        )


def admin(cluster: KafkaCluster) -> AdminClient:
    """An admin client; keep a reference until its futures are done, or the calls are lost with it."""
    with _naming_bad_options(cluster):
        return AdminClient(base_options(cluster) | {"error_cb": _report}, logger=_Quiet())


def log_dirs(cluster: KafkaCluster, timeout: float) -> Iterator[tuple[int, dict[str, Any]]]:
    """(broker, log directory) of every broker, as DescribeLogDirs answers; librdkafka has no such request, kafka-python has.

    Raises UnavailableError after `timeout` seconds or when the cluster refuses.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError as RefusedError

    options = _for_kafka_python(cluster) | {
        "request_timeout_ms": int(timeout * 1000),
        "bootstrap_timeout_ms": int(timeout * 1000),
    }
    client = None
    try:
        client = KafkaAdminClient(**options)
        for answer in client.describe_log_dirs():
            for found in answer["log_dirs"]:
                yield answer["broker"], found
    except (RefusedError, OSError) as error:
        raise UnavailableError(f"log directories of {', '.join(cluster.brokers)}: {error}") from error
    finally:
        if client is not None:
            client.close()


def _for_kafka_python(cluster: KafkaCluster) -> dict[str, Any]:
    """The same connection in the words of kafka-python; its own `options` are librdkafka's and stay out."""
    known = base_options(cluster)
    options: dict[str, Any] = {
        "bootstrap_servers": list(cluster.brokers),
        "security_protocol": known["security.protocol"],
    }
    if cluster.tls.enabled:
        context = ssl.create_default_context(cafile=cluster.tls.ca_file or None)
        if cluster.tls.cert_file:
            context.load_cert_chain(
                cluster.tls.cert_file, cluster.tls.key_file, cluster.tls.key_password.reveal() or None
            )
        options["ssl_context"] = context
    if cluster.sasl.mechanism != "none":
        options |= {
            "sasl_mechanism": cluster.sasl.mechanism,
            "sasl_plain_username": cluster.sasl.username,
            "sasl_plain_password": cluster.sasl.password.reveal(),
        }
    return options
