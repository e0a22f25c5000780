"""How long a scrape of 70 Redis installations takes, whole and with hung ones: `python -m benchmarks.exporters.redis [CLUSTERS [SCRAPES]]`.

`kunobs exporter redis` runs as a process of its own, 70 times 3 sentinels and 3 nodes are fakes in another one: what is
measured is the exporter, and a loopback without delay. Prints a table and writes benchmarks/results/exporter-redis.json.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import requests

from benchmarks.measure import RESULTS, Figures, cpu_seconds, peak_rss, write
from kunobs.clock import SYSTEM_CLOCK
from kunobs.local.ports import HOST, choose
from tests.redis_fake import Fakes, Trio

NAMES = ("healthy", "a hung master", "a hung sentinel too", "one hung installation", "ten hung installations")


def main(clusters: int = 70, scrapes: int = 10) -> None:
    """Each case so many scrapes, one after the other."""
    figures = Figures()
    with (
        tempfile.TemporaryDirectory() as folder,
        _fakes(clusters) as (pipe, sentinels),
        _exporter(Path(folder), sentinels) as (pid, url),
    ):
        for case in NAMES:
            pipe.send(case)
            pipe.recv()
            for _ in range(scrapes):
                _measure(figures, case, pid, url)
        figures.add("memory at most", peak_rss(pid) / 2**20, "MiB")
    for key, value in figures.summary().items():
        print(f"{key:45} {value['median']:>8} ({value['min']} to {value['max']}) {value['unit']}")
    write(RESULTS / "exporter-redis.json", "exporter-redis", scrapes, figures, {})


def _measure(figures: Figures, case: str, pid: int, url: str) -> None:
    before, began = cpu_seconds(pid), SYSTEM_CLOCK.monotonic()
    text = requests.get(f"{url}/metrics", timeout=60).text
    figures.add(f"{case}: scrape", SYSTEM_CLOCK.monotonic() - began, "s")
    figures.add(f"{case}: CPU of the exporter", cpu_seconds(pid) - before, "s")
    lines = text.splitlines()
    answered = [line for line in lines if line.startswith("kunobs_redis_nodes{") and 'state="answered"' in line]
    figures.add(f"{case}: nodes that answered", sum(float(line.split()[-1]) for line in answered), "nodes")
    whole = [line for line in lines if line.startswith("kunobs_redis_up{")]
    figures.add(f"{case}: installations up", sum(float(line.split()[-1]) for line in whole), "installations")
    figures.add(f"{case}: series", sum(line.startswith("kunobs_redis_") for line in lines), "series")


@contextmanager
def _exporter(folder: Path, sentinels: list[list[str]]) -> Iterator[tuple[int, str]]:
    clusters = {f"c{number}": {"namespace": f"n{number}", "sentinels": each} for number, each in enumerate(sentinels)}
    file = folder / "kunobs.yaml"
    file.write_text(json.dumps({"version": 1, "exporters": {"redis": {"min_interval": "0s", "clusters": clusters}}}))
    listen = f"{HOST}:{choose(())}"
    command = [sys.executable, "-m", "kunobs", "exporter", "redis", "-c", str(file), "--listen", listen]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        while True:
            try:
                requests.get(f"http://{listen}/-/ready", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                if process.poll() is not None:
                    raise
                SYSTEM_CLOCK.sleep(0.1)
        yield process.pid, f"http://{listen}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def _fakes(clusters: int) -> Iterator[tuple[Connection, list[list[str]]]]:
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, clusters), daemon=True)
    child.start()
    try:
        yield ours, ours.recv()
    finally:
        child.kill()
        child.join()


def _serve(pipe: Connection, clusters: int) -> None:
    with Fakes() as fakes:
        trios = [fakes.trio() for _ in range(clusters)]
        pipe.send([[one.address for one in trio.sentinels] for trio in trios])
        while True:
            case = pipe.recv()
            _hang(trios, case)
            pipe.send(case)


def _hang(trios: list[Trio], case: str) -> None:
    if case == NAMES[1]:
        trios[0].nodes[0].hang()
    elif case == NAMES[2]:
        trios[0].sentinels[0].hang()
    elif case != NAMES[0]:
        for trio in trios[: 1 if case == NAMES[3] else 10]:
            for node in (*trio.nodes, *trio.sentinels):
                node.hang()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
