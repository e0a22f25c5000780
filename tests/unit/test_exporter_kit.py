"""The kit's promises, over HTTP: a collector that fails, hangs or emits too much costs its own families and nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporters.kit import Collector, Context, DeadlineError, Distribution, Exporter, Label, Limits, MetricSpec
from kunobs.errors import KunobsError, UsageError
from tests.exporter_world import OPEN, STEPS, Gate, exporting, single
from tests.support import wait_until

SUCCESS = "kunobs_exporter_collector_success"
STUCK = "kunobs_exporter_collector_stuck_seconds"
AGE = "kunobs_exporter_collection_age_seconds"
DROPPED = "kunobs_exporter_series_dropped"


def steps(ctx: Context) -> None:
    """A collector that always works."""
    ctx.emit(STEPS, [("a", 1, 5)])


GOOD = Collector("steps", (STEPS,), steps)


@pytest.mark.parametrize("error", [RuntimeError("boom"), KunobsError("no", hint="do"), SystemExit(1), MemoryError()])
def test_one_that_fails_costs_only_its_own(error: BaseException) -> None:
    """Whatever it raises: the others' families are there, its success is 0, and what it had emitted is shown."""

    def fails(ctx: Context) -> None:
        ctx.emit(OPEN, [("a", 2)])
        raise error

    with exporting(single(Collector("doors", (OPEN,), fails), GOOD)) as scrape:
        answer = scrape()
    assert (answer.status, answer.value("t_steps_total", "a", "1"), answer.value("t_doors_open", "a")) == (200, 5, 2)
    assert (answer.value(SUCCESS, "doors", "t"), answer.value(SUCCESS, "steps", "t")) == (0, 1)


def test_the_answer_goes_out_at_the_deadline_with_what_is_there() -> None:
    """A hung collector is given up half a second before Prometheus does; whole families that it had emitted stay."""
    gate = Gate()
    with exporting(single(gate.collector, GOOD)) as scrape:
        answer = scrape(timeout=0.8)
        gate.open.set()
    assert (answer.value("t_doors_open", "a"), answer.value("t_steps_total", "a", "1")) == (1, 5)
    assert (answer.value(SUCCESS, "doors", "t"), answer.value(SUCCESS, "steps", "t")) == (0, 1)


def test_a_stuck_collector_is_not_begun_again() -> None:
    """While it hangs no scrape waits for it and no second one runs; once it lets go it is collected anew."""
    gate = Gate()
    with exporting(single(gate.collector, GOOD, min_interval=0.0)) as scrape:
        scrape(timeout=0.2)
        for _ in range(3):
            answer = scrape(timeout=3600)
            assert (answer.value(SUCCESS, "doors", "t"), answer.value("t_doors_open", "a")) == (0, None)
            assert answer.value("t_steps_total", "a", "1") == 5
        assert gate.starts == 1
        assert (answer.value(STUCK, "doors", "t") or 0) > 0
        assert answer.value(STUCK, "steps", "t") == 0
        threads = [thread.name for thread in threading.enumerate()].count("kunobs-t-doors")
        assert threads == 1
        gate.open.set()
        wait_until(lambda: scrape(timeout=3600).value(SUCCESS, "doors", "t") == 1)
        assert scrape(timeout=3600).value(STUCK, "doors", "t") == 0


def test_a_pair_of_prometheus_shares_one_collection() -> None:
    """Scrapes at the same time wait for the one that runs; those soon after get it with its age."""
    gate = Gate()
    with exporting(single(gate.collector, min_interval=3600.0)) as scrape, ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(scrape, timeout=60) for _ in range(8)]
        gate.begun.acquire()
        gate.open.set()
        assert [answer.result().value("t_doors_open", "a") for answer in answers] == [1] * 8
        later = scrape()
    assert gate.starts == 1
    assert later.value(SUCCESS, "doors", "t") == 1
    assert (later.value(AGE, "doors", "t") or 0) > 0


def test_without_an_interval_each_scrape_collects() -> None:
    """min_interval 0: nothing is shared but what runs."""
    gate = Gate()
    gate.open.set()
    with exporting(single(gate.collector, min_interval=0.0)) as scrape:
        scrape()
        scrape()
    assert gate.starts == 2


