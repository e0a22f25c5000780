"""`kunobs dashboards push`: what it says and does at a Grafana that answers well, badly or not at all; what it never says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.board import board_json
from dashboards.boards import BOARDS
from dashboards.grafana import LARGEST, Grafana
from dashboards.push import MESSAGE, differences, push
from kunobs.cli import main
from kunobs.config.secret import Secret
from kunobs.errors import DeniedError, KunobsError, UnavailableError
from tests.grafana_fake import TOKEN, FakeGrafana, Kept, fake_grafana

COUNT = len(BOARDS)
SMALL = {"a.json": json.dumps({"uid": "kun-a", "title": "a", "tags": ["kunobs"]})}


@pytest.fixture(params=[10])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeGrafana]:
    """Of one release; `both` makes it of two."""
    with fake_grafana(request.param) as grafana:
        yield grafana


both = pytest.mark.parametrize("fake", [10, 13], indirect=True)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The token, and no address; a proxy and a .netrc whose user would replace the token, if they were looked at."""
    for name in ("KUNOBS_GRAFANA_URL", "KUNOBS_GRAFANA_TOKEN_FILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("default login admin password hunter2\n")
    monkeypatch.setenv("KUNOBS_GRAFANA_TOKEN", TOKEN)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")


@pytest.fixture
def run(fake: FakeGrafana, capsys: pytest.CaptureFixture[str]) -> Any:
    """The command at the fake: exit code, standard output, standard error; no output holds the token."""

    def command(*arguments: str) -> tuple[int, list[str], str]:
        code = main(["dashboards", "push", "--url", fake.url, *arguments])
        printed = capsys.readouterr()
        assert TOKEN not in printed.out + printed.err
        return code, printed.out.splitlines(), printed.err

    return command


@both
def test_created_then_unchanged_then_changed(fake: FakeGrafana, run: Any) -> None:
    """The second run writes nothing, the third only what differs; the version history says who it was."""
    code, lines, last = run("--language", "en")
    assert (code, lines) == (0, [f"{board.uid}: created" for board in BOARDS])
    assert last == f"{COUNT} dashboards in folder kunobs of {fake.url}: {COUNT} created\n"
    assert fake.folders == {"kunobs": "kunobs"}
    assert {kept.message for kept in fake.dashboards.values()} == {MESSAGE}
    asked = [(method, path) for method, path in fake.asked if "folders" in path]
    assert asked == [("GET", "/api/folders/kunobs"), ("POST", "/api/folders")]
    fake.asked.clear()
    assert run("--language", "en")[:2] == (0, [f"{board.uid}: unchanged" for board in BOARDS])
    assert fake.writes == []
    fake.dashboards["kun-dns"].document["title"] = "mine"
    code, lines, last = run("--language", "en")
    assert (code, [line for line in lines if "unchanged" not in line]) == (0, ["kun-dns: changed"])
    assert fake.writes == ["/api/dashboards/db"]
    assert not any("folders" in path for _, path in fake.asked)
    assert last.endswith(f": {COUNT - 1} unchanged, 1 changed\n")


def test_language_and_runbooks(fake: FakeGrafana, run: Any) -> None:
    """As of `kunobs generate dashboards`."""
    assert run("--language", "zh", "--runbooks", "https://git.example.com/runbooks/")[0] == 0
    assert fake.dashboards["kun-dns"].document["title"] == BOARDS_BY_UID["kun-dns"].title.zh
    assert "https://git.example.com/runbooks/" in json.dumps(fake.dashboards["kun-dns"].document)
    assert run("--language", "fr")[0] == 2


BOARDS_BY_UID = {board.uid: board for board in BOARDS}


@both
def test_check_writes_nothing(fake: FakeGrafana, run: Any) -> None:
    """3 where one is missing or differs, 0 where none is."""
    code, lines, last = run("--check")
    assert (code, set(lines)) == (3, {f"{board.uid}: missing" for board in BOARDS})
    assert fake.writes == []
    run()
    fake.asked.clear()
    assert run("--check")[0] == 0
    panel = fake.dashboards["kun-dns"].document["panels"][1]
    panel["targets"][0]["expr"] = "vector(1)"
    code, lines, last = run("--check")
    assert code == 3
    assert [line for line in lines if "unchanged" not in line] == [
        'kun-dns: differs: panels[1].targets[0].expr is "vector(1)", sent "sum(up{job="coredns"})"'
    ]
    assert last.endswith(f": {COUNT - 1} unchanged, 1 differs\n")
    assert fake.writes == []


@both
def test_what_grafana_makes_of_it_is_told(fake: FakeGrafana, run: Any) -> None:
    """A release that migrates, or a lowest refresh that an administrator set: 3, where it differs and how often."""

    def migrate(document: dict[str, Any]) -> None:
        document |= {"schemaVersion": 43, "refresh": "5m", "style": "dark"}
        document.pop("weekStart")

    fake.change = migrate
    code, lines, _ = run()
    assert code == 3
    assert (
        'kun-dns: differs: refresh is "5m", sent "1m"; schemaVersion is 43, sent 42; style is new: "dark"; and 1 more'
        in lines
    )
    assert all(": differs: refresh is " in line for line in lines)


def test_a_folder_of_another_uid(fake: FakeGrafana, run: Any) -> None:
    """--folder; the same dashboards in another folder are left there."""
    fake.folders["abc"] = "Platform"
    assert run("--folder", "abc")[0] == 0
    assert {kept.folder for kept in fake.dashboards.values()} == {"abc"}
    fake.asked.clear()
    code, lines, _ = run()
    assert code == 3
    assert (
        lines[0]
        == 'kun-overview: differs: it is in folder "abc", not in "kunobs", and was left alone: move it, or --folder'
    )
    assert fake.writes == []
    assert run("--folder", "../x")[0] == 2


@both
def test_a_folder_that_is_not_ours_by_its_title(fake: FakeGrafana, run: Any) -> None:
    """A provisioned folder has our title and a uid of Grafana's."""
    fake.folders["f3kd"] = "kunobs"
    code, _, last = run()
    if fake.release == 10:
        assert code == 1
        assert "folder kunobs: 409 a folder with the same name already exists" in last
        assert "\nhint: a folder of that title may be there already: --folder UID" in last
        assert not fake.dashboards
    else:
        assert code == 0


@both
def test_from_files(fake: FakeGrafana, run: Any) -> None:
    """What Grafana reads from files is compared, never saved; a save that it refuses all the same is told, and the others go on."""
    run()
    fake.dashboards["kun-dns"].provisioned = fake.dashboards["kun-bgp"].provisioned = True
    fake.dashboards["kun-dns"].document["title"] = "old"
    fake.dashboards["kun-etcd"].document["title"] = "old"
    fake.asked.clear()
    code, lines, _ = run()
    assert code == 1
    assert "kun-bgp: unchanged: Grafana has it from files" in lines
    assert lines[[one.uid for one in BOARDS].index("kun-dns")].startswith('kun-dns: refused: title is "old", sent "')
    assert "kun-etcd: changed" in lines
    assert fake.writes == ["/api/dashboards/db"]
    assert run("--check")[0] == 3
    fake.dashboards["kun-etcd"].document["title"] = "old"
    fake.trouble, fake.where = "provisioned", "POST /api/dashboards"
    assert "kun-etcd: refused: 400 Cannot save provisioned dashboard" in run()[1]


@pytest.mark.parametrize("fake", [9, 10, 13], indirect=True)
def test_what_is_no_longer_made_stays(fake: FakeGrafana, run: Any) -> None:
    """It is told; a dashboard of somebody else in our folder, or of our tag in another, is not."""
    run()
    for uid, tags, folder in (("kun-gone", ["kunobs"], "kunobs"), ("x", ["x"], "kunobs"), ("y", ["kunobs"], "")):
        fake.dashboards[uid] = Kept({"uid": uid, "title": uid, "tags": tags}, folder, 99)
    code, lines, _ = run()
    assert code == 0
    assert lines[COUNT:] == ["kun-gone: left: kunobs makes it no longer; delete it in Grafana"]
    assert {"kun-gone", "x", "y"} < fake.dashboards.keys()
    assert not any(method == "DELETE" for method, _ in fake.asked)


@both
def test_what_one_dashboard_is_refused_for(fake: FakeGrafana, run: Any) -> None:
    """The others are tried: all are told, and 1."""
    for trouble, said in {
        "conflict": "409 conflict",
        "changed": "412 The dashboard has been changed by someone else (somebody saved it meanwhile",
        "large": "413 without a word (a proxy before Grafana limits bodies; nginx: client_max_body_size 1m;)",
    }.items():
        fake.trouble, fake.where = trouble, "POST /api/dashboards"
        code, lines, last = run()
        assert code == 1
        assert len(lines) == COUNT
        assert all(line.partition(": refused: ")[2].startswith(said) for line in lines), lines[0]
        assert last.endswith(f": {COUNT} refused\n")


@pytest.mark.parametrize(
    ("trouble", "said", "hint"),
    [
        ("page", "this is no answer of Grafana: 200 is a page", "curl -sS {url}/api/health"),
        ("lost", "this is no answer of Grafana: 404 is a page", "curl -sS"),
        ("list", "200 is no JSON that was asked for", "curl -sS"),
        ("deep", "200 is no JSON that was asked for", "curl -sS"),
        ("failing", "500 Failed to save dashboard", "curl -sS"),
        ("gateway", "502 without a word", "curl -sS"),
        ("echo", "500  [2J Bearer <secret>", "curl -sS"),
        ("redirecting", "leads to login.example.com/login (302)", "--url is the address behind the redirect"),
        ("endless", f"an answer above {LARGEST >> 20} MiB", "curl -sS"),
        ("resetting", "the connection broke", "curl -sS"),
        ("garbage", "the connection broke", "curl -sS"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["push", "check"])
def test_no_help_at_all(
    fake: FakeGrafana, run: Any, arguments: tuple[str, ...], trouble: str, said: str, hint: str
) -> None:
    """The first bad answer ends it: where, what, what to do; no other request, and no password of a redirect."""
    fake.trouble = trouble
    code, lines, last = run(*arguments)
    assert (code, lines) == (1, [])
    message, _, below = last.partition("\nhint: ")
    assert message.startswith(f"kunobs: {fake.url}: ")
    assert said in message
    assert hint.format(url=fake.url) in below
    assert "hunter2" not in last
    assert fake.asked == [("GET", "/api/health")]


@pytest.mark.parametrize(
    ("trouble", "said", "hint"),
    [
        ("unauthorized", "401 Invalid API key", "KUNOBS_GRAFANA_TOKEN_FILE"),
        ("forbidden", "403 You'll need additional permissions", "the role Editor"),
        ("empty", "it has no dashboard and meta", "curl -sS"),
        ("page", "200 is a page", "curl -sS"),
        ("redirecting", "leads to login.example.com/login (302)", "--url is the address behind the redirect"),
    ],
)
def test_no_help_at_the_first_dashboard(fake: FakeGrafana, run: Any, trouble: str, said: str, hint: str) -> None:
    """A wrong token is seen there, because everybody may ask for the health."""
    fake.trouble, fake.where = trouble, "GET /api/dashboards"
    code, lines, last = run()
    message, _, below = last.partition("\nhint: ")
    assert (code, lines) == (1, [])
    assert f"{fake.url}: GET /api/dashboards/uid/kun-overview" in message
    assert said in message
    assert hint in below
    assert fake.writes == []


@pytest.mark.parametrize("fake", [0, 5, 8], indirect=True)
def test_a_grafana_that_is_too_old(fake: FakeGrafana, run: Any) -> None:
    """It would put them at the top; one that does not say its version is tried."""
    code, _, last = run()
    assert code == (1 if fake.release else 0)
    if fake.release:
        assert f"is release {fake.release}, which would put dashboards at the top" in last
        assert "\nhint: upgrade it to Grafana 9 or newer" in last
        assert fake.asked == [("GET", "/api/health")]


@pytest.mark.parametrize(
    ("status", "body", "release"),
    [
        (200, {"version": "13.2.2"}, 13),
        (200, {"version": "9.5.0-pre"}, 9),
        (200, {"version": ""}, 0),
        (200, {"version": 9}, 0),
        (200, {"version": "².1"}, 0),
        (200, {"version": "9" * 5000}, 0),
        (403, {"version": "8.0.0"}, 0),
    ],
)
def test_what_a_version_is(
    fake: FakeGrafana, monkeypatch: pytest.MonkeyPatch, status: int, body: Any, release: int
) -> None:
    """Its first number, or not known."""
    monkeypatch.setattr(fake, "answer", lambda *_: (status, body))
    assert Grafana(fake.url, Secret(TOKEN)).release() == release


@pytest.mark.parametrize(
    "trouble", ["page", "failing", "forbidden", "pending", "redirecting", "endless", "resetting", "old"]
)
def test_trouble_at_the_first_save(fake: FakeGrafana, run: Any, trouble: str) -> None:
    """It ends there: nobody else is tried, and the next run finishes it."""
    fake.trouble, fake.where = trouble, "POST /api/dashboards"
    code, lines, last = run()
    assert (code, lines) == (1, [])
    assert f"kunobs: {fake.url}" in last
    assert "\nhint: " in last
    assert fake.writes == ["/api/folders", "/api/dashboards/db"]
    fake.trouble = ""
    assert run()[0] == 0


def test_a_grafana_without_the_routes(fake: FakeGrafana, run: Any) -> None:
    """404 to everything is not «all are missing»."""
    fake.trouble = "old"
    code, _, last = run("--check")
    assert code == 1
    assert f"{fake.url}: GET /api/search: 404 Not found\nhint: is Grafana 9 or newer there?" in last
    code, _, last = run()
    assert code == 1
    assert "POST /api/folders: 404 Not found\nhint: is Grafana 9 or newer there?" in last


def test_a_save_that_was_none(fake: FakeGrafana, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Success, and the dashboard is not there, or somewhere else."""
    save = fake.answer

    def lose(method: str, *rest: Any) -> tuple[int, Any]:
        answer = save(method, *rest)
        fake.dashboards.pop("kun-dns", None)
        if "kun-bgp" in fake.dashboards:
            fake.dashboards["kun-bgp"].folder = "abc"
        return answer

    monkeypatch.setattr(fake, "answer", lose)
    code, lines, _ = run()
    assert code == 3
    assert [line for line in lines if not line.endswith(": created")] == [
        'kun-bgp: differs: it is in folder "abc", sent to "kunobs"',
        "kun-dns: differs: Grafana took it, and has it not",
    ]


def test_nobody_there_and_nobody_answering(fake: FakeGrafana) -> None:
    """A closed port, a name of nobody, a server that says nothing: a sentence each."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{one.getsockname()[1]}"
        for url, said in {closed: "refused", "http://nobody.invalid": "its name is not known"}.items():
            with pytest.raises(UnavailableError, match=said):
                Grafana(url, Secret(TOKEN)).dashboard("x")
    fake.trouble = "hanging"
    with pytest.raises(UnavailableError, match="no answer in time") as caught:
        Grafana(fake.url, Secret(TOKEN), timeout=0.05).dashboard("x")
    assert caught.value.hint == f"curl -sS {fake.url}/api/health"
    fake.trouble = "endless"
    with pytest.raises(UnavailableError, match="no answer in time"):
        Grafana(fake.url, Secret(TOKEN), whole=-1.0).dashboard("x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--url' (env var: 'KUNOBS_GRAFANA_URL')"),
        (["--url", "http://admin:hunter2@127.0.0.1"], "holds a user or a password\nhint: leave it out"),
        (["--url", "admin:hunter2@127.0.0.1"], "holds a user or a password"),
        (["--url", "127.0.0.1:3000"], "is no http(s)://host\nhint: --url or export KUNOBS_GRAFANA_URL="),
        (["--url", "http://x/?auth_token=hunter2"], "is no http(s)://host"),
        (["--url", "http://[::1"], "is no http(s)://host"),
        (["--url", "http://127.0.0.1:99999"], "is no http(s)://host"),
        (["--url", "https://127.0.0.1:1", "--ca-file", "nowhere.pem"], "nowhere.pem is no file"),
        (["--url", "http://127.0.0.1:1", "--token-file", "hunter2"], "the file that --token-file or KUNOBS_GRAFANA_TOKEN_FILE"),
        (["--url", "http://127.0.0.1:1", "--token-file", "."], ". is a directory\nhint: it holds the token and nothing else"),
    ],
)  # fmt: skip
def test_mistakes_are_answered(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """2, and what looks like a password is not repeated."""
    assert main(["dashboards", "push", *arguments]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert "hunter2" not in printed


def test_where_the_token_comes_from(
    fake: FakeGrafana, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option before the file of the environment before the environment; none is a mistake, not a visit without one."""
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(f"{TOKEN}\n")
    wrong.write_text("glsa_wrong\n")
    assert run("--token-file", str(wrong))[0] == 1
    monkeypatch.setenv("KUNOBS_GRAFANA_TOKEN_FILE", str(wrong))
    assert run()[0] == 1
    assert run("--token-file", str(right), "--check")[0] == 3
    monkeypatch.setenv("KUNOBS_GRAFANA_TOKEN_FILE", str(right))
    monkeypatch.setenv("KUNOBS_GRAFANA_TOKEN", "glsa_wrong")
    assert run("--check")[0] == 3
    fake.asked.clear()
    for token in ("", "glsa hunter2", "glsa_hunter2\nX-Header: 1", "glsa_hunter2é"):
        monkeypatch.delenv("KUNOBS_GRAFANA_TOKEN_FILE", raising=False)
        monkeypatch.setenv("KUNOBS_GRAFANA_TOKEN", token)
        code, _, last = run()
        assert code == 2
        assert "token for Grafana" in last
        assert "hunter2" not in last
    assert fake.asked == []


def test_a_dashboard_that_tells_the_token(fake: FakeGrafana, run: Any) -> None:
    """What a server sends back is not believed to be harmless: no token, no escape sequence, nothing long."""
    run()
    hostile = f"\x1b[2J{TOKEN}" + "x" * 100_000
    fake.dashboards["kun-dns"].document |= {"title": hostile, f"{TOKEN}\r\n": TOKEN}
    code, lines, _ = run("--check")
    line = next(one for one in lines if one.startswith("kun-dns"))
    assert code == 3
    assert line.isprintable()
    assert len(line) < 400


def test_differences_of_every_place() -> None:
    """Each value of a dashboard, changed, taken away or added, is found at its place, and nothing else is."""
    board = board_json(BOARDS_BY_UID["kun-dns"])
    text = json.dumps({**board, "panels": board["panels"][:4]})
    sent = json.loads(text)
    assert differences(sent, {**json.loads(text), "id": 7, "version": 3}) == []
    places = list(_places(sent))
    assert len(places) > 200
    for at in places:
        parent = there = json.loads(text)
        for key in at[:-1]:
            parent = parent[key]
        name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at).lstrip(".")
        parent[at[-1]] = "another"
        (found,) = differences(sent, there)
        assert found.startswith(f'{name} is "another", sent ')
        if isinstance(parent, dict):
            del parent[at[-1]]
            assert differences(sent, there) == [f"{name} is gone"]


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield (*at, key)
        yield from _places(inside, (*at, key))


@pytest.mark.parametrize(
    ("sent", "there", "found"),
    [
        (1, 1.0, []),
        (1, True, ["a is true, sent 1"]),
        (0, False, ["a is false, sent 0"]),
        (False, 0, ["a is 0, sent false"]),
        (None, 0, ["a is 0, sent null"]),
        ([], {}, ["a is {}, sent []"]),
        ([1], [1, 2], ["a has 2 entries, sent 1"]),
        ({"b": 1}, {"b": 1, "id": 2}, ["a.id is new: 2"]),
        ({"b": 1}, {}, ["a.b is gone"]),
    ],
)
def test_what_is_the_same(sent: Any, there: Any, found: list[str]) -> None:
    """As JSON has it; only at the top has Grafana keys of its own."""
    assert differences({"a": sent}, {"a": there}) == found


def test_every_error_has_a_hint(fake: FakeGrafana) -> None:
    """That can be pasted or done."""
    for trouble in ("page", "unauthorized", "forbidden", "failing", "redirecting", "resetting"):
        fake.trouble, fake.where = trouble, "GET /api/dashboards"
        with pytest.raises(KunobsError) as caught:
            list(push(Grafana(fake.url, Secret(TOKEN)), SMALL))
        assert caught.value.hint
        assert isinstance(caught.value, DeniedError if trouble in ("unauthorized", "forbidden") else UnavailableError)
