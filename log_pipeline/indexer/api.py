"""Requests to Elasticsearch as bytes: no decoding, no retries, no exception for a status. All of the leg's go through here."""

from __future__ import annotations

import logging
import warnings
from typing import Any, NamedTuple

import elastic_transport
import msgspec
from elastic_transport import SerializerCollection
from elasticsearch import Elasticsearch, ElasticsearchWarning, UnsupportedProductError

from kunobs.errors import ConfigError
from log_pipeline.indexer.outcome import Cause, ErrorReply

STATUSES = range(200, 600)


class Reply(NamedTuple):
    """What a node answered."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """A 2xx."""
        return 200 <= self.status < 300

    def error(self) -> Cause:
        """Why it is no success, as far as the body says."""
        try:
            found = msgspec.json.decode(self.body, type=ErrorReply).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if isinstance(found, Cause):
            return found
        return Cause(reason=found or self.body[:200].decode("utf-8", "replace"))


class NoAnswer(Exception):
    """Nothing is known of what became of the request; `kind` is `timeout` or `connection`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Untouched(SerializerCollection):
    """The client's own JSON would cost more than the rest of a bulk request, and its NDJSON adds a newline to gzip."""

    def __init__(self) -> None:
        super().__init__()

    def dumps(self, data: Any, mimetype: str | None = None) -> bytes:
        if isinstance(data, bytes):
            return data
        return msgspec.json.encode(data)

    def loads(self, data: bytes, mimetype: str | None = None) -> Any:
        return data


class Api:
    """Wraps a client that nobody else uses; safe to share between threads."""

    def __init__(self, client: Elasticsearch) -> None:
        client.transport.serializers = _Untouched()
        # Their lines would stand between ours on stderr, and say again what is logged here.
        logging.getLogger("elastic_transport").setLevel(logging.ERROR)
        warnings.simplefilter("ignore", ElasticsearchWarning)
        self._client = client.options(ignore_status=list(STATUSES))

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        gzip: bool = False,
        timeout: float | None = None,
        **params: object,
    ) -> Reply:
        """Send one request; `body` is bytes or something to encode. Raises NoAnswer."""
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        if gzip:
            headers["content-encoding"] = "gzip"
        client = self._client if timeout is None else self._client.options(request_timeout=timeout)
        try:
            response = client.perform_request(method, path, params=params or None, headers=headers, body=body)
        except UnsupportedProductError as error:
            raise ConfigError(
                "what answers at elasticsearch.urls is not Elasticsearch",
                hint="correct the address; a proxy in between must pass the header X-Elastic-Product on",
            ) from error
        except elastic_transport.ConnectionTimeout as error:
            raise NoAnswer("timeout", str(error)) from error
        except elastic_transport.TransportError as error:
            raise NoAnswer("connection", f"{type(error).__name__}: {error}") from error
        return Reply(response.meta.status, response.body or b"")

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()
