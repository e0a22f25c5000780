"""Free ports on 127.0.0.1: chosen once, remembered, and checked before each start."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from pathlib import Path

from kunobs.errors import LocalStackError

HOST = "127.0.0.1"
_LOWEST = 15000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """True when a server could listen on the port now."""
    with socket.socket() as probe:
        # As Java does: a port with connections in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(taken: Collection[int]) -> int:
    """A free port not in `taken`, below the ephemeral range: there no client's connection can take it later."""
    try:
        highest = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError):
        highest = 32768
    if highest > _LOWEST + 1000:
        for _ in range(200):
            port = random.randrange(_LOWEST, highest)
            if port not in taken and is_free(port):
                return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    return int(port)


def require_free(port: int, service: str, stack: str) -> None:
    """Raise LocalStackError when another program listens on the port that `service` has had so far."""
    if not is_free(port):
        raise LocalStackError(
            f"port {port} of {service} is taken by another program",
            hint=f"ss -ltnp 'sport = :{port}'   # shows which; or: kunobs local up --stack {stack} --new-ports",
        )