def test_the_impatient_does_not_shorten_the_patient() -> None:
    """A scrape whose time is up gets what is there, and the collection goes on for the one that waits longer."""
    gate = Gate(first=False)
    with exporting(single(gate.collector)) as scrape, ThreadPoolExecutor(1) as pool:
        patient = pool.submit(scrape, timeout=60)
        gate.begun.acquire()
        hasty = scrape(timeout=0.2)
        assert (hasty.value(SUCCESS, "doors", "t"), hasty.value(STUCK, "doors", "t")) == (0, 0)
        gate.open.set()
        assert patient.result().value("t_doors_open", "a") == 1
        assert patient.result().value(SUCCESS, "doors", "t") == 1
    assert gate.starts == 1


def test_late_rows_are_refused() -> None:
    """What a collector emits after its deadline raises in it, so that a hung one ends itself."""
    ended: list[type[BaseException]] = []
    gate = Gate(first=False)

    def late(ctx: Context) -> None:
        try:
            gate.collect(ctx)
        except DeadlineError as error:
            ended.append(type(error))
            with pytest.raises(DeadlineError):
                assert ctx.remaining
            raise

    with exporting(single(Collector("doors", (OPEN,), late))) as scrape:
        assert scrape(timeout=0.2).value("t_doors_open", "a") is None
        gate.open.set()
        wait_until(lambda: ended)


def test_choosing_collectors_and_families() -> None:
    """collect[], exclude[] and name[] as in other exporters; what is not chosen is not begun."""
    gate = Gate()
    gate.open.set()
    with exporting(single(gate.collector, GOOD, min_interval=0.0)) as scrape:
        assert scrape("/metrics?collect[]=steps").value("t_doors_open", "a") is None
        assert scrape("/metrics?exclude[]=doors").value("t_doors_open", "a") is None
        named = scrape("/metrics?name[]=t_steps_total")
        assert gate.starts == 0
        assert set(named.samples) == {("t_steps_total", ("a", "1"))}
        assert scrape("/metrics?collect[]=doors&collect[]=steps").value("t_doors_open", "a") == 1
        assert "process_start_time_seconds" not in scrape("/metrics?collect[]=steps").text


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("collect[]=step", "collect[]: there is no 'step'\nhint: did you mean steps? there are doors, steps"),
        ("exclude[]=%C3%A9%0A", "exclude[]: there is no '\\xe9\\n'"),
        ("detail=partition", "detail: there is no 'partition'\nhint: there are none"),
        ("detail=a&detail=b", "detail is given 2 times"),
        ("debug=true&debug=true", "debug is given 2 times"),
        ("collect[]=" + "x" * 201, "collect[]: at most 100 values of 200 characters"),
        ("name[]=x&" * 101, "name[]: at most 100 values"),
    ],
)
def test_a_wish_for_what_there_is_not(query: str, answer: str) -> None:
    """400 with the parameter, the value and what there is."""
    gate = Gate()
    with exporting(single(gate.collector, GOOD)) as scrape:
        refused = scrape(f"/metrics?{query}")
    assert refused.status == 400
    assert refused.text.startswith(answer)
    assert gate.starts == 0


FINE = MetricSpec("t_steps_fine", "gauge", "Steps of one stair.", labels=(Label("house"), Label("stair")))


def detailed(ctx: Context) -> None:
    """100 houses, 1,000 stairs."""
    ctx.emit(OPEN, [(f"h{n}", n) for n in range(100)])
    if ctx.wants("stair"):
        ctx.emit(FINE, ((f"h{n % 100}", n, 1) for n in range(1000)), detail="stair")


def test_details_are_there_on_demand() -> None:
    """The coarse level unless the request, or the exporter's own setting, asks for more."""
    collector = Collector("doors", (OPEN, FINE), detailed, details=("house", "stair"))
    with exporting(single(collector)) as scrape:
        assert scrape().text.count("\nt_steps_fine{") == 0
        assert scrape("/metrics?detail=stair").text.count("\nt_steps_fine{") == 1000
        assert scrape("/metrics?detail=house").text.count("\nt_steps_fine{") == 0
    with exporting(Exporter("t", (collector,), detail="stair")) as scrape:
        assert scrape().text.count("\nt_steps_fine{") == 1000


