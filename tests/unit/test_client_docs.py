"""docs/client.md says what is true: its Python runs, its tables match the code."""

from __future__ import annotations

import inspect
import re

import pytest

from kunobs.client import Event, LogConsumer, consumer
from kunobs.testing import MemoryTopic, log_event
from tests.support import REPOSITORY

_CLIENT = (REPOSITORY / "docs" / "client.md").read_text()
_TENANTS = (REPOSITORY / "docs" / "tenants.md").read_text()
_EXAMPLES = REPOSITORY / "docs" / "examples"


def blocks(text: str) -> list[str]:
    """The Python of a page."""
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks(_CLIENT), ids=lambda block: block.splitlines()[-1].strip()[:40])
def test_the_pages_python_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block by itself, on a topic in memory; a loop without `idle` is ended after the last event."""
    topic = MemoryTopic("team-pay", 2)
    topic.append(log_event("order payment"), log_event("boom"), partition=1)
    monkeypatch.setattr(consumer, "find_access", lambda *_: topic.access)
    defaults = dict(LogConsumer.__init__.__kwdefaults__ or {})
    changed = {**defaults, "clock": topic.clock, "connect": topic.connect, "idle": 1.0}
    monkeypatch.setattr(LogConsumer.__init__, "__kwdefaults__", changed)
    exec(compile(block, "docs/client.md", "exec"), {})  # noqa: S102 - our own page


def test_every_argument_is_described() -> None:
    """The table of arguments has those of the class, with their defaults, in their order."""
    section = _CLIENT.partition("## LogConsumer")[2].partition("###")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section, re.MULTILINE)
    arguments = [
        (name, repr(parameter.default).replace("'", '"'))
        for name, parameter in inspect.signature(LogConsumer).parameters.items()
        if name not in ("namespace", "group", "clock", "connect")
    ]
    assert rows == arguments


def test_every_property_of_an_event_is_described() -> None:
    """Nothing public is left out of the table."""
    public = {name for name in dir(Event) if not name.startswith("_")} - {"from_fields"}
    table = _CLIENT.partition("## Event")[2].partition("## Parsers")[0]
    described = set(re.findall(r"`(\w+)[`(]", table))
    assert public <= described


def test_links_lead_somewhere() -> None:
    """Every file that the pages name is there."""
    for page in (_CLIENT, _TENANTS):
        for target in re.findall(r"\]\(([^)#:]+)\)", page):
            assert (REPOSITORY / "docs" / target).exists(), target


def test_the_plain_consumer_on_the_page_is_the_example() -> None:
    """What the page shows of it is in the file."""
    (shown,) = [block for block in blocks(_TENANTS) if block.startswith("consumer = Consumer(")]
    assert shown in (_EXAMPLES / "plain_consumer.py").read_text()
