"""Grafana's HTTP API as `kunobs dashboards push` uses it: one set of cases on the fake of two releases and on a real Grafana.

The real one is that of KUNOBS_GRAFANA_URL, with the token of KUNOBS_GRAFANA_TOKEN(_FILE), an Editor's; without it there is no case for it.
Each test works in a folder of its own, with uids of its own, and removes the folder with all that is in it.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from dashboards.boards import BOARDS
from dashboards.files import dashboard_files
from dashboards.grafana import Grafana, RefusedError, token_of
from dashboards.panels import LANGUAGES
from dashboards.push import Verdict, push
from kunobs.config.secret import Secret
from kunobs.errors import DeniedError
from tests.grafana_fake import TOKEN, fake_grafana
from tests.support import wait_until

REAL = os.environ.get("KUNOBS_GRAFANA_URL", "")


@dataclass
class Place:
    """A Grafana, and in it a folder's uid and a prefix of uids that nobody else uses."""

    grafana: Grafana
    token: Secret
    folder: str

    def small(self, title: str = "one", **more: Any) -> dict[str, str]:
        """One dashboard as `push` takes them."""
        document = {
            "uid": f"{self.folder}-a",
            "title": title,
            "tags": ["kunobs"],
            "schemaVersion": 42,
            "panels": [],
            **more,
        }
        return {"a.json": json.dumps(document)}

    def all(self, language: str) -> dict[str, str]:
        """Ours, with uids that fit into 40 characters and are nobody's."""
        documents = {name: json.loads(text) for name, text in dashboard_files(language).items()}
        for document in documents.values():
            document["uid"] = f"{self.folder}-{document['uid']}"
        return {name: json.dumps(document) for name, document in documents.items()}

    def push(self, files: dict[str, str], *, check: bool = False) -> list[Verdict]:
        """All verdicts."""
        return list(push(self.grafana, files, self.folder, check=check))

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A request of the test's own."""
        headers = {"Authorization": f"Bearer {self.token.reveal()}"}
        return requests.request(method, f"{self.grafana.url}{path}", json=body, headers=headers, timeout=30)

    def save(self, document: dict[str, Any], folder: str | None = None, **more: Any) -> requests.Response:
        """POST /api/dashboards/db."""
        body = {"dashboard": document, "folderUid": self.folder if folder is None else folder, **more}
        return self.ask("POST", "/api/dashboards/db", body)

    def version(self, uid: str) -> int:
        """How often it was saved."""
        version: int = self.ask("GET", f"/api/dashboards/uid/{uid}").json()["dashboard"]["version"]
        return version


