"""A log line as a tenant's program sees it: bytes from Kafka or a hit from Elasticsearch, decoded when first asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple, NoReturn

import msgspec

from kunobs.client.profiles import FILEBEAT, UNKNOWN, Path, Profile, Writer, pick, writer_of

SOURCE_HEADER = "kunobs-source"
_SOURCE = re.compile(r"([^/]+)/([0-9]{1,10})/([0-9]{1,19})/(-?[0-9]{1,19})")
# Numbers below are seconds since the epoch, numbers above milliseconds: the year 5138, or 1973.
_SECONDS_BELOW = 1e11
_LONGEST_PATH = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Headers = Sequence[tuple[str, bytes | None]]


class Source(NamedTuple):
    """Where the platform's own Kafka held the line; `time` in milliseconds since the epoch, -1 when it had none."""

    topic: str
    partition: int
    offset: int
    time: int

    @classmethod
    def parse(cls, header: str) -> Source | None:
        """Reads `<topic>/<partition>/<offset>/<time>`; None for anything else."""
        found = _SOURCE.fullmatch(header)
        return cls(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}/{self.time}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text


def decode(raw: bytes | str | None) -> tuple[dict[str, Any], str]:
    """The JSON object in `raw` and "", or {} and why there is none: null_value, not_json, not_object, too_deep."""
    if not raw:
        return {}, "null_value"
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        return {}, "too_deep"
    except ValueError:
        try:  # msgspec refuses lone surrogates and 1e999, which loggers do write
            text = raw.decode() if isinstance(raw, bytes) else raw
            value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        except RecursionError:
            return {}, "too_deep"
        except ValueError:
            return {}, "not_json"
    return (value, "") if isinstance(value, dict) else ({}, "not_object")


def parse_time(value: Any) -> datetime | None:
    """An aware time in UTC of ISO 8601 text or of (milli)seconds since the epoch; None for anything else."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value) if len(value) <= 64 else None
            if time is None:
                return None
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value if abs(value) < _SECONDS_BELOW else value / 1000)
    except (ValueError, OverflowError):
        pass
    return None


def as_json(value: Any) -> str:
    """`value` as compact JSON with letters of every script as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


class Event:
    """One log line. Nothing is decoded before it is asked for; every property has a value for any input.

    `raw` is the event as the log shipper wrote it; `topic`, `partition` and `offset` are where the tenant's topic holds
    it, `appended` is when it was written there, `key` and `headers` are the Kafka record's.
    """

    __slots__ = (
        "_broken", "_fields", "_fields_known", "_profile", "_raw", "_writer",
        "appended", "headers", "key", "offset", "partition", "topic",
    )  # fmt: skip

    def __init__(
        self,
        raw: bytes | None,
        *,
        topic: str = "",
        partition: int = 0,
        offset: int = 0,
        appended: datetime = _EPOCH,
        key: bytes | None = None,
        headers: Headers = (),
        profile: Profile = FILEBEAT,
    ) -> None:
        self._raw = raw
        self._profile = profile
        self._fields: dict[str, Any] = {}
        self._broken = ""
        self._fields_known = False
        self._writer: Writer | None = None
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.appended = appended
        self.key = key
        self.headers = headers

    @classmethod
    def from_fields(cls, fields: dict[str, Any], profile: Profile = FILEBEAT) -> Event:
        """An event that is already decoded, such as a document's `_source`."""
        event = cls(None, profile=profile)
        event._fields, event._fields_known = fields, True
        return event

    @property
    def raw(self) -> bytes:
        """The event's bytes, exactly as they came; empty for a record without a value."""
        if self._raw is None:
            return (
                as_json(self._fields).encode("utf-8", "surrogatepass") if self._fields_known and self._fields else b""
            )
        return self._raw

    @property
    def fields(self) -> Mapping[str, Any]:
        """The whole event, decoded; empty when it is broken."""
        if not self._fields_known:
            self._fields, self._broken = decode(self._raw)
            self._fields_known = True
        return self._fields

    @property
    def broken(self) -> str:
        """Why this is no event: null_value, not_json, not_object or too_deep. Empty for a good one."""
        _ = self.fields
        return self._broken

    def get(self, path: str, default: Any = None) -> Any:
        """The field at a dotted path, as in `get("kubernetes.pod.uid")`."""
        value = pick(self.fields, (tuple(path.split(".")),))
        return default if value is None else value

    def header(self, name: str) -> str:
        """The first header of that name as text; empty when there is none."""
        for key, value in self.headers:
            if key == name:
                return (value or b"").decode(errors="replace")
        return ""

    @property
    def message(self) -> str:
        """The line as the application wrote it, newlines of a joined stack trace included."""
        if self.broken:
            return self.raw.decode(errors="replace")
        value = pick(self.fields, self._profile.message)
        if value is None:
            value = self._message_elsewhere()
        if value is None:
            return ""
        return value if isinstance(value, str) else as_json(value)

    def _message_elsewhere(self) -> Any:
        """An agent that decodes JSON lines leaves their fields only; the indexer moves what does not fit the mapping."""
        moved = pick(self.fields, (("kunobs", "repaired"),))
        if isinstance(moved, Mapping):
            for path in self._profile.message:
                if (value := moved.get(".".join(path))) is not None:
                    return value
        return self.fields.get("json")

    @property
    def timestamp(self) -> datetime:
        """When the line was written, aware, in UTC; when it was appended to the topic if the event does not say."""
        return parse_time(pick(self.fields, self._profile.timestamp)) or self.appended

    @property
    def namespace(self) -> str:
        """The namespace of the writer; empty when neither metadata nor file name say."""
        return self._text(self._profile.namespace) or self._named.namespace

    @property
    def pod(self) -> str:
        """The pod of the writer; empty when neither metadata nor file name say."""
        return self._text(self._profile.pod) or self._named.pod

    @property
    def container(self) -> str:
        """The container of the writer; empty when neither metadata nor file name say."""
        return self._text(self._profile.container) or self._named.container

    @property
    def node(self) -> str:
        """The node that the line came from; empty when unknown."""
        return self._text(self._profile.node)

    @property
    def stream(self) -> str:
        """`stdout` or `stderr`; empty when unknown."""
        return self._text(self._profile.stream)

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels; Filebeat writes `_` for the dots in their names."""
        value = pick(self.fields, self._profile.labels)
        if not isinstance(value, Mapping):
            return {}
        return {key: text if isinstance(text, str) else as_json(text) for key, text in value.items()}

    @property
    def file(self) -> str:
        """The log file on the node; empty when unknown."""
        return self._text(self._profile.file)

    @property
    def source(self) -> Source | None:
        """Where the platform's Kafka held the line: the same for a line delivered twice. None without the header."""
        return Source.parse(self.header(SOURCE_HEADER))

    @property
    def _named(self) -> Writer:
        if self._writer is None:
            path = self.file
            self._writer = writer_of(path) if len(path) <= _LONGEST_PATH else UNKNOWN
        return self._writer

    def _text(self, paths: tuple[Path, ...]) -> str:
        value = pick(self.fields, paths)
        return value if isinstance(value, str) else ""

    def __repr__(self) -> str:
        return f"<Event {self.topic}[{self.partition}]@{self.offset} {self.pod}/{self.container}>"
