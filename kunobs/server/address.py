"""From a listen address to bound sockets, with errors that name the address and how to find who holds it."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
from dataclasses import dataclass

from kunobs.errors import ConfigError, KunobsError

_HOST = r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[^\[\]:\s/]*))"
_ADDRESS = re.compile(_HOST + ":(?P<port>[0-9]{1,5})", re.ASCII)
_WILDCARDS = {"", "::"}
BACKLOG = 8192


class ListenError(KunobsError):
    """The address cannot be listened on: in use, not ours, forbidden or unknown."""


@dataclass(frozen=True)
class Address:
    """Host and port; an empty host or `::` means every address of both families."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable(self) -> str:
        """`host:port` that a program on this machine can connect to: a wildcard becomes the loopback."""
        loopback = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
        return f"{loopback[self.host]}:{self.port}" if self.host in loopback else str(self)


def parse(listen: str) -> Address:
    """`[::1]:9501`, `:9501`, `0.0.0.0:9501` or `localhost:9501`; ConfigError for anything else."""
    found = _ADDRESS.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise ConfigError(
            f"{listen!r} is not an address to listen on",
            hint='write host:port: "127.0.0.1:9501", "[::1]:9501", or ":9501" for every address',
        )
    return Address(found["v6"] or found["host"] or "", int(found["port"]))


def bind(address: Address) -> list[socket.socket]:
    """Listening sockets, several where a name has several addresses; ListenError when one cannot be had."""
    if address.host in _WILDCARDS:
        return [_bind_wildcard(address)]
    sockets: list[socket.socket] = []
    try:
        for family, sockaddr in _resolve(address):
            port = address.port or (sockets[0].getsockname()[1] if sockets else 0)
            sockets.append(_bind_one(address, family, (sockaddr[0], port, *sockaddr[2:])))
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    return sockets


def _resolve(address: Address) -> list[tuple[socket.AddressFamily, tuple[str, int, int, int]]]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ListenError(
            f"cannot listen on {address}: {address.host} is no address of this machine ({error})",
            hint=f"getent ahosts {address.host}",
        ) from error
    return list(dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found))  # type: ignore[misc]


def _bind_wildcard(address: Address) -> socket.socket:
    """One dual-stack socket; a kernel without IPv6 gets an IPv4 one."""
    if socket.has_dualstack_ipv6():
        return _bind_one(address, socket.AF_INET6, ("::", address.port), dual_stack=True)
    return _bind_one(address, socket.AF_INET, ("", address.port))


def _bind_one(
    address: Address, family: socket.AddressFamily, sockaddr: tuple[object, ...], *, dual_stack: bool = False
) -> socket.socket:
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Without it a restart fails for a minute on connections of the last run in TIME_WAIT.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual_stack else 1)
        bound.bind(sockaddr)
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise _explain(address, error) from error
    return bound


def _explain(address: Address, error: OSError) -> ListenError:
    hints = {
        errno.EADDRINUSE: f"see who holds it: ss -ltnp 'sport = :{address.port}'",
        errno.EADDRNOTAVAIL: "this machine does not have that address; list those it has: ip -brief address",
        errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
    }
    reason = {errno.EADDRINUSE: "the port is in use", errno.EADDRNOTAVAIL: "no such address here"}
    why = reason.get(error.errno or 0, error.strerror or str(error))
    return ListenError(f"cannot listen on {address}: {why}", hint=hints.get(error.errno or 0, ""))