@pytest.fixture(params=["fake 10", "fake 13", *(["real"] if REAL else [])])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each Grafana there is."""
    folder = f"kt{uuid.uuid4().hex[:10]}"
    if request.param == "real":
        token = token_of(None, os.environ)
        one = Place(Grafana(REAL, token), token, folder)
        try:
            yield one
        finally:
            for mine in (folder, f"{folder}-b"):
                one.ask("DELETE", f"/api/folders/{mine}")
        return
    with fake_grafana(int(request.param.split()[1])) as fake:
        yield Place(Grafana(fake.url, Secret(TOKEN)), Secret(TOKEN), folder)


def words(verdicts: list[Verdict]) -> dict[str, str]:
    """By uid."""
    return {one.uid: f"{one.word} {one.why}".strip() for one in verdicts}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_come_back_as_they_were_sent(place: Place, language: str) -> None:
    """Created, then nothing to do, and no new version of any."""
    files = place.all(language)
    assert {one.word for one in place.push(files, check=True)} == {"missing"}
    assert not place.grafana.has_folder(place.folder)
    assert words(place.push(files)) == {f"{place.folder}-{board.uid}": "created" for board in BOARDS}
    before = {uid: place.version(uid) for uid in words(place.push(files, check=True))}
    assert set(words(place.push(files)).values()) == {"unchanged"}
    assert {uid: place.version(uid) for uid in before} == before
    assert len(before) == len(BOARDS)


def test_what_was_changed_by_hand_is_seen_and_put_back(place: Place) -> None:
    """Also by somebody who saved it in between."""
    place.push(place.small())
    uid = f"{place.folder}-a"
    by_hand = {**json.loads(place.small()["a.json"]), "title": "mine", "refresh": "5m"}
    assert place.save(by_hand, overwrite=True).status_code == 200
    said = words(place.push(place.small(), check=True))[uid]
    assert said == 'differs refresh is new: "5m"; title is "mine", sent "one"'
    assert place.version(uid) == 2
    assert words(place.push(place.small()))[uid] == "changed"
    assert words(place.push(place.small(), check=True))[uid] == "unchanged"


def test_values_of_every_kind_come_back(place: Place) -> None:
    """null, false, small and whole numbers, empty lists and objects, text of any script."""
    odd = {
        "a": None,
        "b": False,
        "c": 1e-9,
        "d": 0.5,
        "e": 2.0,
        "f": [],
        "g": {},
        "h": "看板 \u2028 <b> &",
        "i": [None, 0, ""],
    }
    files = place.small(panels=[{"id": 1, "type": "text", "title": "x", "options": odd}])
    assert words(place.push(files)) == {f"{place.folder}-a": "created"}


def test_a_dashboard_in_another_folder_is_left_there(place: Place) -> None:
    """With its content."""
    place.grafana.make_folder(f"{place.folder}-b")
    other = json.loads(place.small("elsewhere")["a.json"])
    assert place.save(other, f"{place.folder}-b").status_code == 200
    said = words(place.push(place.small()))[other["uid"]]
    assert said.startswith(f'differs it is in folder "{place.folder}-b", not in "{place.folder}", and was left alone')
    assert place.ask("GET", f"/api/dashboards/uid/{other['uid']}").json()["dashboard"]["title"] == "elsewhere"


def test_what_we_made_once_is_told_and_stays(place: Place) -> None:
    """What has not our tag is not even told."""
    gone = {**json.loads(place.small("gone")["a.json"]), "uid": f"{place.folder}-gone"}
    foreign = {"uid": f"{place.folder}-foreign", "title": "foreign", "tags": ["mine"]}
    place.push(place.small())
    assert [place.save(one).status_code for one in (gone, foreign)] == [200, 200]
    # Grafana's search follows a save after a moment.
    left = wait_until(lambda: [one for one in place.push(place.small()) if one.word == "left"], what="it is found")
    assert [one.uid for one in left] == [gone["uid"]]
    assert place.ask("GET", f"/api/dashboards/uid/{gone['uid']}").status_code == 200


def test_a_folder_is_made_once(place: Place) -> None:
    """Not there: not seen; there: made a second time without harm."""
    assert not place.grafana.has_folder(place.folder)
    place.grafana.make_folder(place.folder)
    assert place.grafana.has_folder(place.folder)
    again = place.ask("POST", "/api/folders", {"uid": place.folder, "title": place.folder})
    assert again.status_code in (409, 412)
    place.grafana.make_folder(place.folder)


def test_what_is_taken_is_not_replaced_without_overwrite(place: Place) -> None:
    """412, in two ways of saying it."""
    place.push(place.small())
    document = json.loads(place.small("other")["a.json"])
    with pytest.raises(RefusedError, match=r"412 (The dashboard has been changed|A dashboard with the same uid)"):
        place.grafana.save(document, place.folder, "", overwrite=False)
    assert place.version(document["uid"]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": " "}, "title cannot be empty"),
        ({"uid": "a" * 41}, "uid too long, max 40"),
        ({"uid": "a/b"}, "uid contains illegal characters"),
    ],
)
def test_what_no_grafana_takes(place: Place, change: dict[str, str], said: str) -> None:
    """400, and the words."""
    place.grafana.make_folder(place.folder)
    document = {**json.loads(place.small()["a.json"]), **change}
    with pytest.raises(RefusedError, match=f"400 .*{said}"):
        place.grafana.save(document, place.folder, "", overwrite=False)


def test_a_folder_that_is_not_there(place: Place) -> None:
    """Nothing is saved at the top instead."""
    document = json.loads(place.small()["a.json"])
    answer = place.save(document)
    assert answer.status_code in (400, 403, 404)
    assert place.grafana.dashboard(document["uid"]) is None


def test_a_wrong_token(place: Place) -> None:
    """401 on the first request."""
    with pytest.raises(DeniedError, match=r"GET /api/dashboards/uid/x: 401"):
        Grafana(place.grafana.url, Secret("glsa_wrong")).dashboard("x")
