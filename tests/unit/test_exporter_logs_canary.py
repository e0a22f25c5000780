"""The canary's parts against independent oracles: books, line, file, configuration, the flag that turns it on."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from exporters import run as exporter_run
from exporters.logs import build, tracker
from exporters.logs.canary import Canary
from exporters.logs.line import Line
from exporters.logs.tracker import Tracker
from exporters.logs.writer import KEPT, LogFile
from kunobs.catalogue.logs import DELAYS
from kunobs.config import Config
from kunobs.config.exporters.logs import CanaryConfig, pod_log
from kunobs.config.load import load_text
from kunobs.errors import ConfigError, UsageError
from kunobs.testing import FakeClock
from tests.exporter_world import exporting

RUN = "00112233445566ff"
WAIT = 60.0
Fates = list[tuple[bool, list[float]]]


def canary_file(folder: Path, namespace: str = "kunobs") -> Path:
    """A path as the kubelet names it, below this folder."""
    return folder / "pods" / f"{namespace}_canary-x2_8f1d" / "canary" / "0.log"


def configured(**canary: object) -> Config:
    """A configuration whose services are at a port where nobody is."""
    logs = {"sources": [], "canary": {"enabled": True, **canary}}
    dead = {"brokers": ["127.0.0.1:1"]}
    whole = {
        "version": 1,
        "kafka": {"public": dead, "tenant": dead},
        "elasticsearch": {"urls": ["http://127.0.0.1:1"]},
        "exporters": {"logs": logs},
    }
    return load_text(json.dumps(whole))


def judged(fates: Fates, end: float) -> Counter[str]:
    """The oracle: each line's fate by the words of the catalogue, looked up by brute force."""
    counts: Counter[str] = Counter()
    firsts: list[tuple[float, int]] = []
    for number, (written, arrivals) in enumerate(fates, 1):
        sent = float(number)
        arrived = sorted(sent + after for after in arrivals) if written else []
        if arrived:
            firsts.append((arrived[0], number))
        if not written:
            continue
        in_time = bool(arrived) and arrived[0] - sent <= WAIT
        counts["received"] += in_time
        counts["late"] += bool(arrived) and not in_time
        counts["missing"] += not in_time and end - sent > WAIT
        counts["outstanding"] += not in_time and end - sent <= WAIT
        counts["duplicate"] += max(0, len(arrived) - 1)
    for at, number in firsts:
        overtaken = any(other > number and (earlier, other) < (at, number) for earlier, other in firsts)
        counts["out_of_order"] += overtaken and at - number <= WAIT
    return counts


delays = st.one_of(st.integers(0, 59), st.integers(0, 59), st.sampled_from([WAIT, WAIT + 1, 200.0]))
fates = st.lists(st.tuples(st.sampled_from([True] * 9 + [False]), st.lists(delays, max_size=3)), max_size=40)


@settings(max_examples=400, deadline=None, print_blob=True)
@given(fates=fates, rest=st.sampled_from([300.0, 0.0, 30.0]))
def test_the_books_against_brute_force(fates: Fates, rest: float) -> None:
    """Loss, duplication and reordering at random: every count is what looking each line up gives."""
    end = len(fates) + rest
    fates = [
        (written, [float(d) for d in after if number + d <= end]) for number, (written, after) in enumerate(fates, 1)
    ]
    note(str(fates))
    books = Tracker(WAIT)
    happenings = [(float(number), 0, number) for number in range(1, len(fates) + 1)]
    happenings += [(n + after, 1, n) for n, (written, arrivals) in enumerate(fates, 1) if written for after in arrivals]
    for at, kind, number in sorted(happenings):
        if kind == 0:
            books.sent(number, at)
            if not fates[number - 1][0]:
                books.withdraw(number)
        else:
            assert books.seen(number, at)
    found = books.counts(end)
    names = ("received", "late", "missing", "outstanding", "duplicate", "out_of_order")
    assert {name: getattr(found, name) for name in names} == {name: judged(fates, end)[name] for name in names}
    assert sum(found.delays) == found.received
    first = [min(after) for written, after in fates if written and after and min(after) <= WAIT]
    assert found.delay_sum == sum(first)
    for place, bound in enumerate(DELAYS):
        assert sum(found.delays[: place + 1]) == sum(delay <= bound for delay in first)


def test_what_was_never_sent_is_no_sighting() -> None:
    """Zero, a number from the future and one below zero change nothing."""
    books = Tracker(WAIT)
    books.sent(1, 0.0)
    assert [books.seen(number, 1.0) for number in (0, -1, 2, 10**15)] == [False] * 4
    assert (books.counts(1.0).received, books.counts(1.0).outstanding) == (0, 1)


