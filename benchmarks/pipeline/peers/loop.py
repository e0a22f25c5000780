"""The obvious Python loop: poll one message, json.loads, produce, helpers.streaming_bulk, flush, commit."""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer
from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk


def main(job_file: str) -> None:
    """Run until killed; at least once."""
    with open(job_file) as file:
        job = json.load(file)
    consumer = Consumer(
        {
            "bootstrap.servers": job["public"],
            "group.id": job["group"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": job["tenant"],
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": job["username"],
            "sasl.password": job["password"],
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 10,
        }
    )
    elastic = Elasticsearch(job["elasticsearch"], request_timeout=120)
    consumer.subscribe([job["source"]])

    def delivered(error, _message):
        if error:
            raise KafkaException(error)

    while True:
        actions = []
        deadline = time.monotonic() + 1
        while len(actions) < job["bulk_lines"] and time.monotonic() < deadline:
            message = consumer.poll(0.1)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            event = json.loads(message.value())
            namespace = event["kubernetes"]["namespace"]
            producer.produce(job["topic_prefix"] + namespace, message.value(), message.key(), on_delivery=delivered)
            producer.poll(0)
            stream = "logs-k8s-" + namespace.replace("-", "_")
            actions.append({"_op_type": "create", "_index": stream, "_source": event})
        for _ok, _item in streaming_bulk(
            elastic, actions, chunk_size=job["bulk_lines"], max_chunk_bytes=job["bulk_bytes"]
        ):
            pass
        if actions:
            producer.flush()
            consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main(sys.argv[1])
