"""The human board by HTTP: who may see it, what hostile alerts become, what people do, what a signed link does."""

from __future__ import annotations

import ast
import asyncio
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from requests import Response, Session
from requests.adapters import HTTPAdapter

from kunobs.noc.accept.alert import Alert
from kunobs.noc.board import accounts, actions, events, history, login, plans, sessions, views
from kunobs.noc.board.app import POLICY, build_board
from kunobs.noc.board.render import link, preferred, short
from kunobs.noc.board.texts import TEXTS
from kunobs.noc.notify.contract import Permanent
from kunobs.server import Server
from kunobs.testing.noc import NocBench

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
CONFIG = """
language: en
channels:
  wecom_robot: {ops: {key: k}}
  wecom_app: {app: {corp_id: c, agent_id: 1, secret: s}}
  phone: {call: {url: "http://gateway/call", hmac_secret: s}}
people:
  li: {name: 李雷, wecom: lilei, phone: "+8613800000001", by: [app, call], language: zh}
  wang: {name: Wang Fang, wecom: wangfang, by: [app]}
schedules:
  platform:
    time_zone: Asia/Shanghai
    fallback: wang
    layers:
      - {rotation: weekly, start: "2023-11-06", handover: "09:00", people: [li, wang]}
ladders:
  standard:
    steps:
      - {to: [channel:ops], wait: 5m}
      - {to: [person:li], by: [app, call], wait: 10m}
    repeat: 0
    remind: 10m
route: {ladder: standard}
storm: {incidents: 5, within: 1m}
"""


class Page(HTMLParser):
    """What a browser makes of a page: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, dict(attrs)))
        self.text += " "

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """The attributes of each such tag."""
        return [own for name, own in self.tags if name == tag and wanted.items() <= own.items()]

    def field(self, name: str) -> str:
        """The value of the first input of that name."""
        return str(self.all("input", name=name)[0]["value"])


class Board(NocBench):
    """A relay with its board on a real server, and two accounts, li and night; `phone` is li's authenticator."""

    def __init__(self) -> None:
        super().__init__(CONFIG)
        app = build_board(self.relay)
        self.server = Server(
            "noc", "127.0.0.1:0", CollectorRegistry(), config={}, ready=lambda: "", healthy=lambda: "",
            routes=dict.fromkeys(("/board", "/board/", "/a/"), app),
        )  # fmt: skip
        self.server.start()
        url = accounts.add_account(self.relay, "li", PASSWORD)
        accounts.add_account(self.relay, "night", PASSWORD)
        self.phone = pyotp.parse_uri(url)

    def code(self) -> str:
        """What li's authenticator shows now."""
        assert isinstance(self.phone, pyotp.TOTP)
        return self.phone.at(self.clock.now())

    def __exit__(self, *error: object) -> None:
        self.server.stop(0.0)
        super().__exit__(*error)


class Source(HTTPAdapter):
    """Connections from another address of this machine."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """As the library has it."""
        super().init_poolmanager(*args, **more, source_address=("127.0.0.9", 0))


class Browser:
    """Somebody's browser; `csrf` is what the forms of its session carry."""

    def __init__(self, noc: Board, account: str = "", elsewhere: bool = False) -> None:
        self.url = noc.server.url
        self.client = Session()
        self.client.trust_env = False
        if elsewhere:
            self.client.mount("http://", Source())
        self.csrf = ""
        if account:
            cookie = sessions.begin(noc.relay, account)
            self.client.cookies.set(sessions.COOKIE, cookie, domain="127.0.0.1", path="/board")
            found = sessions.find(noc.relay, cookie)
            assert found is not None
            self.csrf = found.csrf

    def ask(self, method: str, path: str, **more: Any) -> Response:
        """A request as it is given; redirects are not followed."""
        return self.client.request(method, self.url + path, allow_redirects=False, timeout=60, **more)

    def get(self, path: str, **headers: str) -> Response:
        """A page."""
        return self.ask("GET", path, headers=headers)

    def page(self, path: str, language: str = "en") -> Page:
        """A page that is there."""
        found = self.get(path, **{"accept-language": language})
        assert found.status_code == 200, found.text
        return Page(found.text)

    def words(self, path: str, language: str = "en") -> str:
        """What a page says, in one line."""
        return " ".join(self.page(path, language).text.split())

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Response:
        """A form of ours."""
        return self.ask("POST", path, data={"csrf": self.csrf} | fields, headers=headers or {})


@pytest.fixture
def noc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board; passwords are hashed as fast as bcrypt can."""
    monkeypatch.setattr(accounts, "ROUNDS", 4)
    with Board() as bench:
        yield bench


@pytest.fixture
def li(noc: Board) -> Browser:
    """Li's browser, logged in."""
    return Browser(noc, "li")


