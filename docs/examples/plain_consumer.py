"""Reads a namespace's logs with confluent-kafka alone: python plain_consumer.py team-pay.credentials.yaml [IDLE_SECONDS]"""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException
from ruamel.yaml import YAML

credentials_file, idle = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")
with open(credentials_file) as file:
    credentials = YAML(typ="safe").load(file)

consumer = Consumer(
    {
        "bootstrap.servers": ",".join(credentials["brokers"]),
        "security.protocol": credentials["security_protocol"],
        "sasl.mechanism": credentials["sasl_mechanism"],
        "sasl.username": credentials["username"],
        "sasl.password": credentials["password"],
        "group.id": credentials["group_prefix"] + "plain",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.auto.offset.store": False,  # an offset is stored when its event is handled, not when it is fetched
    }
)
consumer.subscribe([credentials["topic"]])
last = time.monotonic()
try:
    while time.monotonic() - last < idle:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        last = time.monotonic()
        event = json.loads(message.value())
        print(event.get("@timestamp"), event.get("message"))
        consumer.store_offsets(message)
except KeyboardInterrupt:
    pass
finally:
    consumer.close()
