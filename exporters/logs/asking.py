"""One question to Elasticsearch and its answer as a declared type, or an error for people."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

import elastic_transport
import msgspec
from elasticsearch import ApiError, Elasticsearch, ElasticsearchWarning, UnsupportedProductError

from kunobs import elastic
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.errors import DeniedError, KunobsError, UnavailableError

# 100,000 backing indices' numbers; above it the collector fails instead of taking the memory.
LARGEST = 32 * 1024 * 1024
_JSON = {"accept": "application/json"}
Found = TypeVar("Found")


class UnknownHandlerError(KunobsError):
    """This server has no such API."""


class Asker:
    """Asks the configured nodes in turn; safe between threads. The client is made with the first question."""

    def __init__(self, config: ElasticsearchConfig) -> None:
        self._config = config
        self._made: Elasticsearch | None = None

    def ask(
        self,
        method: str,
        path: str,
        answer: type[Found],
        *,
        timeout: float,
        params: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Found:
        """The answer; within `timeout` s of the first byte of it. Raises UnavailableError, DeniedError, UnknownHandlerError."""
        headers = _JSON | ({"content-type": "application/json"} if body is not None else {})
        where = ", ".join(self._config.urls)
        hint = f"curl -sS {self._config.urls[0]}/_cluster/health"
        client = self._client().options(request_timeout=timeout)
        try:
            response = client.perform_request(method, path, params=dict(params or {}), headers=headers, body=body)
            return msgspec.convert(response.body, answer)
        except UnsupportedProductError as error:
            raise UnavailableError(f"what answers at {where} is not Elasticsearch", hint=hint) from error
        except ApiError as error:
            raise _refusal(error, f"{method} {path}", where) from error
        except elastic_transport.TransportError as error:
            problem = f"no answer from Elasticsearch at {where}: {type(error).__name__}: {error.message}"
            raise UnavailableError(problem[:400], hint=hint) from error
        except (msgspec.ValidationError, RecursionError) as error:
            raise UnavailableError(f"{method} {path}: the answer is not what it should be: {error}") from error

    def _client(self) -> Elasticsearch:
        if self._made is None:
            # Their lines would stand between ours on stderr, and say again what is logged here.
            logging.getLogger("elastic_transport").setLevel(logging.ERROR)
            warnings.simplefilter("ignore", ElasticsearchWarning)
            self._made = elastic.client(self._config, largest=LARGEST)
        return self._made


def _refusal(error: ApiError, question: str, where: str) -> KunobsError:
    status = error.meta.status
    reason = _reason(error.body)
    if status in (401, 403):
        hint = "compare elasticsearch.username or api_key; rights: docs/exporters/logs.md"
        return DeniedError(f"Elasticsearch at {where} refuses {question} ({status}): {reason}", hint=hint)
    if status == 405 or (status in (400, 404) and "no handler found" in reason):
        return UnknownHandlerError(f"{question}: this server has no such API: {reason}")
    return UnavailableError(f"Elasticsearch at {where} refuses {question} ({status}): {reason}")


def _reason(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else body
    reason = error.get("reason") if isinstance(error, dict) else error
    return " ".join(str(reason).split())[:200]
