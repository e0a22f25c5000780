"""Real Redis: servers and sentinels with ports and folders of their own, as a sentinel trio, a cluster of six, or in two networks.

with trio(folder) as servers:
    servers.nodes[0].pause()
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from kunobs.local.ports import HOST, choose
from tests.platform.conftest import need
from tests.support import wait_until

SERVER = ("save ''", "repl-diskless-sync yes", "repl-diskless-sync-delay 0", "protected-mode no")
SENTINEL = (
    "sentinel down-after-milliseconds mymaster 500",
    "sentinel failover-timeout mymaster 3000",
    "sentinel parallel-syncs mymaster 2",
    "protected-mode no",
)


class RedisProcess:
    """A redis-server or redis-sentinel that listens on `host`:`port`; `prefix` is put before its command."""

    def __init__(
        self,
        program: str,
        folder: Path,
        lines: Sequence[str],
        host: str = HOST,
        port: int = 0,
        prefix: Sequence[str] = (),
    ) -> None:
        self.host, self.port = host, port or choose(())
        self._folder = folder / f"{host}-{self.port}"
        self._folder.mkdir(parents=True)
        self._config = self._folder / "redis.conf"
        own = (f"bind {host}", f"dir {self._folder}", "logfile redis.log", "daemonize no")
        listens = () if any(line.startswith("tls-port") for line in lines) else (f"port {self.port}",)
        # A sentinel rewrites it.
        self._config.write_text("\n".join((*own, *listens, *(line.format(port=self.port) for line in lines))) + "\n")
        self._command = [*prefix, _program(program, folder), str(self._config)]
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self.host}:{self.port}"

    def client(self) -> Redis:
        """redis-py's own client."""
        return Redis(host=self.host, port=self.port, protocol=2, decode_responses=True, socket_timeout=5)

    def ready(self) -> RedisProcess:
        """Wait until it answers."""
        wait_until(self._answers, 60, f"{self.address}: see {self._folder}/redis.log")
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self._folder / "redis.log").read_text()
        with contextlib.suppress(RedisError), self.client() as redis:
            return bool(redis.execute_command("PING"))
        return False

    def pause(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(60)


def _program(name: str, folder: Path) -> str:
    """A path of that name: Debian's redis-tools has the program, and starts no service as redis-server would."""
    found = shutil.which(name)
    if found is None:
        program = shutil.which("redis-check-rdb")
        need(program is not None, f"needs {name}: make test-platform installs Debian's redis-tools")
        link = folder / name
        if not link.exists():
            link.symlink_to(str(program))
        found = str(link)
    return found


@dataclass
class Servers:
    """Those of one installation: nodes, the master first, and sentinels."""

    nodes: list[RedisProcess] = field(default_factory=list)
    sentinels: list[RedisProcess] = field(default_factory=list)

    def kill(self) -> None:
        """All of them."""
        for one in (*self.sentinels, *self.nodes):
            one.kill()

    def wait_whole(self) -> None:
        """Until every sentinel knows two others and two replicas, and the replicas have their link."""
        for sentinel in self.sentinels:
            wait_until(partial(_knows_all, sentinel), 60, f"{sentinel.address} knows all")
        for node in self.nodes[1:]:
            wait_until(partial(_linked, node), 60, f"{node.address} follows")


def _knows_all(sentinel: RedisProcess) -> bool:
    with sentinel.client() as redis:
        known = redis.sentinel_master("mymaster")
        replicas = redis.execute_command("SENTINEL", "REPLICAS", "mymaster")
    return (known["num-slaves"], known["num-other-sentinels"], known["flags"]) == (2, 2, "master") and all(
        "" not in one[one.index("runid") : one.index("runid") + 2] for one in replicas
    )


def _linked(node: RedisProcess) -> bool:
    with node.client() as redis:
        return bool(redis.info("replication").get("master_link_status") == "up")


def begin(servers: Servers, folder: Path, places: Sequence[tuple[str, Sequence[str]]]) -> None:
    """A master, two replicas and three sentinels; a node and a sentinel at each place (address, prefix)."""
    for host, prefix in places:
        follows = [f"replicaof {servers.nodes[0].host} {servers.nodes[0].port}"] if servers.nodes else []
        servers.nodes.append(RedisProcess("redis-server", folder, (*SERVER, *follows), host, prefix=prefix).ready())
    master = servers.nodes[0]
    monitor = f"sentinel monitor mymaster {master.host} {master.port} 2"
    servers.sentinels += [
        RedisProcess("redis-sentinel", folder, (monitor, *SENTINEL), host, prefix=prefix) for host, prefix in places
    ]
    for one in servers.sentinels:
        one.ready()
    servers.wait_whole()


@contextlib.contextmanager
def trio(folder: Path) -> Iterator[Servers]:
    """Three sentinels over a master and two replicas, whole."""
    servers = Servers()
    try:
        begin(servers, folder, [(HOST, ())] * 3)
        yield servers
    finally:
        servers.kill()


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[list[RedisProcess]]:
    """A Redis Cluster of six, whole: the first three are masters, each of the others replica of one."""
    lines = (*SERVER, "cluster-enabled yes", "cluster-node-timeout 1000")
    servers = Servers()
    try:
        for _ in range(6):
            port = choose(())
            bus = f"cluster-port {choose((port,))}"
            servers.nodes.append(RedisProcess("redis-server", folder, (*lines, bus), port=port))
        for one in servers.nodes:
            one.ready()
        addresses = [one.address for one in servers.nodes]
        create = ["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True, timeout=120)
        for one in servers.nodes[3:]:
            wait_until(partial(_linked, one), 60, f"{one.address} follows")
        for one in servers.nodes:
            wait_until(partial(_agrees, one), 60, f"{one.address} knows all")
        yield servers.nodes
    finally:
        servers.kill()


def _agrees(node: RedisProcess) -> bool:
    with node.client() as redis:
        info, nodes = redis.cluster("INFO"), redis.cluster("NODES")
    return info["cluster_state"] == "ok" and sum("slave" in one["flags"] for one in nodes.values()) == 3


class Networks:
    """Two networks of one machine each, and a router between them, in namespaces of their own; needs root."""

    def __init__(self) -> None:
        allowed = os.geteuid() == 0 and shutil.which("ip") is not None
        self._name = f"kun-{uuid.uuid4().hex[:6]}"
        made = allowed and self._try("netns", "add", self._hub)
        need(bool(made), "needs network namespaces: run as root, with iproute2")
        try:
            self.left, self.right = self._connect(1), self._connect(2)
            self._ip("-n", self._hub, "link", "set", "lo", "up")
            self._forward(1)
        except BaseException:
            self.remove()
            raise

    @property
    def _hub(self) -> str:
        return f"{self._name}-0"

    def _connect(self, number: int) -> tuple[str, tuple[str, ...]]:
        """A machine's address, and how a program is run there."""
        name, link = f"{self._name}-{number}", f"v{number}"
        self._ip("netns", "add", name)
        self._ip("-n", self._hub, "link", "add", link, "type", "veth", "peer", "name", "v0", "netns", name)
        for space, device, host in ((self._hub, link, 1), (name, "v0", 2)):
            self._ip("-n", space, "addr", "add", f"10.77.{number}.{host}/24", "dev", device)
            self._ip("-n", space, "link", "set", device, "up")
        self._ip("-n", name, "link", "set", "lo", "up")
        self._ip("-n", name, "route", "add", "default", "via", f"10.77.{number}.1")
        return f"10.77.{number}.2", ("ip", "netns", "exec", name)

    def part(self) -> None:
        """The router forwards no more; both sides still reach it, and the exporter is there."""
        self._forward(0)

    def _forward(self, value: int) -> None:
        self._ip("netns", "exec", self._hub, "sysctl", "-q", "-w", f"net.ipv4.ip_forward={value}")

    def _try(self, *arguments: str) -> bool:
        return subprocess.run(["ip", *arguments], capture_output=True, timeout=30, check=False).returncode == 0

    def _ip(self, *arguments: str) -> None:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, (arguments, done.stderr)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and those it starts, at the router."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as home, Path(f"/run/netns/{self._hub}").open() as there:
            assert libc.setns(there.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(home.fileno(), 0) == 0, os.strerror(ctypes.get_errno())

    def remove(self) -> None:
        """All of it."""
        for number in range(3):
            self._try("netns", "del", f"{self._name}-{number}")
