"""The preview in real Chromium: every panel of every dashboard is drawn, in both languages, and no script fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from dashboards.boards import BOARDS
from dashboards.preview.pages import pages
from dashboards.prove.run import END, served
from tests.platform.conftest import need
from tests.platform.prometheus import tool

pytestmark = pytest.mark.platform
CHROMIUM = Path("/usr/bin/chromium")
# Ink in a canvas, or words beside the title: what a person would see of a panel.
BLANK = """() => [...document.querySelectorAll('.panel')].filter((panel) => {
  const drawn = [...panel.querySelectorAll('canvas')].some((canvas) => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return data.some((value) => value !== 0);
  });
  return !drawn && panel.innerText.trim() === panel.querySelector('h2').innerText.trim();
}).map((panel) => panel.querySelector('h2').innerText)"""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_drawn(language: str, tmp_path: Path) -> None:
    """As many panels as the board has, none blank, none without data."""
    need(CHROMIUM.exists(), "needs chromium: make test-platform installs it")
    with served(tool("promtool"), tool("prometheus"), BOARDS) as server:
        made = pages(server, BOARDS, language, END)
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        for board in BOARDS:
            assert not _blank(page, tmp_path / f"{board.uid}.html"), board.uid
            assert page.locator(".panel").count() == len(board.panels)
            assert page.locator(".empty").count() == 0
            assert "Grafana" in page.locator("header").inner_text()
        assert _blank(page, _emptied(tmp_path / f"{BOARDS[0].uid}.html")), "a blank panel is told from a drawn one"
        page.goto((tmp_path / "index.html").as_uri())
        assert page.locator(".boards a").count() == len(BOARDS)
        browser.close()
    assert failures == []


def _blank(page: Page, file: Path) -> list[str]:
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-drawn]")
    found: list[str] = page.evaluate(BLANK)
    return found


def _emptied(file: Path) -> Path:
    """A page with one panel that has a series of nothing at all."""
    head, mark, rest = file.read_text().partition('<script type="application/json" id="data">')
    data, end, tail = rest.partition("</script>")
    panel = next(row for row in json.loads(data) if "kind" in row)
    nothing = panel | {"kind": "states", "states": [], "series": [{"name": "", "labels": {}, "values": []}]}
    blank = file.with_name("blank.html")
    blank.write_text(f"{head}{mark}{json.dumps([nothing])}{end}{tail}")
    return blank
