"""The human board in a real browser: what people see of each other, hear, and do with a mouse, a finger, a keyboard or without scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from prometheus_client import CollectorRegistry

from kunobs.noc.board import accounts, sessions
from kunobs.noc.board.app import build_board
from kunobs.server import Server
from tests.unit.test_noc_board import PASSWORD, Board

Open = Callable[..., Page]
PAGES = (
    "/board",
    "/board/incidents/1",
    "/board/history",
    "/board/schedules",
    "/board/silences",
    "/board/health",
    "/board/account",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = shutil.which("chromium")
    if path is None:
        reason = "no chromium: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def noc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A relay on a virtual clock with its board on a real server."""
    monkeypatch.setattr(accounts, "ROUNDS", 4)
    with Board() as bench:
        yield bench


@pytest.fixture
def visit(chromium: Browser, noc: Board) -> Iterator[Open]:
    """`visit(path, account="li", **context)`: a page in a browser of its own; whatever the browser complains of fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def make(
        path: str, account: str = "li", prepare: Callable[[Page], object] | None = None, **options: object
    ) -> Page:
        context = chromium.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 800}} | options)  # type: ignore[arg-type]
        opened.append(context)
        if account:
            cookie = sessions.begin(noc.relay, account)
            context.add_cookies([{"name": sessions.COOKIE, "value": cookie, "url": noc.server.url + "/board"}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None
        )
        if prepare:
            prepare(page)
        page.goto(noc.server.url + path)
        return page

    yield make
    for context in opened:
        context.close()
    assert complaints == []


def live(page: Page) -> None:
    """Wait until the page hears of changes."""
    expect(page.locator("body[data-live]")).to_be_attached()


def card(page: Page, incident: int) -> object:
    """An incident on the wall."""
    return page.locator(f".card[data-number='{incident}']")


def test_log_in_and_ack(noc: Board, visit: Open) -> None:
    """From the login to a ladder that has stopped, without a page being loaded anew."""
    incident = noc.fires(alertname="DiskFull", severity="critical", summary="disk of db-07")
    noc.news()
    page = visit("/board", account="")
    page.get_by_label("Account").fill("li")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill(noc.code())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="disk of db-07")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="1 need an ack now")).to_be_visible()
    page.evaluate("window.same = true")
    page.get_by_role("button", name=f"Ack #{incident}", exact=True).click()
    expect(card(page, incident)).to_contain_text("acked by 李雷")
    expect(page.locator("#said")).to_have_text("Acked.")
    expect(page.locator(".alarm")).to_have_count(0)
    assert page.evaluate("window.same")
    noc.relay.settle()
    noc.expect("ops taken")
    noc.advance("1h")
    noc.expect()


def test_two_browsers_see_each_other(noc: Board, visit: Open) -> None:
    """What happens and what others do, on the wall and on an incident's page."""
    one, other = visit("/board"), visit("/board", account="night")
    live(one)
    live(other)
    expect(one.get_by_text("All clear")).to_be_visible()
    incident = noc.fires(alertname="DiskFull", severity="critical", summary="disk of db-07")
    for page in (one, other):
        expect(card(page, incident)).to_contain_text("WeCom group ops sent")
    other.get_by_role("button", name=f"Ack #{incident}", exact=True).click()
    expect(card(one, incident)).to_contain_text("acked by night")
    one.goto(f"{noc.server.url}/board/incidents/{incident}")
    live(one)
    one.locator("#comment textarea").fill("half a sent")
    other.goto(f"{noc.server.url}/board/incidents/{incident}")
    other.locator("#comment textarea").fill("I am on it")
    other.locator("#comment").get_by_role("button", name="Send").click()
    expect(other.locator(".story")).to_contain_text("night: I am on it")
    expect(one.locator(".story")).to_contain_text("night: I am on it")
    expect(one.locator("#comment textarea")).to_have_value("half a sent")
    noc.ends(alertname="DiskFull", severity="critical")
    expect(one.locator(".head .chip.over")).to_have_text("Resolved")


