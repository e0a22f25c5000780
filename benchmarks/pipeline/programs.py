"""kunobs and its peers: whether each can run here, and how it is started on a job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import confluent_kafka

from benchmarks.measure import ROOT
from benchmarks.pipeline.bed import Job
from benchmarks.pipeline.farend import Checkpoints, Topics
from kunobs.config.kafka import KafkaCluster
from kunobs.local.files import cache_root

# The same for all but Benthos, for which smaller is better: bytes of a bulk request, and how many of our lines that is.
BULK_BYTES = 8 << 20
BULK_LINES = BULK_BYTES // 1750
INSTALL = "benchmarks/pipeline/install-peers.sh"
_OWN = Path(__file__).parent / "peers"


@dataclass
class Running:
    """One started process; `part` is `fanout`, `indexer` or the peer's name, `legs` what it does."""

    part: str
    legs: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise when it has died."""
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"{self.part} left with {code}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> None:
        """SIGTERM, SIGKILL after 30 s."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Program(ABC):
    """Who does the job."""

    name: str
    title: str

    def missing(self) -> str:
        """Why it cannot run here, "" when it can."""
        return ""

    @abstractmethod
    def start(self, job: Job) -> list[Running]:
        """Start it; it begins at the oldest record."""

    def topics(self, job: Job) -> Topics | Checkpoints:
        """Who tells how far the tenant topics are."""
        return Topics(job)


@dataclass
class Kunobs(Program):
    """`kunobs fanout` and `kunobs indexer`, with the defaults but for what one broker and one node ask for."""

    name: str = "kunobs"
    delivery: str = "exactly_once"
    parts: tuple[str, ...] = ("fanout", "indexer")
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def title(self) -> str:  # type: ignore[override]
        """Its parts."""
        return f"kunobs {' + '.join(self.parts)}, {self.delivery}"

    def start(self, job: Job) -> list[Running]:
        config: dict[str, Any] = {
            "version": 1,
            "kafka": {
                "public": _connection(job.public),
                "tenant": _connection(job.tenant) | {"topic_prefix": job.names.topic_prefix},
            },
            "elasticsearch": {"urls": [job.elasticsearch]},
            "source": {"topics": [job.source]},
            "topics": {"replication": 1},
            "fanout": {"listen": "127.0.0.1:0", "group": f"{job.name}-fanout", "delivery": self.delivery},
            "indexer": {"listen": "127.0.0.1:0", "group": f"{job.name}-indexer", "index": {"replicas": 0}},
        }
        for section, keys in self.settings.items():
            config[section] |= keys
        file = _private(job.folder / "kunobs.yaml", json.dumps(config))
        legs = {"fanout": ("topics",), "indexer": ("index",)}
        command = [sys.executable, "-m", "kunobs"]
        return [_start(job, part, legs[part], [*command, part, "-c", str(file)]) for part in self.parts]

    def topics(self, job: Job) -> Topics | Checkpoints:
        return Checkpoints(job, f"{job.name}-fanout") if self.delivery == "exactly_once" else Topics(job)


@dataclass
class Peer(Program):
    """A program that does both legs in one process."""

    name: str
    title: str
    command: Callable[[Job], list[str]]
    needs: Callable[[], bool] = lambda: True
    environ: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> str:
        return "" if self.needs() else f"not installed: {INSTALL}"

    def start(self, job: Job) -> list[Running]:
        return [_start(job, self.name, ("topics", "index"), self.command(job), self.environ)]


def everyone() -> list[Program]:
    """kunobs first, then its peers."""
    peers = cache_root() / "peers"
    arroyo, benthos = peers / "arroyo" / "bin" / "python", peers / "benthos"
    return [
        Kunobs(),
        Peer(
            "obvious_loop", "the obvious Python loop", lambda job: [sys.executable, str(_OWN / "loop.py"), _told(job)]
        ),
        *(
            Peer(
                name,
                "sentry-arroyo",
                lambda job, kind=kind: [str(arroyo), str(_OWN / "arroyo_job.py"), _told(job), kind],  # type: ignore[misc]
                arroyo.exists,
            )
            for name, kind in (("arroyo", "full"), ("arroyo_bare", "bare"))
        ),
        Peer("rsyslog", "rsyslog", _rsyslog, _has_rsyslog, _newest_librdkafka(peers / "lib")),
        Peer("benthos", "Benthos", lambda job: [str(benthos), "-c", str(_filled(job, "benthos.yaml"))], benthos.exists),
    ]


def _rsyslog(job: Job) -> list[str]:
    return ["/usr/sbin/rsyslogd", "-n", "-f", str(_filled(job, "rsyslog.conf")), "-i", str(job.folder / "rsyslog.pid")]


def _has_rsyslog() -> bool:
    modules = [path for path in Path("/usr/lib").glob("*/rsyslog/*.so") if path.stem in ("omkafka", "omelasticsearch")]
    return Path("/usr/sbin/rsyslogd").exists() and len(modules) == 2


def _newest_librdkafka(folder: Path) -> dict[str, str]:
    """Every librdkafka program gets the same one: Debian's own is years older than the one in our wheel."""
    wheel = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    found = sorted(wheel.glob("librdkafka-*.so.1"))
    if not found:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "librdkafka.so.1"
    link.unlink(missing_ok=True)
    link.symlink_to(found[0])
    return {"LD_LIBRARY_PATH": str(folder)}


def _told(job: Job) -> str:
    """The file from which our peers' programs read what to do."""
    sasl = job.tenant.sasl
    content = {
        "public": job.public.brokers[0],
        "tenant": job.tenant.brokers[0],
        "username": sasl.username,
        "password": sasl.password.reveal(),
        "elasticsearch": job.elasticsearch,
        "source": job.source,
        "group": f"{job.name}-group",
        "topic_prefix": job.names.logs(""),
        "bulk_bytes": BULK_BYTES,
        "bulk_lines": BULK_LINES,
    }
    return str(_private(job.folder / "job.json", json.dumps(content)))


def _filled(job: Job, name: str) -> Path:
    """A peer's configuration with its $placeholders filled in."""
    values = json.loads(Path(_told(job)).read_text())
    host, _, port = values["elasticsearch"].removeprefix("http://").partition(":")
    text = Template((_OWN / name).read_text()).substitute(values, folder=job.folder, host=host, port=port)
    return _private(job.folder / name, text)


def _connection(cluster: KafkaCluster) -> dict[str, Any]:
    connection: dict[str, Any] = {"brokers": list(cluster.brokers)}
    if cluster.sasl.mechanism != "none":
        connection["sasl"] = {
            "mechanism": cluster.sasl.mechanism,
            "username": cluster.sasl.username,
            "password": cluster.sasl.password.reveal(),
        }
    return connection


def _private(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def _start(
    job: Job, part: str, legs: tuple[str, ...], command: list[str], environ: Mapping[str, str] | None = None
) -> Running:
    log = job.folder / f"{part}.log"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("KUNOBS_")}
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"{part}: no program {command[0]}")
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=inherited | dict(environ or {}),
        )
    return Running(part, legs, process, log)