def test_the_books_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing arrives for days, so many missing lines are remembered; of those before nothing is said any more."""
    monkeypatch.setattr(tracker, "REMEMBERED", 100)
    books = Tracker(WAIT)
    for number in range(1, 5001):
        books.sent(number, float(number))
    held = [value for value in vars(books).values() if isinstance(value, dict)]
    assert sum(map(len, held)) <= 100 + WAIT + 1
    assert not books.seen(17, 5001.0)
    assert books.seen(4900, 5001.0)
    found = books.counts(5001.0)
    assert (found.missing, found.late, found.duplicate) == (5000 - 60, 1, 0)


def test_the_line_is_a_container_runtimes() -> None:
    """containerd's form: RFC 3339 with nanoseconds, stream, F; and the number is found in the event made of it."""
    line = Line(RUN)
    text = line.cri(17, 1_793_503_107.25).decode()
    assert re.fullmatch(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F kunobs-canary [0-9a-f]{16} 17 \d{19}\n", text)
    message = text.removesuffix("\n").split(" ", 3)[3]
    assert line.number(json.dumps({"log": {"offset": 1}, "message": message}).encode()) == 17
    assert line.number(json.dumps({"message": message, "event": {"original": message}}).encode()) == 17


@pytest.mark.parametrize(
    "event",
    [
        None,
        b"",
        b"kunobs-canary",
        b"\xff" * 100 + b"kunobs-canary",
        b'"kunobs-canary 00112233445566ff 1 2',
        b'{"message":"kunobs-canary ffffffffffffffff 1 2"}',
        b'{"message":"kunobs-canary 00112233445566ff -1 2"}',
        b'{"message":"kunobs-canary 00112233445566ff 1234567890123456 2"}',
        '{"message":"kunobs-canary 00112233445566ff ٣ 2"}'.encode(),
        json.dumps({"message": "he said kunobs-canary 00112233445566ff 1 2"}).encode(),
        json.dumps({"message": json.dumps({"message": "kunobs-canary 00112233445566ff 1 2"})}).encode(),
    ],
    ids=range(11),
)
def test_what_is_no_line_of_this_run(event: bytes | None) -> None:
    """Another run's, half ones, forged ones, and lines that quote one."""
    assert Line(RUN).number(event) is None


def test_the_file_is_rotated_and_bounded(tmp_path: Path) -> None:
    """Every line is once in the files that are left, the oldest files go, the link leads to the present one."""
    config = CanaryConfig(enabled=True, file=str(canary_file(tmp_path)), rotate_size=4096)
    file, line, folder = LogFile(config), Line(RUN), canary_file(tmp_path).parent
    for number in range(1, 401):
        file.append(line.cri(number, 1_793_503_107.0 + number))
        held = list(folder.iterdir())
        assert len(held) <= 1 + KEPT
        assert sum(one.stat().st_size for one in held) <= (1 + KEPT) * (4096 + 200)
    renamed = sorted(folder.glob("0.log.2*"), key=lambda one: one.stat().st_mtime_ns)
    assert len(renamed) == KEPT
    numbers = [int(text.split()[5]) for one in (*renamed, folder / "0.log") for text in one.read_text().splitlines()]
    assert numbers == list(range(numbers[0], 401))
    (link,) = (tmp_path / "containers").iterdir()
    assert re.fullmatch(r"canary-x2_kunobs_canary-[0-9a-f]{64}\.log", link.name)
    assert link.resolve() == folder / "0.log"
    file.append(line.cri(401, 1_793_503_600.0))
    assert link.read_text().endswith("1793503600000000000\n")


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """The next process appends, under the same link: Filebeat's partition by path stays; a link that was taken away returns."""
    config = CanaryConfig(enabled=True, file=str(canary_file(tmp_path)))
    LogFile(config).append(b"one\n")
    (link,) = (tmp_path / "containers").iterdir()
    link.unlink()
    LogFile(config).append(b"two\n")
    assert [one.name for one in (tmp_path / "containers").iterdir()] == [link.name]
    assert link.read_text() == "one\ntwo\n"


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write is taken back, counted, and waited for nowhere; the next line is whole."""
    canary = Canary(configured(file=str(canary_file(tmp_path))), FakeClock())
    canary.write(1)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    canary.write(2)
    monkeypatch.setattr(os, "write", write)
    canary.write(3)
    lines = canary_file(tmp_path).read_text().splitlines()
    found = [re.fullmatch(r"\S{30} stdout F kunobs-canary [0-9a-f]{16} (\d) \d{19}", line) for line in lines]
    assert [one and one[1] for one in found] == ["1", "3"]
    assert (canary.sent, canary.write_errors) == (2, 1)
    assert {hop.tracker.counts(1e9).missing for hop in canary.hops} == {2}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The kubelet's folder is a file: errors are counted, the canary lives on."""
    (tmp_path / "pods").write_text("")
    canary = Canary(configured(file=str(canary_file(tmp_path))), FakeClock())
    canary.write(1)
    assert (canary.sent, canary.write_errors) == (0, 1)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0.log",
        "/var/log/app.log",
        "/var/log/pods/a_b/c/0.log",
        "/var/log/pods/a_b_c_d/e/0.log",
        "/var/log/pods/Bad_b_c/d/0.log",
        "/var/log/pods/-_b_c/d/0.log",
        "/var/log/pods/a_b_c/d/0.log\n",
        "/var/log/pods/a_b_c/d/0.log.20261101-000000",
        "/var/../log/pods/a_b_c/d/0.log",
        "/var/log/pods/a_b_c/../0.log",
        "var/log/pods/a_b_c/d/0.log",
        f"/var/log/pods/{'a' * 64}_b_c/d/0.log",
        "/var/log/pods/a_b\0_c/d/0.log",
        "/var/log/pods/a_b_c/d/٣.log",
    ],
)
def test_a_path_that_filebeat_would_not_take(path: str) -> None:
    """Refused in the configuration, with the key and how it is written."""
    assert pod_log(path) is None
    with pytest.raises(ConfigError, match="file"):
        configured(file=path)