def test_keyboard_only(noc: Board, visit: Open) -> None:
    """Move, open, ack, escalate, comment, silence, help; the focus stays where it was when the page changes."""
    first = noc.fires(alertname="DiskFull", severity="critical", summary="disk of db-07")
    second = noc.fires(alertname="Slow", severity="warning", summary="orders are slow")
    page = visit("/board")
    live(page)
    keys = page.keyboard
    keys.press("j")
    expect(page.locator(f"#open-{first}")).to_be_focused()
    keys.press("j")
    expect(page.locator(f"#open-{second}")).to_be_focused()
    keys.press("j")
    expect(page.locator(f"#open-{second}")).to_be_focused()
    keys.press("k")
    keys.press("a")
    expect(card(page, first)).to_contain_text("acked by 李雷")
    expect(page.locator(f"#open-{first}")).to_be_focused()
    keys.press("j")
    third = noc.fires(alertname="Cert", severity="critical", summary="certificate")
    expect(card(page, third)).to_be_visible()
    expect(page.locator(f"#open-{second}")).to_be_focused()
    keys.press("e")
    expect(page.locator("#dialog-escalate")).to_contain_text("orders are slow")
    keys.press("Enter")
    expect(page.locator("#dialog-escalate")).to_be_hidden()
    expect(card(page, second)).to_contain_text("step 2 of 2")
    keys.press("c")
    keys.type("a slow j k day")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#dialog-comment")).to_be_hidden()
    expect(page.locator(f"#comment-{second}")).to_be_focused()
    keys.press("s")
    keys.press("Tab")
    keys.type("known")
    keys.press("Enter")
    expect(page.locator("#dialog-silence")).to_be_hidden()
    noc.advance("2s")
    page.reload()
    expect(card(page, second)).to_contain_text("silenced until")
    keys.press("?")
    expect(page.locator("#dialog-help")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#dialog-help")).to_be_hidden()
    page.locator(f"#open-{second}").focus()
    keys.press("Enter")
    expect(page.locator(".story")).to_contain_text("李雷: a slow j k day")
    expect(page.locator(".story")).to_contain_text("李雷 silences it for 1h")
    assert noc.rows("SELECT comment FROM silence") == [("known",)]
    keys.press("a")
    expect(page.locator(".head")).to_contain_text("acked by 李雷")


def test_a_focus_can_be_seen(noc: Board, visit: Open) -> None:
    """With the tab key too, from a link over the navigation on."""
    noc.fires(alertname="DiskFull", severity="critical")
    page = visit("/board")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    seen = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id"))
        style = page.evaluate(
            "() => { const it = document.activeElement, of = (node) => getComputedStyle(node).outlineStyle;"
            " return [of(it), it.closest('.card') ? of(it.closest('.card')) : 'none']; }"
        )
        assert style != ["none", "none"], page.evaluate("document.activeElement.outerHTML")
    assert {"open-1", "ack-1", "escalate-1", "comment-1", "silence-1"} <= seen


def test_it_sounds_until_a_human_takes_it(noc: Board, visit: Open) -> None:
    """Again and again, and differently when the ladder was in vain; not a tone after that."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    page = visit("/board", prepare=lambda page: page.clock.install())
    live(page)
    page.get_by_role("button", name="Turn sound on").click()
    expect(page.get_by_role("button", name="Sound on")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("body[data-tones]")).to_be_attached()
    assert page.title() == "(1) NOC board"
    assert tones_in(page, 8_000) == 2
    noc.advance("16m")
    expect(page.locator("#live[data-ring='loud']")).to_be_attached()
    assert tones_in(page, 8_000) == 4
    page.get_by_role("button", name=f"Ack #{incident}", exact=True).click()
    expect(page.locator("#live[data-ring='']")).to_be_attached()
    assert tones_in(page, 60_000) == 0
    assert page.title() == "NOC board"


def tones_in(page: Page, milliseconds: int) -> int:
    """How often the page sounds in that time, which the test lets pass at once."""
    count = "Number(document.body.dataset.tones)"
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    before = int(page.evaluate(count))
    page.clock.run_for(milliseconds)
    found = int(page.evaluate(count)) - before
    page.clock.resume()
    return found


def test_nothing_moves_under_a_finger(noc: Board, visit: Open) -> None:
    """Between down and up the wall stands still, so that the press takes what it was meant for."""
    second = noc.fires(alertname="Slow", severity="warning", summary="orders are slow")
    page = visit("/board")
    live(page)
    box = page.locator(f"#ack-{second}").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    first = noc.fires(alertname="DiskFull", severity="critical", summary="disk of db-07")
    seq = noc.rows("SELECT max(seq) FROM journal")[0][0]
    expect(page.locator("body")).to_have_attribute("data-live", str(seq))
    expect(card(page, first)).to_have_count(0)
    page.mouse.up()
    expect(card(page, second)).to_contain_text("acked by 李雷")
    expect(card(page, first)).to_be_visible()
    assert noc.rows("SELECT id, state FROM incident ORDER BY id") == [(second, "acked"), (first, "firing")]


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_on_a_phone(noc: Board, visit: Open, locale: str) -> None:
    """No page is wider than 375 pixels, whatever an alert is called; what is pressed is large enough for a thumb."""
    word = "<img src=x onerror=hit()>数据库Disk_" * 80
    incident = noc.fires(alertname="DiskFull", severity="critical", summary=word, **{"label" * 30: "x" * 500})
    noc.act(noc.fires(alertname="Slow", severity="warning", summary=word), "ack", "somebody with a long name " * 3)
    noc.act(incident, "comment", comment=word)
    for number in range(8):
        noc.fires(alertname="Host", host=str(number), severity="info")
    noc.act(noc.fires(alertname="Cert", severity="warning"), "silence:3600")
    link = noc.relay.policy.links.ack(incident, "", noc.relay.now_ms()).split("/a/")[1]
    page = visit("/board", locale=locale, viewport={"width": 375, "height": 700}, has_touch=True)
    for path in (*PAGES, "/board/login", f"/a/{link}", "/board/nothing"):
        page.goto(noc.server.url + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 375, (path, width)
    page.goto(noc.server.url + "/board")
    for button in page.locator(".cards .do").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40
        assert box["width"] >= 60
    page.locator(f"#ack-{incident}").tap()
    expect(page.locator(f"#unack-{incident}")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "words"),
    [("zh-CN", ("值守台", "无人接手", "接手", "正在值班", "企微群")), ("en-US", ("NOC board", "Unacked", "Ack", "On call now", "WeCom group"))],
)  # fmt: skip
def test_both_languages(noc: Board, visit: Open, locale: str, words: tuple[str, ...]) -> None:
    """As the browser asks; a page that follows changes stays in its language."""
    noc.fires(alertname="DiskFull", severity="critical")
    page = visit("/board", locale=locale)
    live(page)
    other = noc.fires(alertname="Slow", severity="warning")
    expect(card(page, other)).to_be_visible()
    for word in words:
        assert word in page.inner_text("body")
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if locale == "zh-CN" else "en")


def test_without_scripts(noc: Board, visit: Open) -> None:
    """Everything can be read and done by plain forms."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    page = visit("/board", java_script_enabled=False)
    page.get_by_role("button", name=f"Ack #{incident}", exact=True).click()
    expect(page.locator("#said")).to_have_text("Acked.")
    expect(card(page, incident)).to_contain_text("acked by 李雷")
    page.get_by_role("link", name=f"Comment #{incident}").click()
    page.locator("#comment textarea").fill("by a text browser")
    page.locator("#comment").get_by_role("button", name="Send").click()
    expect(page.locator(".story")).to_contain_text("李雷: by a text browser")
    page.locator("#silence input[name=comment]").fill("quiet")
    page.locator("#silence").get_by_role("button", name="Silence").click()
    expect(page.locator("#said")).to_have_text("Silenced.")
    noc.relay.settle()
    page.reload()
    expect(page.locator(".head")).to_contain_text("silenced until")


def test_a_board_that_is_not_live_says_so(noc: Board, visit: Open) -> None:
    """The server is gone, and comes back; the session is over."""
    page = visit("/board")
    live(page)
    address = noc.server.address
    noc.server.stop(0.0)
    expect(page.get_by_text("Connection lost")).to_be_visible(timeout=30_000)
    app = build_board(noc.relay)
    noc.server = Server(
        "noc", address, CollectorRegistry(), config={}, ready=lambda: "", healthy=lambda: "",
        routes=dict.fromkeys(("/board", "/board/", "/a/"), app),
    )  # fmt: skip
    noc.server.start()
    expect(page.get_by_text("Connection lost")).to_be_hidden(timeout=30_000)
    noc.clock.advance(12 * 3600)
    noc.fires(alertname="DiskFull", severity="critical")
    expect(page.get_by_text("Your session is over")).to_be_visible(timeout=30_000)
    page.locator("#trouble a").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_motion_and_light(noc: Board, visit: Open) -> None:
    """Dark, or light where it is asked for; nothing moves for who wants no motion."""
    noc.fires(alertname="DiskFull", severity="critical")
    look = "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.ringing')).animationName]"
    dark = visit("/board").evaluate(look)
    light = visit("/board", color_scheme="light", reduced_motion="reduce").evaluate(look)
    night = visit("/board", color_scheme="dark").evaluate(look)
    assert dark[1] == "glow"
    assert light[1] == "none"
    assert sum(map(int, night[0][4:-1].split(","))) < 150
    assert sum(map(int, light[0][4:-1].split(","))) > 600