def test_log_in(noc: Board) -> None:
    """By the form, with the code of now; the cookie is for this site's pages only, and not for scripts."""
    browser = Browser(noc)
    asked = browser.get("/board/history?text=disk")
    assert asked.status_code == 303
    where = asked.headers["location"]
    assert parse_qs(urlsplit(where).query) == {"next": ["/board/history?text=disk"]}
    form = browser.page(where)
    code = noc.code()
    fields = {"name": "li", "password": PASSWORD, "code": code, "next": form.field("next"), "csrf": form.field("csrf")}
    answer = browser.post("/board/login", **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/board/history?text=disk")
    cookie = next(each for each in answer.raw.headers.getlist("set-cookie") if each.startswith(sessions.COOKIE))
    for flag in ("HttpOnly", "SameSite=lax", "Path=/board", "Max-Age=43200"):
        assert flag in cookie
    assert "Secure" not in cookie
    assert browser.get("/board").status_code == 200
    other = Browser(noc)
    fields["csrf"] = other.page("/board/login").field("csrf")
    answer = other.post("/board/login", **fields)
    assert answer.status_code == 403, "the same code again"
    assert sessions.COOKIE not in str(answer.headers)
    assert other.get("/board").status_code == 303


def test_a_secure_cookie_where_the_public_url_is_secure(noc: Board) -> None:
    """Else a network could read it."""
    noc.relay.policy.config.__dict__["public_url"] = "https://noc.example.com"
    assert "Secure" in Browser(noc).get("/board/login").headers["set-cookie"]


def test_the_login_form_is_ours(noc: Board) -> None:
    """A form of another site logs nobody in, be its password right."""
    browser = Browser(noc)
    token = browser.page("/board/login").field("csrf")
    code = noc.code()
    fields = {"name": "li", "password": PASSWORD, "code": code}
    assert browser.post("/board/login", **fields, csrf="").status_code == 403
    assert browser.post("/board/login", **fields, csrf="guess").status_code == 403
    assert Browser(noc).post("/board/login", **fields, csrf=token).status_code == 403
    evil = {"origin": "https://evil.example.com"}
    assert browser.post("/board/login", evil, **fields, csrf=token).status_code == 403
    assert browser.post("/board/login", **fields, csrf=token).status_code == 303


def test_guessing_is_slow(noc: Board) -> None:
    """By one address first; its owner, elsewhere, still gets in; a minute later there is another try."""
    browser = Browser(noc)
    fields = {"name": "li", "password": "wrong password", "code": "000000"}
    fields["csrf"] = browser.page("/board/login").field("csrf")
    statuses = [browser.post("/board/login", **fields).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    right = fields | {"password": PASSWORD, "code": noc.phone.at(noc.clock.now())}  # type: ignore[attr-defined]
    assert browser.post("/board/login", **right).status_code == 429
    browser = Browser(noc, elsewhere=True)
    right["csrf"] = browser.page("/board/login").field("csrf")
    assert browser.post("/board/login", **right).status_code == 303


def test_a_flood_of_passwords(noc: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few are compared at the same time, for bcrypt takes a processor each; no password is, where there is no room."""
    monkeypatch.setattr(login, "_CHECKS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(accounts, "may_enter", lambda *_: login._CHECKS.acquire(blocking=False))
    browser = Browser(noc)
    token = browser.page("/board/login").field("csrf")
    assert browser.post("/board/login", csrf=token, name="li").status_code == 403, "there was room for this one only"
    login._CHECKS.acquire()
    monkeypatch.setattr(accounts, "may_enter", lambda *_: pytest.fail("there was no room"))
    assert browser.post("/board/login", csrf=token, name="li").status_code == 429
    assert "Too many tries" in browser.post("/board/login", {"accept-language": "en"}, csrf=token, name="li").text


def test_a_login_leads_nowhere_else(noc: Board) -> None:
    """Whatever a link says comes next."""
    for target in ("//evil.com", "https://evil.com", "/boardx", "/board\\evil", "/a/b", "/board\r\nx: y"):
        form = Page(Browser(noc).ask("GET", "/board/login", params={"next": target}).text)
        assert form.field("next") == "/board", target


def routes(*methods: str) -> list[str]:
    """Paths of the board's own routes for these methods, a number put in."""
    found = [
        re.sub(r"{action[^}]*}", "ack", re.sub(r"{number[^}]*}", "1", route.path))
        for router in (login.router, views.router, actions.router, plans.router)
        for route in router.routes
        if isinstance(route, APIRoute) and route.methods & set(methods)
    ]
    assert len(found) >= 8
    return found


def journal(noc: Board) -> int:
    """How much has happened."""
    return int(noc.rows("SELECT count(*) FROM journal")[0][0])


def test_everything_needs_a_session(noc: Board) -> None:
    """All pages and all forms, for strangers and for those whose session is over; our script is told so."""
    noc.fires(alertname="Secret", severity="critical")
    late = Browser(noc, "li")
    noc.clock.advance(12 * 3600)
    before = journal(noc)
    for browser in (Browser(noc), late):
        for path in routes("GET"):
            answer = browser.get(path)
            assert answer.status_code == (401 if path == "/board/events" else 303), path
            assert "Secret" not in answer.text
            assert browser.get(path, **{"x-board": "1"}).status_code == 401
        for path in routes("POST"):
            answer = browser.post(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/board/login"), path
    assert journal(noc) == before


def test_every_form_needs_its_token(noc: Board, li: Browser) -> None:
    """And comes from here; else it does nothing, whatever it is."""
    noc.fires(alertname="DiskFull", severity="critical")
    night = Browser(noc, "night")
    before = journal(noc)
    for path in routes("POST"):
        assert li.post(path, csrf="").status_code == 403, path
        assert li.post(path, csrf=night.csrf).status_code == 403, path
        assert li.post(path, {"origin": "https://evil.example.com"}).status_code == 403, path
        assert li.post(path, {"origin": "null"}).status_code == 403, path
        assert li.ask("POST", path).status_code == 403, path
        assert li.post(path, comment="a\0b").status_code == 422, path
    assert journal(noc) == before
    assert li.post("/board/incidents/1/ack", {"origin": noc.server.url}).status_code == 303


def test_log_out(noc: Board, li: Browser) -> None:
    """The session is over on the server too."""
    cookie = li.client.cookies[sessions.COOKIE]
    assert li.post("/board/logout").status_code == 303
    assert sessions.find(noc.relay, cookie) is None


EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href=javascript:alert(1)>{{7*7}}{csrf}"


def hostile(noc: Board) -> int:
    """An incident whose every text is hostile."""
    alert = Alert(
        "firing",
        {"alertname": EVIL, "severity": "critical", EVIL: EVIL},
        {"summary": EVIL, "runbook": "javascript:alert(1)", "graph": "https://ok.example.com/?a=<b>", EVIL: EVIL},
        starts_ms=noc.relay.now_ms(),
        links=(
            "javascript:alert(1)",
            "data:text/html,x",
            "https://ok.example.com/" + EVIL,
            " https://ok.example.com/2 ",
        ),
    )
    incident = noc.post(alert, sender=EVIL, tenant=EVIL)[0].incident or 0
    noc.act(incident, "comment", EVIL, comment=EVIL)
    noc.act(incident, "ack", EVIL)
    return incident


def sound(page: Page) -> None:
    """Nothing of a page is an alert's but text."""
    assert [own.get("src") for own in page.all("script")] != []
    for own in page.all("script"):
        assert str(own["src"]).startswith("/board/static/board.js?v="), own
    for tag, own in page.tags:
        assert tag not in ("iframe", "object", "embed", "style", "base"), tag
        assert not [name for name in own if name.startswith("on") or name == "style"], own
        for name in ("href", "src", "action", "formaction"):
            value = own.get(name)
            assert value is None or re.match(r"(/|#|https?://|otpauth://)", value), (tag, own)
        if tag == "a" and str(own.get("href")).startswith("http") and own.get("target"):
            assert "noopener" in str(own.get("rel")), own
    assert not [own for own in page.all("img") if own["src"] == "x"]


def test_hostile_alerts_are_text(noc: Board, li: Browser) -> None:
    """On every page that shows one, also on that of a link; a URL is a link only where it opens a web page."""
    incident = hostile(noc)
    li.post("/board/silences/add", tenant="t", matchers=f'a="{"<b>" * 3}"', comment=EVIL)
    noc.store.write(lambda tx: tx.run("INSERT INTO fact (name, value) VALUES ('failing/ops', ?)", EVIL))
    token = urlsplit(noc.relay.policy.links.ack(incident, "", noc.relay.now_ms())).path
    for path in [*routes("GET"), token, f"/board/history?text={EVIL}", f"/board/silences?matchers={EVIL}"]:
        if path in ("/board/events", "/board/", "/board/wall"):
            continue
        page = li.page(path.replace("/1", f"/{incident}"))
        sound(page)
        if path in ("/board", "/board/incidents/1", "/board/history", token):
            assert EVIL in page.text, path
    page = li.page(f"/board/incidents/{incident}")
    links = {own["href"] for own in page.all("a", target="_blank")}
    assert links == {"https://ok.example.com/?a=<b>", "https://ok.example.com/" + EVIL, "https://ok.example.com/2"}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " \tjavascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
        "vbscript:x", "//evil.com", "/board/logout", "http:", "https://", "http://[::1", "https://a\nb", "https://a\\b",
        "ftp://a", "file:///etc/passwd", "", "x",
    ],
)  # fmt: skip
def test_what_is_no_link(url: str) -> None:
    """Everything but a whole http or https address."""
    assert link(url) == ""


def test_headers(noc: Board, li: Browser) -> None:
    """Nothing may run, be framed, be kept or be found; a link's page tells its address to nobody."""
    noc.fires(alertname="DiskFull", severity="critical")
    token = urlsplit(noc.relay.policy.links.ack(1, "li", noc.relay.now_ms())).path
    assert "unsafe" not in POLICY
    for path in ("/board", "/board/login", "/board/incidents/9", "/board/nothing", token, "/a/forged"):
        headers = li.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["x-robots-tag"] == "noindex"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == ("no-referrer" if path.startswith("/a/") else "same-origin")
    for own in li.page("/board").all("link") + li.page("/board").all("script"):
        answer = Browser(noc).get(str(own.get("href") or own.get("src")))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert li.get("/board/static/../app.py").status_code == 404


def test_the_wall(noc: Board, li: Browser) -> None:
    """By severity; whom the last messages went to and how far they came; who has it; what happens next."""
    first = noc.fires(alertname="DiskFull", severity="critical", summary="disk of db-07")
    noc.advance("5m1s")
    noc.store.write(lambda tx: tx.run("UPDATE outbox SET receipt = 'read' WHERE channel = 'app'"))
    second = noc.fires(alertname="Slow", severity="warning", summary="orders are slow")
    third = noc.fires(alertname="Cert", severity="info", summary="certificate")
    noc.act(second, "ack", "Wang Fang")
    page = li.page("/board")
    text = " ".join(page.text.split())
    for words in (
        "disk of db-07", "step 2 of 2", "WeCom 李雷 read", "Phone 李雷 sent", "acked by Wang Fang", "certificate",
        "told to groups only", "On call now platform Wang Fang", "1 need an ack now",
    ):  # fmt: skip
        assert words in text, words
    live = page.all("div", id="live")[0]
    assert (live["data-ring"], live["data-count"]) == ("critical", "1")
    due = noc.rows("SELECT due_ms FROM timer WHERE kind = 'climb' AND ref = ?", str(first))[0][0]
    assert str(due) in {own.get("data-until") for own in page.all("time")}
    order = [own["data-number"] for own in page.all("li") if "data-number" in own]
    assert order == [str(first), str(second), str(third)]


def test_the_board_sounds_until_a_human_takes_it(noc: Board, li: Browser) -> None:
    """For a critical one at once, for any when its ladder was in vain; not for what is silenced, nor what a storm speaks for."""

    def ring() -> tuple[str | None, str | None]:
        live = li.page("/board").all("div", id="live")[0]
        return live["data-ring"], live["data-count"]

    assert ring() == ("", "0")
    warning = noc.fires(alertname="Slow", severity="warning")
    assert ring() == ("", "0")
    noc.advance("30m")
    assert ring() == ("loud", "1")
    li.post(f"/board/incidents/{warning}/ack")
    assert ring() == ("", "0")
    critical = noc.fires(alertname="DiskFull", severity="critical")
    assert ring() == ("critical", "1")
    li.post(f"/board/incidents/{critical}/silence", seconds="3600", comment="we know")
    noc.relay.settle()
    assert ring() == ("", "0")
    noc.advance("1h1m")
    assert ring() == ("critical", "1")
    li.post(f"/board/incidents/{critical}/ack")
    for number in range(10):
        noc.fires(alertname="Host", host=str(number), severity="critical" if number > 6 else "info")
    assert ring() == ("critical", "1")


def test_a_storm_is_one_card(noc: Board, li: Browser) -> None:
    """With what it speaks for counted, and a list of it."""
    for number in range(12):
        noc.fires(alertname="Host", host=str(number), severity="warning")
    noc.ends(alertname="Host", host="9", severity="warning")
    page = li.page("/board")
    cards = [own["data-number"] for own in page.all("li") if "data-number" in own]
    assert len(cards) == 6
    assert "6 open of 7" in page.text
    href = next(str(own["href"]) for own in page.all("a") if "storm=" in str(own.get("href")))
    rows = [own["data-number"] for own in li.page(href).all("li") if "data-number" in own]
    assert len(rows) == 7
    assert not set(rows) & set(cards)
    child = li.words(f"/board/incidents/{rows[0]}")
    assert "part of storm #" in child


def test_more_than_a_wall_can_show(noc: Board, li: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the board sounds for is always shown."""
    monkeypatch.setattr("kunobs.noc.board.wall.SHOWN", 3)
    for number in range(5):
        incident = noc.fires(alertname="Host", host=str(number), severity="critical")
        noc.act(incident, "ack")
        noc.advance("2m")
    last = noc.fires(alertname="DiskFull", severity="warning")
    noc.advance("30m")
    page = li.page("/board")
    assert f"open-{last}" in {own.get("id") for own in page.all("a")}
    assert "3 more are not shown" in page.text
    assert page.all("div", id="live")[0]["data-ring"] == "loud"


def test_an_empty_wall(noc: Board, li: Browser) -> None:
    """All clear, and when the last one ended."""
    assert "All clear" in li.page("/board").text
    noc.fires(alertname="Slow", severity="warning")
    noc.ends(alertname="Slow", severity="warning")
    assert "The last one ended at 06:13" in li.page("/board").text


def test_the_wall_follows(noc: Board, li: Browser) -> None:
    """What is kept for all browsers is made anew with every change, and where time alone changes it."""
    noc.fires(alertname="Slow", severity="warning", summary="orders are slow")
    assert "orders are slow" in li.get("/board/wall").text
    noc.fires(alertname="Cert", severity="info", summary="certificate")
    assert "certificate" in li.get("/board/wall").text
    seen = li.get("/board/wall").text
    assert li.get("/board/wall").text == seen
    noc.clock.advance(5)
    assert f'data-now="{noc.relay.now_ms()}"' in li.get("/board/wall").text


def test_what_people_do(noc: Board, li: Browser) -> None:
    """Goes by the person's name, shows in the story, and stops or moves the ladder."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.news()
    answer = li.post(f"/board/incidents/{incident}/escalate", back=f"/board/incidents/{incident}?x=1")
    assert answer.headers["location"] == f"/board/incidents/{incident}?x=1&said=escalate"
    noc.relay.settle()
    noc.expect("app lilei", "call +8613800000001")
    li.post(f"/board/incidents/{incident}/ack", back="//evil.com")
    li.post(f"/board/incidents/{incident}/comment", comment="looking at it")
    noc.relay.settle()
    noc.expect("app lilei taken", "ops taken")
    noc.advance("1h")
    noc.expect()
    assert noc.rows("SELECT state, acked_by FROM incident") == [("acked", "李雷")]
    story = li.words(f"/board/incidents/{incident}")
    for words in (
        "李雷 escalates via the board",
        "李雷 acks it via the board",
        "李雷: looking at it",
        "step 2: 李雷 called",
    ):
        assert words in story, words
    assert "seal fits" in story
    assert "BROKEN" not in story
    li.post(f"/board/incidents/{incident}/unack")
    noc.relay.settle()
    noc.expect("ops")
    li.post(f"/board/incidents/{incident}/resolve")
    assert noc.rows("SELECT state FROM incident") == [("resolved",)]
    assert li.post(f"/board/incidents/{incident}/ack").headers["location"] == "/board?said=over"


def test_what_cannot_be_done(noc: Board, li: Browser) -> None:
    """Is said with a status, on a page or to the script."""
    noc.fires(alertname="DiskFull", severity="critical")
    assert li.post("/board/incidents/9/ack").status_code == 404
    assert li.post("/board/incidents/99999999999999999999999/ack").status_code == 422
    assert li.post("/board/incidents/1/jump").status_code == 422
    assert li.post("/board/incidents/1/comment", comment=" ").status_code == 422
    assert li.post("/board/incidents/1/silence", seconds="5").status_code == 422
    script = {"x-board": "1", "accept-language": "en"}
    answer = li.post("/board/incidents/9/ack", script)
    assert (answer.status_code, answer.json()) == (404, {"said": "Not found: there is no incident 9"})
    assert li.post("/board/incidents/1/ack", script).json() == {"said": "Acked."}
    assert li.post("/board/incidents/1/ack", script).json() == {"said": "Somebody has acked it already."}
    assert li.get("/board/incidents/9").status_code == 404
    assert li.post("/board/incidents/1/comment", comment="x" * 70_000).status_code == 413


def test_a_change_of_the_journal_shows(noc: Board, li: Browser) -> None:
    """The entry that was changed, and no other."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.act(incident, "comment", "wang", comment="I saw nothing")
    sql = "UPDATE journal SET data = replace(data, 'nothing', 'it') WHERE kind = 'comment'"
    noc.store.write(lambda tx: tx.run(sql))
    page = li.page(f"/board/incidents/{incident}")
    broken = [str(own["class"]) for own in page.all("li") if "broken" in str(own.get("class"))]
    assert len(broken) == 1
    assert "comment" in broken[0]
    noc.store.write(lambda tx: tx.run(sql.replace("'nothing', 'it'", "'it', 'nothing'")))


def test_history(noc: Board, li: Browser) -> None:
    """By text of title or labels (not by pattern), number, tenant and state, a page at a time."""

    def found(query: str) -> list[int]:
        rows = li.page(f"/board/history?{query}").all("li")
        return [int(own["data-number"] or 0) for own in rows if "data-number" in own]

    first = noc.fires(alertname="DiskFull", summary="disk at 93%", tenant="shop")
    second = noc.fires(alertname="Slow", summary="ORDERS_SLOW", host="web-1")
    noc.act(second, "ack")
    noc.ends(alertname="DiskFull", tenant="shop")
    assert found("") == [second, first]
    assert found("text=orders") == [second]
    assert found("text=web-1") == [second]
    assert found("text=%25") == [first]
    assert found("text=_") == [second]
    assert found("text=!") == []
    assert found(f"text=%23{first}") == [first]
    assert found("text=%23x") == []
    assert found("tenant=shop") == [first]
    assert found("state=resolved") == [first]
    assert found("state=acked") == [second]
    assert found("state=open&severity=warning") == [second]
    assert found("state=nonsense") == [second, first]
    assert found("storm=99999999999999999999&before=99999999999999999999999") == []
    assert li.get("/board/history?before=x").status_code == 422


def test_history_pages(noc: Board, li: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every incident is on one page; the search goes along."""
    monkeypatch.setattr(history, "PAGE", 4)
    made = [noc.fires(alertname="Host", host=str(number), severity="info") for number in range(5)]
    noc.advance("2m")
    made += [noc.fires(alertname="Host", host=str(number), severity="info") for number in range(5, 10)]
    seen: list[int] = []
    where = "/board/history?text=host&severity=info"
    while where:
        page = li.page(where)
        seen += [int(own["data-number"] or 0) for own in page.all("li") if "data-number" in own]
        where = next((str(own["href"]) for own in page.all("a", rel="next")), "")
    assert seen == sorted(made, reverse=True)


def test_schedules(noc: Board, li: Browser) -> None:
    """Who is on call, who is next; somebody stands in, by the schedule's own clocks, and does not any more."""
    text = li.words("/board/schedules")
    assert "Wang Fang until 11-20 09:00 · layer 1" in text
    assert "李雷 11-20 09:00 – 11-27 09:00" in text
    fields = {"schedule": "platform", "person": "li", "starts": "2023-11-15T08:00", "ends": "2023-11-16T09:30"}
    assert li.post("/board/schedules/override", **fields).status_code == 303
    # 08:00 and 09:30 in Shanghai are 00:00 and 01:30 of UTC.
    assert noc.rows("SELECT person, starts_ms, ends_ms, author FROM override") == [
        ("li", 1700006400_000, 1700098200_000, "李雷")
    ]
    noc.clock.advance(3 * 3600)
    text = li.words("/board/schedules")
    assert "李雷 until 11-16 09:30 · stands in" in text
    assert li.post("/board/schedules/override/1/end").status_code == 303
    text = li.words("/board/schedules")
    assert "Wang Fang until 11-20 09:00" in text
    for wrong, status in (
        ({"schedule": "x"}, 404), ({"person": "x"}, 404), ({"ends": "soon"}, 422), ({"ends": "0001-01-01T00:00"}, 422),
        ({"ends": "2023-11-14T09:30"}, 422), ({"starts": "9999-12-31T23:59"}, 422),
    ):  # fmt: skip
        assert li.post("/board/schedules/override", **fields | wrong).status_code == status, wrong


def test_silences(noc: Board, li: Browser) -> None:
    """Added, listed with what they hold back, ended; a wrong one is refused."""
    incident = noc.fires(alertname="DiskFull", host="db-07", severity="critical")
    fields = {
        "tenant": "",
        "matchers": 'alertname="DiskFull"\r\n\r\nhost=~"db-.*"',
        "seconds": "7200",
        "comment": "move",
    }
    assert li.post("/board/silences/add", **fields).status_code == 303
    noc.relay.settle()
    assert noc.rows("SELECT silence_id FROM incident") == [(1,)]
    text = li.words("/board/silences")
    assert "every tenant In force until" in text
    assert "1 open incidents" in text
    assert 'alertname="DiskFull" host=~"db-.*"' in text
    assert "move — 李雷" in text
    assert "silenced until" in li.page(f"/board/incidents/{incident}").text
    assert li.post("/board/silences/1/end").status_code == 303
    noc.relay.settle()
    assert noc.rows("SELECT silence_id FROM incident") == [(None,)]
    for wrong in (
        {"matchers": "x"},
        {"matchers": 'a=~"("'},
        {"seconds": "9999999"},
        {"seconds": "x"},
        {"comment": " "},
    ):
        assert li.post("/board/silences/add", **fields | wrong).status_code == 422, wrong


def test_health(noc: Board, li: Browser) -> None:
    """Which channel fails and why; which heartbeats are missed."""
    noc.channels["call"].always = Permanent("dead", "no such line", dead="channel")
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("5m1s")
    rows = [
        ("prod/k8s-0", "down", 1, '{"about": "v3.1"}'),
        ("prod/k8s-1", "up", 1, "{}"),
        ("backup", "new", None, "{}"),
    ]
    for name, state, seen, detail in rows:
        noc.store.write(
            lambda tx, row=(name, state, seen, 1, detail): tx.run("INSERT INTO heartbeat VALUES (?, ?, ?, ?, ?)", *row)
        )
    text = li.words("/board/health")
    assert "call Phone fails dead: no such line" in text
    assert "ops WeCom group works" in text
    assert "prod k8s-0 down" in text
    assert "v3.1" in text
    assert "backup new" in text
    wall = li.words("/board")
    assert "Phone call fails" in wall
    assert "1 down" in wall


def token_of(noc: Board, incident: int, person: str) -> str:
    """The path of a signed link."""
    return urlsplit(noc.relay.policy.links.ack(incident, person, noc.relay.now_ms())).path


def test_a_link_takes_when_it_is_pressed(noc: Board) -> None:
    """A preview takes nothing; the press goes by the person's name, in the person's language, without a session."""
    incident = noc.fires(alertname="DiskFull", severity="critical", summary="disk of db-07")
    browser, path = Browser(noc), token_of(noc, 1, "li")
    page = browser.page(path)
    assert "disk of db-07" in page.text
    assert "李雷，请确认" in page.text
    assert page.all("form", method="post", action=path)
    browser.ask("HEAD", path)
    browser.ask("OPTIONS", path)
    assert noc.rows("SELECT state FROM incident") == [("firing",)]
    answer = browser.ask("POST", path, data={"action": "ack"}, headers={"origin": "null"})
    assert "已接手" in answer.text
    assert noc.rows("SELECT state, acked_by FROM incident") == [("acked", "李雷")]
    assert noc.rows("SELECT data FROM journal WHERE kind = 'taken'") == [('{"by":"李雷","via":"link"}',)]
    again = token_of(noc, incident, "wang")
    assert "acked by 李雷" in browser.page(again).text
    answer = browser.ask("POST", again, data={"action": "ack"}, headers={"accept-language": "en"})
    assert "Somebody has acked it already." in answer.text
    browser.ask("POST", again, data={"action": "silence"})
    assert noc.rows("SELECT author FROM silence") == [("Wang Fang",)]
    noc.ends(alertname="DiskFull", severity="critical")
    assert not browser.page(again).all("button")
    answer = browser.ask("POST", again, data={"action": "ack"}, headers={"accept-language": "en"})
    assert "This incident is over already." in answer.text


def test_a_groups_link_asks_for_a_name(noc: Board) -> None:
    """Whoever presses says who."""
    noc.fires(alertname="DiskFull", severity="critical")
    browser, path = Browser(noc), token_of(noc, 1, "")
    assert browser.page(path).all("input", name="name")
    assert browser.ask("POST", path, data={"action": "ack"}).status_code == 422
    assert browser.ask("POST", path, data={"action": "ack", "name": "a\0"}).status_code == 422
    assert noc.rows("SELECT state FROM incident") == [("firing",)]
    assert browser.ask("POST", path, data={"action": "escalate", "name": "Zhao"}).status_code == 200
    assert noc.rows("SELECT data FROM journal WHERE kind = 'escalated'") == [('{"by":"Zhao","via":"link"}',)]


def test_links_that_are_not_ours(noc: Board) -> None:
    """Forged, changed, of another secret, too old or pressed like mad: nothing is taken."""
    noc.fires(alertname="DiskFull", severity="critical")
    browser, path = Browser(noc), token_of(noc, 1, "li")
    other = noc.relay.policy.links.__class__("http://x", "another secret").ack(1, "li", noc.relay.now_ms())
    for wrong in ("/a/x", path[:-1], path.replace("/a/", "/a/x"), urlsplit(other).path, "/a/" + "x" * 5000):
        assert browser.get(wrong).status_code == 403, wrong
        assert browser.ask("POST", wrong, data={"action": "ack"}).status_code == 403, wrong
    assert browser.ask("POST", path, data={"action": "resolve"}).status_code == 422
    assert browser.ask("POST", path, data={"action": "unack"}).status_code == 422
    assert noc.rows("SELECT state FROM incident") == [("firing",)]
    statuses = [browser.ask("POST", path, data={"action": "escalate"}).status_code for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    noc.clock.advance(8 * 86400)
    assert browser.get(path).status_code == 410
    assert browser.ask("POST", path, data={"action": "ack"}).status_code == 410


def test_a_drill_is_answered(noc: Board) -> None:
    """By whom it was sent to, on all that person's messages that went out, and on nobody else's."""
    from kunobs.noc.admin.verbs import start_drill

    number = start_drill(noc.relay)
    noc.relay.settle()
    browser, path = Browser(noc), token_of(noc, number, "li")
    assert "这是一次演练" in browser.page(path).text
    assert "谢谢" in browser.ask("POST", path, data={"action": "ack"}).text
    browser.ask("POST", token_of(noc, number, ""), data={"action": "ack", "name": "somebody"})
    rows = noc.rows("SELECT person, channel, receipt FROM outbox WHERE kind = 'drill' ORDER BY person, channel")
    assert rows == [
        ("", "ops", "accepted"), ("li", "app", "acted"), ("li", "call", "acted"), ("wang", "app", "accepted"),
    ]  # fmt: skip
    assert noc.rows("SELECT count(*) FROM journal WHERE kind = 'drill answered'") == [(2,)]


def test_an_account_of_ones_own(noc: Board, li: Browser) -> None:
    """Language, password and authenticator, the latter two for who knows the password."""
    assert "值守台" in li.page("/board", "zh-CN,zh;q=0.9").text
    assert li.post("/board/account/language", language="en").status_code == 303
    assert "NOC board" in li.page("/board", "zh-CN").text
    assert li.post("/board/account/language", language="fr").status_code == 422
    other = Browser(noc, "li")
    assert li.post("/board/account/password", old="wrong", new="another password").status_code == 403
    assert li.post("/board/account/password", old=PASSWORD, new="short").status_code == 422
    assert li.post("/board/account/password", old=PASSWORD, new="another password").status_code == 303
    assert other.get("/board").status_code == 303
    page = li.page("/board/account")
    secret = page.field("secret")
    assert secret in str([own["href"] for own in page.all("a")])
    fields = {"old": "another password", "secret": secret}
    assert li.post("/board/account/totp", **fields, code="000000").status_code == 422
    assert li.post("/board/account/totp", **fields, code=pyotp.TOTP(secret).at(noc.clock.now())).status_code == 303
    assert li.page("/board/account").field("secret") != secret
    assert accounts.may_enter(noc.relay, "li", "another password", pyotp.TOTP(secret).at(noc.clock.now()))
    for _ in range(20):
        last = li.post("/board/account/password", old="guess", new="another password")
    assert last.status_code == 429


def test_a_store_that_does_not_answer(noc: Board, li: Browser) -> None:
    """Is said to everybody, without where it is."""
    path = token_of(noc, 1, "li")
    real, noc.relay.store = noc.relay.store, closed(noc)
    try:
        for where in ("/board", "/board/history", path):
            answer = li.get(where)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert "relay.db" not in answer.text
    finally:
        noc.relay.store = real


def closed(noc: Board) -> Any:
    """A store that has been closed."""

    class Closed:
        def read(self, query: Any) -> Any:
            from kunobs.noc.store.port import StoreUnavailable

            raise StoreUnavailable("disk_error", "/var/lib/relay.db: disk I/O error", hint="look at dmesg")

    return Closed()


async def take(stream: Any, count: int) -> list[str]:
    """So many pieces of a stream."""
    return [await anext(stream) for _ in range(count)]


def test_changes_are_told(noc: Board) -> None:
    """Now and with each change; a sign of life while nothing happens; the end of a session ends it; nobody listens, nobody asks."""

    async def listen() -> None:
        asked = 0
        real = noc.store.read

        def read(query: Any) -> Any:
            nonlocal asked
            asked += 1
            return real(query)

        noc.store.read = read  # type: ignore[method-assign]
        changes = events.Changes(noc.relay, poll=0.001, beat=0.05)
        answers = iter([True, False])

        async def welcome() -> bool:
            return next(answers)

        stream = changes.stream(welcome)
        before = await take(stream, 2)
        assert before[0].startswith("retry:")
        assert f"event: changed\nid: {journal_of(real)}\ndata: {journal_of(real)}\n\n" == before[1]
        await asyncio.to_thread(noc.fires, alertname="DiskFull", severity="critical")
        told = await take(stream, 1)
        while f"data: {journal_of(real)}\n" not in told[-1]:
            told += await take(stream, 1)
        assert all(each.startswith(("event: changed", ": alive")) for each in told)
        rest = [piece async for piece in stream]
        assert rest[-1].startswith("event: gone")
        assert changes.listeners == 0
        task = changes._task
        assert task is not None
        await asyncio.wait_for(task, 30)
        quiet = asked
        again = changes.stream(welcome)
        await take(again, 2)
        while asked == quiet:
            await asyncio.sleep(0)
        await again.aclose()
        assert changes.listeners == 0
        noc.store.read = real  # type: ignore[method-assign]

    def journal_of(read: Any) -> int:
        return int(read(lambda tx: tx.row("SELECT max(seq) FROM journal")[0]))

    asyncio.run(listen())


def test_no_change_is_missed_while_one_is_told(noc: Board) -> None:
    """A slow browser that takes one event hears of what happened meanwhile at once."""

    async def listen() -> None:
        changes = events.Changes(noc.relay, poll=0.001, beat=3600.0)

        async def welcome() -> bool:
            return True

        stream = changes.stream(welcome)
        await take(stream, 2)
        seq = changes._seq
        await asyncio.to_thread(noc.fires, alertname="DiskFull", severity="critical")
        while changes._seq == seq:
            await asyncio.sleep(0)
        assert "event: changed" in (await asyncio.wait_for(take(stream, 1), 30))[0]
        await stream.aclose()

    asyncio.run(listen())


def test_only_so_many_listen(noc: Board, li: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are told to ask themselves."""
    monkeypatch.setattr(events, "MOST_LISTENERS", 0)
    answer = li.get("/board/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_both_languages_say_everything() -> None:
    """Each text is there twice, with the same values; every key that a template or an incident's journal needs is there."""
    names = re.compile(r"{(\w*)}")
    for key, both in TEXTS.items():
        assert len(both) == 2, key
        assert all(both), key
        assert sorted(set(names.findall(both[0]))) == sorted(set(names.findall(both[1]))), key
    used = set()
    for template in (ROOT / "kunobs/noc/board/templates").glob("*.html"):
        used |= set(re.findall(r"\bt\(\s*[\"']([\w. ]+)[\"']\s*[,)]", template.read_text()))
    assert used > {"board", "wall.empty"}
    assert used - set(TEXTS) == set()
    kinds = set()
    for path in (ROOT / "kunobs/noc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "note":
                kind, about = node.args[2], node.args[3:4]
                if isinstance(kind, ast.Constant) and about and not isinstance(about[0], ast.Constant):
                    kinds.add(kind.value)
    assert {"taken", "climbed", "board sounds"} <= kinds
    assert {f"story.{kind}" for kind in kinds} - set(TEXTS) == set()


@pytest.mark.parametrize(
    ("chosen", "accepted", "wanted"),
    [
        ("zh", "en", "zh"), ("", "en-US,en;q=0.9,zh;q=0.8", "en"), ("", "fr,zh-TW;q=0.5,en;q=0.4", "zh"),
        ("", "en;q=0.1,zh;q=0.9", "zh"), ("", "", "en"), ("", "fr", "en"), ("fr", ";;q=x,,*", "en"), ("", "zh;q=", "zh"),
    ],
)  # fmt: skip
def test_languages(chosen: str, accepted: str, wanted: str) -> None:
    """The chosen one, else the browser's first that we speak, else the configured one."""
    assert preferred(chosen, accepted, "en") == wanted


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (-5, "0秒", "0s"), (59, "59秒", "59s"), (60, "1分", "1m"), (3599, "59分", "59m"), (3600, "1时", "1h"), (11520, "3时12分", "3h 12m"),
        (86400, "1天", "1d"), (187200, "2天4时", "2d 4h"),
    ],
)  # fmt: skip
def test_ages(seconds: int, zh: str, en: str) -> None:
    """The two largest units, a zero left out."""
    assert (short(seconds * 1000, "zh"), short(seconds * 1000, "en")) == (zh, en)
