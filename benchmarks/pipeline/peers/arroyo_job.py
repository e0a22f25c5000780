"""The job as a sentry-arroyo strategy chain: read a few fields, produce, reduce to a batch, one raw bulk request.

Nothing of kunobs runs here, but the techniques are the same: msgspec reads only what is needed, bytes are passed on as
they are. What is compared is the framework, not the care of who wrote the job. `full` writes what kunobs writes: a header
with the origin, an id that makes `create` idempotent, compressed bulk requests. `bare` leaves these out.
"""

from __future__ import annotations

import json
import sys
from binascii import b2a_base64
from hashlib import blake2b

import msgspec
from arroyo import Topic
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload
from arroyo.backends.kafka.configuration import build_kafka_consumer_configuration
from arroyo.commit import ONCE_PER_SECOND
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import (
    CommitOffsets,
    ProcessingStrategyFactory,
    Reduce,
    RunTask,
)
from confluent_kafka import KafkaException, Producer
from elasticsearch import Elasticsearch
from isal import igzip


class Kubernetes(msgspec.Struct, gc=False):
    namespace: str


class Bare(msgspec.Struct, gc=False):
    kubernetes: Kubernetes


class Container(msgspec.Struct, gc=False):
    id: str


class Log(msgspec.Struct, gc=False):
    offset: int


class Full(msgspec.Struct, gc=False, rename={"timestamp": "@timestamp"}):
    kubernetes: Kubernetes
    container: Container
    log: Log
    timestamp: str
    stream: str


decode_bare = msgspec.json.Decoder(Bare).decode
decode_full = msgspec.json.Decoder(Full).decode


class Factory(ProcessingStrategyFactory[KafkaPayload]):
    """copy -> batch -> index -> commit."""

    def __init__(self, job, full):
        self.job = job
        self.full = full
        self.targets = {}
        self.elastic = Elasticsearch(job["elasticsearch"], request_timeout=120)
        self.producer = Producer(
            {
                "bootstrap.servers": job["tenant"],
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": job["username"],
                "sasl.password": job["password"],
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 10,
                "delivery.report.only.error": True,
                "on_delivery": self.failed,
            }
        )

    def failed(self, error, _message):
        raise KafkaException(error)

    def target(self, namespace):
        found = self.targets.get(namespace)
        if found is None:
            stream = f"logs-k8s-{namespace.replace('-', '_')}"
            action = msgspec.json.encode({"create": {"_index": stream}})
            with_id = b'{"create":{"_index":"%b","_id":"' % stream.encode()
            topic = self.job["topic_prefix"] + namespace
            found = self.targets[namespace] = (topic, with_id if self.full else action)
        return found

    def copy_bare(self, message):
        payload = message.payload
        topic, action = self.target(decode_bare(payload.value).kubernetes.namespace)
        self.producer.produce(topic, payload.value, payload.key)
        return action, payload.value

    def copy_full(self, message):
        payload, record = message.payload, message.value
        event = decode_full(payload.value)
        topic, action = self.target(event.kubernetes.namespace)
        place, milliseconds = record.partition, int(record.timestamp.timestamp() * 1000)
        origin = f"{place.topic.name}/{place.index}/{record.offset}/{milliseconds}"
        self.producer.produce(topic, payload.value, payload.key, headers=[("source", origin.encode())])
        line = f"{event.container.id}\0{event.log.offset}\0{event.timestamp}\0{event.stream}"
        name = b2a_base64(blake2b(line.encode(), digest_size=16).digest(), newline=False)
        return b'%b%b"}}' % (action, name), payload.value

    def index(self, message):
        lines = message.payload
        lines.append(b"")
        body, headers = b"\n".join(lines), {"content-type": "application/x-ndjson", "accept": "application/json"}
        if self.full:
            body = igzip.compress(body, 1)
            headers["content-encoding"] = "gzip"
        reply = self.elastic.options(headers=headers).perform_request(
            "POST", "/_bulk?filter_path=errors,items.*.error,items.*.status", headers=headers, body=body
        )
        if reply.get("errors") and any(item["create"]["status"] != 409 for item in reply["items"]):
            raise RuntimeError(str(reply)[:500])
        self.producer.flush()

    def create_with_partitions(self, commit, partitions):
        def put(batch, value):
            batch += value.payload
            return batch

        index = RunTask(self.index, CommitOffsets(commit))
        batch = Reduce(self.job["bulk_lines"], 1.0, put, list, index)
        return RunTask(self.copy_full if self.full else self.copy_bare, batch)


def main(job_file: str, kind: str) -> None:
    """Run until killed; at least once."""
    with open(job_file) as file:
        job = json.load(file)
    consumer = KafkaConsumer(
        build_kafka_consumer_configuration(
            {}, bootstrap_servers=[job["public"]], group_id=job["group"], auto_offset_reset="earliest"
        )
    )
    factory = Factory(job, kind == "full")
    StreamProcessor(consumer, Topic(job["source"]), factory, ONCE_PER_SECOND).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