@pytest.mark.parametrize(
    ("series", "houses", "stairs", "dropped"), [(1100, 100, 1000, 0), (1099, 100, 0, 1000), (50, 50, 0, 1050)]
)
def test_over_the_budget_the_finest_goes_first(series: int, houses: int, stairs: int, dropped: int) -> None:
    """The detail is left out whole before a single row of the coarse level is, and the answer says how much."""
    collector = Collector("doors", (OPEN, FINE), detailed, details=("house", "stair"))
    with exporting(single(collector, series=series)) as scrape:
        answer = scrape("/metrics?detail=stair")
    assert answer.text.count("\nt_doors_open{") == houses
    assert answer.text.count("\nt_steps_fine{") == stairs
    assert answer.value(DROPPED, "doors", "t") == dropped
    assert answer.value(SUCCESS, "doors", "t") == 1


def test_bytes_are_bounded_too() -> None:
    """Labels of any length do not fill the memory: blocks over the size are counted, not kept."""

    def long(ctx: Context) -> None:
        ctx.emit(OPEN, ((f"{n:x>10000}", 1) for n in range(7000)))

    with exporting(single(Collector("doors", (OPEN,), long), bytes=30_000_000)) as scrape:
        answer = scrape()
    assert answer.text.count("\nt_doors_open{") == 2000
    assert answer.value(DROPPED, "doors", "t") == 5000


def test_rows_without_an_end_end_with_the_deadline() -> None:
    """A generator that never ends costs a thread no longer than the scrape."""

    def endless(ctx: Context) -> None:
        def rows():  # type: ignore[no-untyped-def]
            n = 0
            while True:
                n += 1
                yield (f"h{n % 7}", n)

        ctx.emit(OPEN, rows())

    with exporting(single(Collector("doors", (OPEN,), endless), GOOD, series=1000)) as scrape:
        answer = scrape(timeout=0.6)
        assert answer.value(SUCCESS, "doors", "t") == 0
        assert answer.value("t_steps_total", "a", "1") == 5
        wait_until(lambda: "kunobs-t-doors" not in [thread.name for thread in threading.enumerate()])


def test_a_histogram_counts_all_its_series() -> None:
    """A row of a histogram with two buckets is five series of the budget."""
    wait = MetricSpec("t_wait_seconds", "histogram", "Time that was waited.", unit="seconds", buckets=(1.0, 2.0))

    def collect(ctx: Context) -> None:
        ctx.emit(wait, [(Distribution((1, 2, 3), 9.0),)])

    with exporting(single(Collector("wait", (wait,), collect), series=4)) as scrape:
        assert scrape().value(DROPPED, "wait", "t") == 5
    with exporting(single(Collector("wait", (wait,), collect), series=5)) as scrape:
        assert scrape().value("t_wait_seconds_count") == 6


def test_a_family_is_declared_and_emitted_once() -> None:
    """What a collector emits without declaring it, or twice, fails it with a hint in the debug page."""

    def undeclared(ctx: Context) -> None:
        ctx.emit(STEPS, [])

    def twice(ctx: Context) -> None:
        ctx.emit(OPEN, [("a", 1)])
        ctx.emit(OPEN, [("a", 2)])

    with exporting(single(Collector("one", (OPEN,), undeclared), Collector("two", (OPEN,), twice))) as scrape:
        answer = scrape("/metrics?debug=true")
    assert (answer.value(SUCCESS, "one", "t"), answer.value(SUCCESS, "two", "t")) == (0, 0)
    assert "## | t/one: FAILED" in answer.text
    assert "t_steps_total is emitted but not declared" in answer.text
    assert "## |   hint: gather its rows and emit them once" in answer.text


