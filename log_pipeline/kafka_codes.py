"""What librdkafka's error codes mean to us: who is to blame, and whether we were fenced."""

from __future__ import annotations

from confluent_kafka import KafkaError

TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)
DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
MISSING = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._INCONSISTENT,
    KafkaError.UNKNOWN_TOPIC_ID,
)
REFUSED = (KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_MSG)

# How librdkafka says that another producer took our transactional id over, or that the broker gave our transaction up;
# _FATAL and _STATE do not call themselves fatal (seen with 2.16 after SIGSTOP).
FENCED = (
    KafkaError._FENCED,
    KafkaError._FATAL,
    KafkaError._STATE,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
    KafkaError.INVALID_TXN_STATE,
)

# A topic or partition that is being made, or whose leader moves: true in a moment.
NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
)
