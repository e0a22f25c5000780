"""librdkafka properties that `options:` may not hold, each with the reason."""

from __future__ import annotations

_OWN_KEY = "kunobs has its own key for this"
_OFFSETS = "an offset is final only after every event before it has an outcome, so kunobs commits by itself"
_ONCE = "it would break the promise that nothing is lost or doubled"
_MEMBERS = "kunobs decides how a group shares its partitions"
_SECRETS = "options are printed, so they may hold no secret and no identity"

_REASONS: dict[str, tuple[str, str]] = {
    "bootstrap.servers": (_OWN_KEY, "use `brokers`"),
    "metadata.broker.list": (_OWN_KEY, "use `brokers`"),
    "security.protocol": (_OWN_KEY, "use `tls.enabled` and `sasl.mechanism`"),
    "enable.ssl.certificate.verification": ("an unverified broker may be anyone", "use `tls.ca_file`"),
    "enable.auto.commit": (_OFFSETS, "see `commit_interval`"),
    "enable.auto.offset.store": (_OFFSETS, ""),
    "auto.commit.interval.ms": (_OFFSETS, "see `commit_interval`"),
    "auto.offset.reset": (_OWN_KEY, "use `source.start` and `source.on_gap`"),
    "isolation.level": ("aborted transactions would be read as events", ""),
    "acks": (_ONCE, ""),
    "request.required.acks": (_ONCE, ""),
    "enable.idempotence": (_ONCE, ""),
    "enable.gapless.guarantee": (_ONCE, ""),
    "delivery.report.only.error": ("a delivered event would get no outcome", ""),
    "max.in.flight": (_ONCE, ""),
    "max.in.flight.requests.per.connection": (_ONCE, ""),
    "retries": (_ONCE, ""),
    "message.send.max.retries": (_ONCE, ""),
    "message.timeout.ms": (_ONCE, ""),
    "delivery.timeout.ms": (_ONCE, ""),
    "transactional.id": ("fanout fences by it", "use `fanout.delivery`"),
    "transaction.timeout.ms": (_OWN_KEY, "use `fanout.transaction_timeout`"),
    "partitioner": ("a container's lines must keep to one partition", ""),
    "partitioner_cb": ("a container's lines must keep to one partition", ""),
    "allow.auto.create.topics": ("a topic made by accident has the wrong retention", "use `topics.create`"),
    "group.id": (_OWN_KEY, "use `fanout.group` and `indexer.group`"),
    "group.instance.id": (_MEMBERS, ""),
    "group.protocol": (_OWN_KEY, "use `source.group_protocol`"),
    "group.remote.assignor": (_MEMBERS, "see `source.group_protocol`"),
    "partition.assignment.strategy": (_MEMBERS, "see `source.group_protocol`"),
    "enable.partition.eof": ("the end of a partition would arrive as an error", ""),
    "compression.codec": (_OWN_KEY, "use `fanout.compression`"),
    "compression.type": (_OWN_KEY, "use `fanout.compression`"),
    "linger.ms": (_OWN_KEY, "use `fanout.linger`"),
    "queue.buffering.max.ms": (_OWN_KEY, "use `fanout.linger`"),
    "queue.buffering.max.kbytes": (_OWN_KEY, "use `fanout.in_flight`"),
    "queue.buffering.max.messages": (_OWN_KEY, "use `fanout.in_flight`"),
    "queued.max.messages.kbytes": (_OWN_KEY, "use `source.buffer`"),
    "message.max.bytes": (_OWN_KEY, "use `topics.max_message`"),
}


def refusal(option: str) -> tuple[str, str] | None:
    """Why `option` is refused and what to do instead, or None when it is welcome."""
    if option in _REASONS:
        return _REASONS[option]
    if option.startswith("sasl."):
        return _OWN_KEY, "use `sasl`"
    if option.startswith("ssl.") and option.endswith((".location", ".pem", ".password", ".engine.id", "_pem")):
        return _OWN_KEY, "use `tls`"
    if any(word in option for word in ("password", "secret", "token", "private")):
        return _SECRETS, ""
    if option.endswith("_cb"):
        return "a callback is code, not text", ""
    return None
