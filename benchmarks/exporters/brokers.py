"""Three real Kafka brokers of one cluster, each its own controller too, with room for 17,000 partitions each."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from kunobs.config.kafka import KafkaCluster
from kunobs.errors import KunobsError, LocalStackError
from kunobs.local.artifacts import ArtifactCache
from kunobs.local.files import cache_root
from kunobs.local.kafka import KafkaService
from kunobs.local.kafka_properties import KafkaSettings
from kunobs.local.ports import HOST, choose
from kunobs.local.progress import Reporter
from kunobs.local.tools import Tools

NODES = 3
HEAP = "1g"
# 16 bytes, as Kafka wants an id: the base64 of "kunobs-benchmark".
_CLUSTER_ID = "a3Vub2JzLWJlbmNobWFyaw"
_MAPS = Path("/proc/sys/vm/max_map_count")
# A partition has one file open and two mapped, its offset and its time index; the JVM has the rest.
_OTHER_FILES, _OTHER_MAPS = 2_000, 10_000
_PROPERTIES = {
    "offsets.topic.num.partitions": "50",
    "log.index.size.max.bytes": str(64 * 1024),
    # A broker that makes thousands of logs on a busy machine must not be taken for a dead one.
    "broker.session.timeout.ms": "60000",
    "controller.quorum.fetch.timeout.ms": "30000",
    "controller.quorum.request.timeout.ms": "30000",
    "controller.quorum.election.timeout.ms": "5000",
}


class Brokers:
    """The cluster between `start` and `end`."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        taken: list[int] = []
        while len(taken) < 2 * NODES:
            taken.append(choose(taken))
        clients, controllers = taken[:NODES], taken[NODES:]
        voters = ",".join(f"{node}@{HOST}:{port}" for node, port in enumerate(controllers, 1))
        self._tools = Tools(ArtifactCache(cache_root()), reporter)
        self.members = [
            KafkaService(
                f"broker-{node}",
                folder / f"broker-{node}",
                self._tools,
                KafkaSettings(
                    client,
                    controller,
                    _CLUSTER_ID,
                    properties={"node.id": str(node), "controller.quorum.voters": voters, **_PROPERTIES},
                ),
                HEAP,
            )
            for node, (client, controller) in enumerate(zip(clients, controllers, strict=True), 1)
        ]

    @property
    def cluster(self) -> KafkaCluster:
        """How clients reach it."""
        return KafkaCluster(brokers=tuple(member.endpoint for member in self.members))

    def start(self) -> None:
        """All at once, for none is ready before the majority is. Raises the first error."""
        with ThreadPoolExecutor(NODES) as pool:
            for done in [pool.submit(self._start, member) for member in self.members]:
                done.result()

    def _start(self, member: KafkaService) -> None:
        try:
            member.start()
        except KunobsError:
            # The others would wait for their majority until their time is up.
            self._tools.cache.cancelled.set()
            raise

    def check(self) -> None:
        """Raises LocalStackError when one has died, with the end of its log."""
        for member in self.members:
            if member.pid is None:
                raise LocalStackError(f"{member.name} has died:\n{member.log_tail()}")

    def end(self) -> None:
        """SIGKILL to all; their data is thrown away."""
        for member in self.members:
            member.kill()


@contextmanager
def running(folder: Path, partitions: int, reporter: Reporter) -> Iterator[Brokers]:
    """A new cluster for so many partitions, every replica once."""
    with _enough_maps(partitions // NODES):
        _allow_files(partitions // NODES)
        brokers = Brokers(folder, reporter)
        try:
            brokers.start()
            yield brokers
        finally:
            brokers.end()


def _allow_files(partitions: int) -> None:
    """The brokers inherit the limit."""
    need = partitions + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= need:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(need, hard)))
    except (ValueError, OSError):
        raise LocalStackError(
            f"a broker with {partitions} partitions needs {need} open files, {hard} are allowed",
            hint=f"as root: ulimit -n {need}; or nofile in /etc/security/limits.conf",
        ) from None


@contextmanager
def _enough_maps(partitions: int) -> Iterator[None]:
    """Raise vm.max_map_count for as long as the brokers run, where that is needed and allowed."""
    need, there = 2 * partitions + _OTHER_MAPS, int(_MAPS.read_text())
    if there >= need:
        yield
        return
    try:
        _MAPS.write_text(str(need))
    except OSError:
        raise LocalStackError(
            f"a broker with {partitions} partitions maps more files than vm.max_map_count ({there}) allows",
            hint=f"sudo sysctl vm.max_map_count={need}",
        ) from None
    try:
        yield
    finally:
        _MAPS.write_text(str(there))
