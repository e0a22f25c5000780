"""The programs whose lags are compared: ours, the request-per-partition way, and kafka_exporter itself."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.exporters.layout import Lags
from benchmarks.measure import ROOT, cpu_seconds, peak_rss
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.kafka import KafkaCluster
from kunobs.local.ports import HOST, choose

_START_SECONDS = 60.0
# kafka_exporter may take that long; ours has its own deadline.
_PATIENCE = 1800.0
SCRAPE_TIMEOUT = 60
TOPIC = "/metrics?collect[]=public_offsets"
PARTITION = f"{TOPIC}&detail=partition"


@dataclass(frozen=True)
class Answer:
    """What the client got and waited for, from its request to the last byte, and the CPU that it cost the program."""

    seconds: float
    cpu: float
    text: str


class Program(ABC):
    """A process in a session of its own; nothing of it outlives the benchmark."""

    talks = False

    def __init__(self, name: str, folder: Path) -> None:
        self._log = folder / f"{name}.log"
        self.name, self._folder = name, folder
        self._process: subprocess.Popen[str]

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What is run."""

    @abstractmethod
    def ask(self) -> Answer:
        """One collection at the finest detail."""

    @abstractmethod
    def lags(self, answer: Answer) -> Lags:
        """The lags in it. Raises RuntimeError when it is not whole."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """While it is ready."""
        pipe = subprocess.PIPE if self.talks else subprocess.DEVNULL
        environ = {key: value for key, value in os.environ.items() if not key.startswith("KUNOBS_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command()],
                stdin=pipe, stdout=pipe if self.talks else log, stderr=log,
                cwd=ROOT, env=environ, start_new_session=True, text=True,
            )  # fmt: skip
        try:
            self._wait()
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()

    @property
    def rss(self) -> int:
        """The most memory it ever had, in bytes."""
        return peak_rss(self._process.pid)

    @abstractmethod
    def _wait(self) -> None:
        """Until it can be asked."""

    def _timed(self, began: float, before: float, text: str) -> Answer:
        return Answer(SYSTEM_CLOCK.monotonic() - began, cpu_seconds(self._process.pid) - before, text)

    def _cpu(self) -> float:
        return cpu_seconds(self._process.pid)

    def _failure(self, what: str) -> RuntimeError:
        return RuntimeError(f"{self.name} {what}:\n{self._log.read_text(errors='replace')[-2000:]}")


class Scraped(Program):
    """One that answers HTTP."""

    ready = "/metrics"
    family: str
    group: str

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, folder)
        self._port = choose(())

    def scrape(self, path: str) -> Answer:
        """As Prometheus asks. Raises RuntimeError when the answer is not 200."""
        before, began = self._cpu(), SYSTEM_CLOCK.monotonic()
        status, coding, body = self._get(path, _PATIENCE)
        answer = self._timed(began, before, "")
        text = (gzip.decompress(body) if coding == "gzip" else body).decode()
        if status != http.client.OK:
            raise self._failure(f"answered {path} with {status}: {text[:300]}")
        return Answer(answer.seconds, answer.cpu, text)

    def lags(self, answer: Answer) -> Lags:
        found: Lags = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples if family.name == self.family else ():
                label = sample.labels
                key = (label[self.group], label["topic"], int(label["partition"]))
                if key in found:
                    raise RuntimeError(f"{self.name} tells {key} twice")
                found[key] = int(sample.value)
        return found

    def _get(self, path: str, timeout: float) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=timeout)
        headers = {"Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": str(SCRAPE_TIMEOUT)}
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Encoding", ""), answer.read()
        finally:
            connection.close()

    def _wait(self) -> None:
        deadline = SYSTEM_CLOCK.monotonic() + _START_SECONDS
        while True:
            try:
                status, _, _ = self._get(self.ready, 5)
                if status == http.client.OK:
                    return
            except OSError:
                pass
            if self._process.poll() is not None:
                raise self._failure(f"left with {self._process.returncode}")
            if SYSTEM_CLOCK.monotonic() > deadline:
                raise self._failure(f"is not ready after {_START_SECONDS:.0f} s")
            SYSTEM_CLOCK.sleep(0.05)


class Ours(Scraped):
    """`kunobs exporter kafka`, that shares no collection between scrapes."""

    ready = "/-/ready"
    family = "kunobs_kafka_group_partition_lag"
    group = "group"

    def __init__(self, folder: Path, cluster: KafkaCluster) -> None:
        super().__init__("kunobs", folder)
        self._cluster = cluster

    def command(self) -> Sequence[str]:
        file = self._folder / "kunobs.yaml"
        section = {
            "clusters": ["public"],
            "min_interval": "0s",
            "timeout": f"{SCRAPE_TIMEOUT}s",
            "max_series": 1_000_000,
            "max_bytes": "256MiB",
        }
        config = {
            "version": 1,
            "kafka": {"public": {"brokers": list(self._cluster.brokers)}},
            "exporters": {"kafka": section},
        }
        file.write_text(json.dumps(config))
        listen = f"{HOST}:{self._port}"
        return (sys.executable, "-m", "kunobs", "exporter", "kafka", "-c", str(file), "--listen", listen)

    def ask(self) -> Answer:
        return self.scrape(PARTITION)

    def scrape(self, path: str) -> Answer:
        answer = super().scrape(path)
        for metric, good in (("collector_success", "1"), ("series_dropped", "0")):
            found = _value(answer.text, f"kunobs_exporter_{metric}{{")
            if found not in (good, f"{good}.0"):
                raise self._failure(f"says {metric} {found or 'nothing'} of {path}")
        return answer

    def sums(self, answer: Answer) -> dict[tuple[str, str], int]:
        """Lag by group and topic."""
        return {
            (sample.labels["group"], sample.labels["topic"]): int(sample.value)
            for family in text_string_to_metric_families(answer.text)
            if family.name == "kunobs_kafka_group_lag"
            for sample in family.samples
        }


class KafkaExporter(Scraped):
    """The real one with its defaults, which are its best: 100 topic workers, the answer shared by scrapes at the same time."""

    family = "kafka_consumergroup_lag"
    group = "consumergroup"
    # /metrics would be a whole scrape.
    ready = "/"

    def __init__(self, folder: Path, cluster: KafkaCluster, program: str) -> None:
        super().__init__("kafka_exporter", folder)
        self._cluster, self._program = cluster, program

    def command(self) -> Sequence[str]:
        servers = [f"--kafka.server={broker}" for broker in self._cluster.brokers]
        return (self._program, *servers, f"--web.listen-address={HOST}:{self._port}", "--topic.exclude=^__")

    def ask(self) -> Answer:
        return self.scrape("/metrics")

    def lags(self, answer: Answer) -> Lags:
        """It tells -1 for a partition without a commit of a topic with one."""
        return {key: lag for key, lag in super().lags(answer).items() if lag != -1}


class PerPartition(Program):
    """The reference, a process that is asked by a line."""

    talks = True

    def __init__(self, folder: Path, cluster: KafkaCluster, threads: int) -> None:
        super().__init__(f"per-partition-{threads}", folder)
        self._cluster, self._threads = cluster, threads

    def command(self) -> Sequence[str]:
        brokers = ",".join(self._cluster.brokers)
        return (sys.executable, "-m", "benchmarks.exporters.per_partition", brokers, str(self._threads))

    def _wait(self) -> None:
        """It reads its first line once it can answer."""

    def ask(self) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before, began = self._cpu(), SYSTEM_CLOCK.monotonic()
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise self._failure("has ended")
        return self._timed(began, before, line)

    def lags(self, answer: Answer) -> Lags:
        rows = json.loads(answer.text)
        found = {(group, topic, partition): lag for group, topic, partition, lag in rows}
        if len(found) != len(rows):
            raise RuntimeError(f"{self.name} tells {len(rows) - len(found)} lags twice")
        return found


def _value(text: str, start: str) -> str:
    return next((line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(start)), "")
