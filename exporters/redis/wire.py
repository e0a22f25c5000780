"""One node asked: connect, log in, send all commands at once, read all answers, in a time and a size that are bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from redis._parsers import _AsyncRESP2Parser
from redis.asyncio import Connection, SSLConnection
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kunobs.config.exporters.redis import RedisClusterConfig
from kunobs.config.secret import Secret
from kunobs.errors import ConfigError

Command = tuple[str, ...]
Reply = Any
# CLUSTER NODES of 1,000 nodes is 150 KiB, SENTINEL REPLICAS of 200 is 300 KiB.
LARGEST = 1 << 20
_DENIED = ("NOAUTH", "WRONGPASS", "NOPERM")


class TooLargeError(ValueError):
    """A node sends more than any answer to our commands can be."""


@dataclass(frozen=True)
class Login:
    """How to be let in: to the nodes of one installation, or to its sentinels."""

    username: str = ""
    password: Secret = field(default_factory=Secret)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Asked:
    """How asking a node went: a state of kunobs.catalogue.redis.STATES, its replies, and why there are none.

    A reply is bytes, int, None, a list of them, or the ResponseError that the node answered.
    """

    state: str
    replies: Sequence[Reply] = ()
    why: str = ""


class Resolvers(ThreadPoolExecutor):
    """Threads for getaddrinfo, which cannot be interrupted: they outlive the loop that asks, and are never more than 64."""

    def __init__(self) -> None:
        super().__init__(64, "kunobs-redis-dns")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing: a loop shuts its executor down when it is closed, and the next one needs it."""


class _BoundedParser(_AsyncRESP2Parser):
    """redis-py's own, which would read as many bytes as a node announces."""

    _left = LARGEST

    async def _read(self, length: int) -> bytes:
        self._take(length + 2)
        return bytes(await super()._read(length))

    async def _readline(self) -> bytes:
        line = bytes(await super()._readline())
        # A line is dearer than its bytes: a mebibyte of them would keep the loop busy for a second.
        self._take(len(line) + 32)
        return line

    def _take(self, size: int) -> None:
        self._left -= size
        if size < 2 or self._left < 0:
            raise TooLargeError(f"the answers are over {LARGEST} bytes")


def _connection(login: Login, host: str, port: int) -> Connection:
    """redis-py's own, with one form of answer from every version and no commands that an ACL for us does not have."""
    connection = (Connection if login.tls is None else SSLConnection)(
        host=host,
        port=port,
        username=login.username or None,
        password=login.password.reveal() or None,
        protocol=2,
        driver_info=None,
        socket_timeout=None,
        socket_connect_timeout=None,
        parser_class=_BoundedParser,
    )
    if isinstance(connection, SSLConnection):
        # Or each would load the system's authorities, which takes longer than the question.
        connection.ssl_context.context = login.tls
    return connection


async def _drop(connection: Connection) -> None:
    """Close without a goodbye: a hung node would not answer it."""
    writer = connection._writer
    if writer is not None:
        writer.transport.abort()
    await connection.disconnect(nowait=True)


async def ask(host: str, port: int, login: Login, commands: Sequence[Command], timeout: float) -> Asked:
    """The replies of one node to all commands; never raises but when it is cancelled. `timeout` in seconds, for all of it."""
    connection = _connection(login, host, port)
    try:
        async with asyncio.timeout(timeout):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            replies = [await _reply(connection) for _ in commands]
    except (TimeoutError, RedisTimeoutError):
        return Asked("timeout", why=f"no answer within {timeout:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a node sends, it costs that node alone
        return Asked(_state(error), why=_why(error))
    finally:
        await _drop(connection)
    refused = next((reply for reply in replies if isinstance(reply, ResponseError) and _denied(reply)), None)
    return Asked("answered", replies) if refused is None else Asked("denied", why=_why(refused))


async def _reply(connection: Connection) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


def _denied(error: Exception) -> bool:
    return isinstance(error, NoPermissionError) or str(error).startswith(_DENIED)


def _state(error: Exception) -> str:
    if isinstance(error, (AuthenticationError, AuthorizationError)) or _denied(error):
        return "denied"
    if isinstance(error, BusyLoadingError):
        return "error"
    return "unreachable" if isinstance(error, (RedisConnectionError, OSError)) else "error"


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def tls_of(config: RedisClusterConfig) -> ssl.SSLContext | None:
    """The TLS context of an installation, None without TLS; ConfigError when a file is no certificate or key."""
    if not config.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=config.ca_file or None)
        if config.cert_file:
            # Never ask at a terminal for the password of a key.
            context.load_cert_chain(config.cert_file, config.key_file, password=lambda: b"")
    except (OSError, ValueError) as error:
        files = ", ".join(filter(None, (config.ca_file, config.cert_file, config.key_file)))
        raise ConfigError(
            f"exporters.redis.clusters: {files}: {error}", hint="PEM files, the key without a password"
        ) from error
    return context