def test_a_path_that_it_takes() -> None:
    """Its parts, wherever the node's /var/log is mounted."""
    assert pod_log("/host/var/log/pods/team-a_web-7f.x_0f-1/app/12.log") == (
        "/host/var/log", "team-a", "web-7f.x", "0f-1", "app"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"wait": "3600s", "interval": "100ms"}, "more than 5000 lines"),
        ({"wait": "3s", "poll": "2s"}, "second search"),
        ({"hops": []}, "empty list"),
        ({"hops": ["public", "public"]}, "twice"),
        ({"hops": ["kafka"]}, "hops"),
        ({"interval": "10ms"}, "interval"),
        ({"rotate_size": 10}, "rotate_size"),
    ],
)
def test_keys_that_are_wrong_together(tmp_path: Path, keys: dict[str, object], words: str) -> None:
    """Each is said at the start, by name."""
    with pytest.raises(ConfigError, match=words):
        configured(file=str(canary_file(tmp_path)), **keys)


def test_the_flag_turns_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--canary` is exporters.logs.canary.enabled, checked like it; without the exporter logs it is refused."""
    shown: list[object] = []
    monkeypatch.setattr(exporter_run, "run", lambda *_, shown, **__: len(record(shown)))

    def record(config: object) -> list[object]:
        shown.append(config)
        return []

    path = tmp_path / "kunobs.yaml"
    path.write_text(json.dumps({"version": 1}))
    with pytest.raises(UsageError, match="--canary"):
        exporter_run.start(("kafka",), path, canary=True)
    with pytest.raises(ConfigError, match="file"):
        exporter_run.start(("logs",), path, canary=True)
    whole = {"version": 1, "exporters": {"logs": {"canary": {"file": str(canary_file(tmp_path))}}}}
    path.write_text(json.dumps(whole))
    for canary in (False, True):
        exporter_run.start(("logs",), path, canary=canary)
    enabled = [json.loads(json.dumps(one))["exporters"]["logs"]["canary"]["enabled"] for one in shown]
    assert enabled == [False, True]


def test_hops_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    """With nothing at the addresses: the books are shown, each reader is down, success is 0, and the process ends in time."""
    exporter = build(configured(file=str(canary_file(tmp_path)), interval="100ms"))
    with exporter.running(), exporting(exporter) as scrape:
        answer = scrape(timeout=5)
        while not answer.value("kunobs_logs_canary_sent_total"):
            answer = scrape("/metrics?collect[]=canary", timeout=5)
    assert answer.value("kunobs_exporter_collector_success", "canary", "logs") == 0
    for hop in ("public", "tenant", "elasticsearch"):
        assert answer.value("kunobs_logs_canary_reader_up", hop) == 0
        assert answer.value("kunobs_logs_canary_received_total", hop) == 0
        assert answer.value("kunobs_logs_canary_delay_seconds_count", hop) == 0
