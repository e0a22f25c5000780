"""The only place that constructs Elasticsearch clients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from elastic_transport import Urllib3HttpNode
from elasticsearch import Elasticsearch
from urllib3 import Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.elasticsearch import ElasticsearchConfig

_CHUNK = 64 * 1024


def client(config: ElasticsearchConfig, *, connections: int = 10, largest: int = 0) -> Elasticsearch:
    """A client that retries nothing by itself: whether to retry is decided where an item's outcome is known.

    With `largest`, an answer of more bytes (after gunzip) is a ConnectionError, and `request_timeout` bounds the reading
    of its body as a whole: the client itself only bounds each wait for some bytes.
    """
    options: dict[str, Any] = {
        "request_timeout": config.timeout,
        "connections_per_node": connections,
        "max_retries": 0,
        "retry_on_timeout": False,
    }
    if largest:
        options["node_class"] = type("BoundedNode", (_BoundedNode,), {"largest": largest})
    if config.ca_file:
        options["ca_certs"] = config.ca_file
    if config.api_key.reveal():
        options["api_key"] = config.api_key.reveal()
    elif config.username:
        options["basic_auth"] = (config.username, config.password.reveal())
    return Elasticsearch(list(config.urls), **options)


class _BoundedNode(Urllib3HttpNode):
    """Reads an answer piece by piece."""

    largest: int

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        pool: Any = self.pool
        ask = pool.urlopen

        def urlopen(*arguments: Any, **options: Any) -> Any:
            timeout = Timeout.from_float(options["timeout"]) if "timeout" in options else pool.timeout
            allowed = timeout.read_timeout if isinstance(timeout.read_timeout, int | float) else None
            deadline = None if allowed is None else SYSTEM_CLOCK.monotonic() + allowed
            response = ask(*arguments, **options, preload_content=False)
            try:
                data = self._read(response, deadline)
            except BaseException:
                response.close()
                raise
            return SimpleNamespace(status=response.status, headers=response.headers, data=data)

        pool.urlopen = urlopen

    def _read(self, response: Any, deadline: float | None) -> bytes:
        data = bytearray()
        while piece := response.read1(_CHUNK):
            data += piece
            if len(data) > self.largest:
                raise HTTPError(f"the answer has more than {self.largest} bytes")
            if deadline is not None and SYSTEM_CLOCK.monotonic() > deadline:
                raise ReadTimeoutError(self.pool, "", "the answer is not complete in time")
        response.release_conn()
        return bytes(data)
