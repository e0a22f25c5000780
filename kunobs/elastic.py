"""The only place that constructs Elasticsearch clients."""

from __future__ import annotations

from typing import Any

from elasticsearch import Elasticsearch

from kunobs.config.elasticsearch import ElasticsearchConfig


def client(config: ElasticsearchConfig, *, connections: int = 10) -> Elasticsearch:
    """A client that retries nothing by itself: whether to retry is decided where an item's outcome is known."""
    options: dict[str, Any] = {
        "request_timeout": config.timeout,
        "connections_per_node": connections,
        "max_retries": 0,
        "retry_on_timeout": False,
    }
    if config.ca_file:
        options["ca_certs"] = config.ca_file
    if config.api_key.reveal():
        options["api_key"] = config.api_key.reveal()
    elif config.username:
        options["basic_auth"] = (config.username, config.password.reveal())
    return Elasticsearch(list(config.urls), **options)
