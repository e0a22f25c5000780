"""`kunobs demo` as a user runs it: real processes, exact books, and an orderly end whatever happens in between."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from kunobs.local import LocalStack
from kunobs.local.process import Identity
from kunobs.testing.events import EventGenerator
from tests.support import REPOSITORY, wait_until

ODD = {"no_metadata": 0.04, "resent": 0.05, "spoofed": 0.02, "bad_namespace": 0.02, "no_namespace": 0.01}
ODD |= {"broken": 0.02, "hostile": 0.05}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the demo keeps its stack; one for all tests here, so that each finds what the one before left."""
    root = tmp_path_factory.mktemp("state")
    yield root
    LocalStack("demo", root=root / "kunobs").down(wipe=True)


def start(state: Path, *arguments: str) -> subprocess.Popen[str]:
    """Run the demo; its output is captured."""
    environ = {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "PYTHONPATH": str(REPOSITORY),
        # Would lead astray if it reached the legs.
        "KUNOBS_KAFKA__PUBLIC__BROKERS": "127.0.0.1:1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "kunobs", "demo", *arguments],
        env=environ,
        cwd=state,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores SIGINT and hands that down to everything it starts.
        preexec_fn=_interruptible,
    )


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def legs(state: Path) -> dict[str, Identity]:
    """The legs that run now."""
    found = {}
    for name in ("fanout", "indexer"):
        try:
            recorded = Identity(**json.loads((state / "kunobs" / "demo" / f"{name}.json").read_text()))
        except FileNotFoundError:
            continue
        if Identity.of(recorded.pid) == recorded:
            found[name] = recorded
    return found


def wait_for_events(demo: subprocess.Popen[str]) -> str:
    """Wait until the demo reports events at a leg; what it said so far."""
    assert demo.stderr is not None
    said = ""
    for line in demo.stderr:
        said += line
        if " | fanout " in line and " | fanout 0 " not in line:
            return said
    raise AssertionError(f"the demo ended before any event was delivered:\n{said}")


def test_a_leg_that_is_killed_fails_the_demo_and_the_other_is_stopped(state: Path) -> None:
    """Exit code 1 with the leg's name; no leg is left; the stack stays up and the way to stop it is said."""
    demo = start(state, "--seconds", "120", "--rate", "300")
    wait_for_events(demo)
    os.kill(legs(state)["indexer"].pid, signal.SIGKILL)
    out, err = demo.communicate(timeout=120)
    assert demo.returncode == 1, err
    assert "kunobs indexer ended by itself with exit status -9" in err
    assert "kunobs local down --stack demo" in err
    assert out == ""
    assert legs(state) == {}
    assert [status.state for status in LocalStack("demo", root=state / "kunobs").status()] == ["running"] * 3


def test_ctrl_c_stops_the_legs_and_leaves_the_stack(state: Path) -> None:
    """No leg is left, the stack is up and how to stop it is said, no traceback."""
    demo = start(state, "--seconds", "120", "--rate", "300", "--json")
    wait_for_events(demo)
    assert set(legs(state)) == {"fanout", "indexer"}
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=120)
    assert demo.returncode == 130, err
    assert "interrupted" in err
    assert "kunobs local down --stack demo" in err
    assert "Traceback" not in err
    assert out == ""
    wait_until(lambda: legs(state) == {}, 10, "no leg to be left")


def test_every_line_of_a_file_is_accounted_for(state: Path, tmp_path: Path) -> None:
    """What the books say of a hostile file is what the generator knows of each of its lines, whatever ran before."""
    seed = int(os.environ.get("KUNOBS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"KUNOBS_SEED={seed}")
    lines = EventGenerator(seed, 8, shares=ODD, whole_lines=True).lines(4000)
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(line.value for line in lines) + b"\n\n  \n")
    demo = start(state, "--input", str(file), "--json")
    out, err = demo.communicate(timeout=300)
    assert demo.returncode == 0, err
    summary = json.loads(out)
    counted = Counter(line.expected.outcome for line in lines)
    fanout, indexer = summary["fanout"], summary["indexer"]
    assert summary["in"] == len(lines)
    assert summary["balanced"] is True
    assert fanout == {
        "delivered": dict(Counter(line.expected.namespace for line in lines if line.expected.outcome == "delivered")),
        "dead_letters": counted["dead_letter"],
        "quarantined": counted["quarantined"],
        "unrouted": counted["unrouted"],
        "duplicates": 0,
    }
    assert (indexer["quarantined"], indexer["unrouted"]) == (counted["quarantined"], counted["unrouted"])
    assert indexer["duplicates"] == sum(line.expected.resent for line in lines)
    assert indexer["repaired"] > 0
    assert indexer["dead_letters"] > 0
    assert set(summary["latency_seconds"]) == {"fanout", "indexer"}
    for latency in summary["latency_seconds"].values():
        assert 0 < latency["p50"] <= latency["p99"]
    scraped = summary["exporters"]
    assert (scraped["fanout_lag"], scraped["namespaces"]) == (0, len(fanout["delivered"]))
    assert set(scraped["collectors"].values()) == {True}, scraped
    assert legs(state) == {}