def test_debug_tells_the_story_and_stays_parseable() -> None:
    """The lines a collector logs, its families and what it raised are comments above the metrics."""

    def tells(ctx: Context) -> None:
        ctx.log("asked the porter", house="a", answer="none\n# TYPE x y")
        ctx.emit(OPEN, [("a", 1)])

    with exporting(single(Collector("doors", (OPEN,), tells))) as scrape:
        answer = scrape("/metrics?debug=true")
    assert answer.text.startswith("## | t/doors: ok, took ")
    assert "## |   asked the porter house='a' answer='none\\n# TYPE x y'\n" in answer.text
    assert "## |   t_doors_open: 1 series\n" in answer.text
    assert answer.value("t_doors_open", "a") == 1


def test_a_probe_answers_for_configured_targets_only() -> None:
    """/probe has the target's collectors, those of the module, and nothing of the process."""
    targets = {name: (Gate(rows=[(name, 1)]).collector, GOOD) for name in ("east", "west")}
    for group in targets.values():
        group[0].collect.__self__.open.set()  # type: ignore[attr-defined]
    exporter = Exporter("t", targets=targets, modules={"quick": frozenset({"steps"})})
    with exporting(exporter) as scrape:
        east = scrape("/probe?target=east")
        assert (east.value("t_doors_open", "east"), east.value("t_doors_open", "west")) == (1, None)
        assert "process_start_time_seconds" not in east.text
        quick = scrape("/probe?target=west&module=quick")
        assert (quick.value("t_doors_open", "west"), quick.value("t_steps_total", "a", "1")) == (None, 5)
        for query, text in (
            ("", "a probe needs ?target=\nhint: one of east, west\n"),
            ("target=http://169.254.169.254/", "target: there is no 'http://169.254.169.254/'"),
            ("target=easst", "target: there is no 'easst'\nhint: did you mean east? there are east, west\n"),
            ("target=east&module=x", "module: there is no 'x'\nhint: there are quick\n"),
        ):
            refused = scrape(f"/probe?{query}")
            assert refused.status == 400
            assert refused.text.startswith(text)
        assert scrape("/metrics").value("t_doors_open", "east") is None


def test_parameters_make_collections_of_their_own() -> None:
    """Only those a collector reads; others change nothing and share."""
    seen: list[tuple[str, ...]] = []

    def collect(ctx: Context) -> None:
        seen.append(ctx.params.get("house", ()))
        ctx.emit(OPEN, [("a", 1)])

    with exporting(single(Collector("doors", (OPEN,), collect, parameters=("house",)), min_interval=3600.0)) as scrape:
        for query in ("", "?x=1", "?house=a", "?house=a&x=2", "?house=b", "?house=a"):
            scrape(f"/metrics{query}")
    assert seen == [(), ("a",), ("b",)]


def test_answers_that_are_kept_are_few() -> None:
    """Somebody who asks for ever new parameters does not fill the memory."""
    from exporters.kit.flight import KEPT, Asked, Flight

    flight = Flight("t", Collector("doors", (OPEN,), lambda ctx: ctx.emit(OPEN, [("a", 1)])), Limits())
    for n in range(50):
        assert flight.begin(Asked(params=(("house", (str(n),)),)), float("inf"))().success
    assert len(flight._kept) == KEPT


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (lambda: Exporter("T", (GOOD,)), "is no name"),
        (lambda: Exporter("t"), "has no collector"),
        (lambda: Exporter("t", (GOOD, GOOD)), "two collectors are called steps"),
        (lambda: Exporter("t", (GOOD,), modules={"m": frozenset({"x"})}), "module m names x"),
        (
            lambda: Exporter("t", (Collector("c", (MetricSpec("t_ms", "gauge", "Time in ms, oh dear."),), steps),)),
            "ms is not a base unit",
        ),
        (
            lambda: Exporter(
                "t", (GOOD, Collector("c", (MetricSpec("t_steps_total", "counter", "Other steps."),), steps))
            ),
            "t_steps_total is declared in two ways",
        ),
    ],
)
def test_a_declaration_that_cannot_work(declared: object, problem: str) -> None:
    """Whoever writes an exporter reads it at the first start."""
    with pytest.raises(UsageError, match=problem):
        declared()  # type: ignore[operator]
