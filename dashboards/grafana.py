"""Grafana's HTTP API as far as dashboards need it: a folder, a dashboard by its uid, a save, a search.

Routes and answers are those of Grafana's pages «Folder HTTP API», «Dashboard HTTP API» and «Folder/Dashboard Search API», and of
its source (pkg/api/dashboard.go, pkg/api/folder.go, pkg/api/apierrors). Every call is one request and is not tried again: a push
that stopped half-way is finished by the next. Redirects are not followed and the environment's proxies and .netrc not used, so
that the token goes to no other address.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import requests
import urllib3

from kunobs import __version__
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.files import CannotRead, read_secret
from kunobs.config.secret import HIDDEN, Secret
from kunobs.errors import DeniedError, KunobsError, UnavailableError, UsageError

LARGEST = 16 << 20
_ACCOUNT_HINT = (
    "in Grafana: Administration, Users and access, Service accounts: one with the role Editor, Add token; "
    "then export KUNOBS_GRAFANA_TOKEN_FILE=/path/to/the/token"
)
# What Grafana refuses of one dashboard, and would not of another.
_OF_ONE = {
    400: "",
    409: "",
    412: "somebody saved it meanwhile, or another in the folder has its title: look there and run it again",
    413: "a proxy before Grafana limits bodies; nginx: client_max_body_size 1m;",
    422: "",
}


class RefusedError(KunobsError):
    """Grafana does not take this dashboard or this folder, or is too old; others it may take."""


@dataclass(frozen=True)
class Stored:
    """A dashboard as Grafana has it; `folder` is a uid, "" for the top; `provisioned` from files, so it cannot be saved."""

    document: dict[str, Any]
    folder: str
    provisioned: bool


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    """Decoded JSON; None for anything else."""


class Grafana:
    """One address and token. `timeout` s for each wait, `whole` s for a body. All raise UnavailableError and DeniedError."""

    def __init__(
        self,
        url: str,
        token: Secret,
        *,
        ca_file: str = "",
        clock: Clock = SYSTEM_CLOCK,
        timeout: float = 10.0,
        whole: float = 60.0,
    ) -> None:
        self.url = _address(url)
        self._token, self._clock, self._timeout, self._whole = token, clock, timeout, whole
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_file or True
        self._session.headers.update(
            {
                "User-Agent": f"kunobs/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Authorization": f"Bearer {_header(token)}",
            }
        )

    def said(self, text: str) -> str:
        """What a server wrote, fit for a terminal: one line, and without the token, should it have been sent back."""
        one = "".join(sign if sign.isprintable() else " " for sign in text)
        return one.replace(self._token.reveal(), HIDDEN)

    def release(self) -> int:
        """The first number of its version; 0 when it does not say."""
        answer = self._ask("GET", "/api/health", allowed=(200, 401, 403, 404))
        found = answer.body.get("version") if answer.status == 200 else None
        number = found.partition(".")[0] if isinstance(found, str) else ""
        return int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0

    def has_folder(self, uid: str) -> bool:
        """Whether it is there and may be seen. Grafana 13 answers 403 to an Editor for one that is not there."""
        answer = self._ask("GET", f"/api/folders/{quote(uid, safe='')}", allowed=(200, 403, 404))
        return answer.status == 200

    def make_folder(self, uid: str) -> None:
        """RefusedError when another has its title, or its uid and may not be seen."""
        answer = self._ask("POST", "/api/folders", {"uid": uid, "title": uid}, allowed=(200, 400, 409, 412))
        # 409, and 412 in other versions: somebody made it in between.
        if answer.status != 200 and not (answer.status in (409, 412) and self.has_folder(uid)):
            raise RefusedError(
                f"folder {uid}: {answer.status} {self._words(answer)}",
                hint="a folder of that title may be there already: --folder UID, which stands in its address /dashboards/f/UID/",
            )

    def dashboard(self, uid: str) -> Stored | None:
        """None when there is none."""
        path = f"/api/dashboards/uid/{quote(uid, safe='')}"
        answer = self._ask("GET", path, allowed=(200, 404))
        if answer.status == 404:
            return None
        found, meta = (answer.body.get(key) for key in ("dashboard", "meta"))
        if not isinstance(found, dict) or not isinstance(meta, dict):
            raise self._broken("GET", path, "it has no dashboard and meta")
        return Stored(found, str(meta.get("folderUid") or ""), meta.get("provisioned") is True)

    def save(self, document: Mapping[str, Any], folder: str, message: str, *, overwrite: bool) -> None:
        """Into `folder`; RefusedError when Grafana does not take it.

        Without `overwrite` nothing that is there is replaced; with it, older Grafana replaces another one of the same title, too.
        """
        body = {"dashboard": document, "folderUid": folder, "message": message, "overwrite": overwrite}
        answer = self._ask("POST", "/api/dashboards/db", body, allowed=(200, *_OF_ONE))
        if answer.status != 200:
            hint = _OF_ONE[answer.status]
            raise RefusedError(f"{answer.status} {self._words(answer)}", hint=hint)

    def tagged(self, tag: str, folder: str) -> list[str]:
        """The uids of a folder's dashboards that have the tag; of the first 5000."""
        path = f"/api/search?type=dash-db&limit=5000&tag={quote(tag, safe='')}&folderUIDs={quote(folder, safe='')}"
        answer = self._ask("GET", path, allowed=(200,), kind=list)
        hits = [one for one in answer.body if isinstance(one, dict) and one.get("folderUid") == folder]
        return sorted(str(one["uid"]) for one in hits if isinstance(one.get("uid"), str))

    def _ask(self, method: str, path: str, body: Any = None, *, allowed: tuple[int, ...], kind: type = dict) -> _Answer:
        """One request. A status that is not `allowed` raises, and a body of 200 or 404 that is not JSON of that kind."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            with self._session.request(
                method, f"{self.url}{path}", data=content, headers=headers, timeout=self._timeout, allow_redirects=False,
                stream=True,
            ) as response:  # fmt: skip
                status, location = response.status_code, response.headers.get("Location", "")
                raw = self._content(response)
        except requests.exceptions.SSLError as error:
            hint = "--ca-file CA.pem, the authority that signed its certificate"
            raise UnavailableError(f"{self.url}: the certificate or the handshake is wrong", hint=hint) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{self.url}: {_reason(error)}", hint=self._try()) from error
        answer = _Answer(status, _decoded(raw))
        self._judge(answer, method, path, location, allowed)
        if status in (200, 404) and not isinstance(answer.body, kind):
            raise self._broken(method, path, f"{status} is {_looks(raw)}")
        return answer

    def _content(self, response: requests.Response) -> bytes:
        deadline = self._clock.monotonic() + self._whole
        parts, size = [], 0
        # What has come, and not as much as was asked for: a body that drips would be waited for without an end.
        while part := response.raw.read1(65536):
            parts.append(part)
            size += len(part)
            if size > LARGEST:
                raise UnavailableError(f"{self.url}: an answer above {LARGEST >> 20} MiB", hint=self._try())
            if self._clock.monotonic() > deadline:
                raise requests.Timeout
        return b"".join(parts)

    def _judge(self, answer: _Answer, method: str, path: str, location: str, allowed: tuple[int, ...]) -> None:
        """What a status means that nobody waits for."""
        status, what = answer.status, f"{self.url}: {method} {path.partition('?')[0]}"
        if status in allowed:
            return
        if 300 <= status < 400:
            target = self.said(location.partition("?")[0].rpartition("@")[2])[:200]
            hint = "--url is the address behind the redirect, or a way around the login page of a proxy"
            raise UnavailableError(f"{what} leads to {target or 'nowhere'} ({status})", hint=hint)
        if status == 401:
            raise DeniedError(f"{what}: 401 {self._words(answer)}", hint=_ACCOUNT_HINT)
        if status == 403:
            hint = "the service account of the token needs the role Editor, or the right to edit this folder"
            raise DeniedError(f"{what}: 403 {self._words(answer)}", hint=hint)
        if status == 404:
            raise UnavailableError(
                f"{what}: 404 {self._words(answer)}", hint=f"is Grafana 9 or newer there? {self._try()}"
            )
        raise UnavailableError(f"{what}: {status} {self._words(answer)}", hint=self._try())

    def _words(self, answer: _Answer) -> str:
        """What Grafana says for people; its answer may be a proxy's page."""
        message = answer.body.get("message") if isinstance(answer.body, dict) else None
        return self.said(message)[:300] if isinstance(message, str) and message else "without a word"

    def _broken(self, method: str, path: str, why: str) -> UnavailableError:
        what = f"{self.url}: {method} {path.partition('?')[0]}: this is no answer of Grafana: {why}"
        return UnavailableError(what, hint=self._try())

    def _try(self) -> str:
        return f"curl -sS {shlex.quote(self.url + '/api/health')}"


def token_of(file: Path | None, environ: Mapping[str, str]) -> Secret:
    """Of a file, else of KUNOBS_GRAFANA_TOKEN_FILE, else of KUNOBS_GRAFANA_TOKEN; empty when there is none."""
    named = file or environ.get("KUNOBS_GRAFANA_TOKEN_FILE")
    if not named:
        return Secret(environ.get("KUNOBS_GRAFANA_TOKEN", ""))
    try:
        return Secret(read_secret(Path(named)))
    except CannotRead as problem:
        # A name that leads to no file may be the token itself.
        name = named if problem.exists else "the file that --token-file or KUNOBS_GRAFANA_TOKEN_FILE names"
        raise UsageError(f"{name} {problem}", hint="it holds the token and nothing else, on one line") from problem


def _address(url: str) -> str:
    """http(s)://host[:port][/path] without a slash at its end. The messages do not repeat it: it may hold a password."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if "@" in url:
        raise UsageError("Grafana's address holds a user or a password", hint=f"leave it out; {_ACCOUNT_HINT}")
    if not sound or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise UsageError(
            "Grafana's address is no http(s)://host", hint="--url or export KUNOBS_GRAFANA_URL=http://127.0.0.1:3000"
        )
    return url.rstrip("/")


def _header(token: Secret) -> str:
    text = token.reveal()
    if not text:
        raise UsageError("no token for Grafana", hint=_ACCOUNT_HINT)
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UsageError("the token for Grafana holds blanks or signs that no token has", hint=_ACCOUNT_HINT)
    return text


def _reason(error: BaseException) -> str:
    """Without the error's own text, which repeats the request."""
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return "no answer in time"
    text = str(error)
    known = {
        "refused": "the connection is refused",
        "resol": "its name is not known",
        "MiB": "an answer without an end",
    }
    return next(
        (word for part, word in known.items() if part in text), f"the connection broke ({type(error).__name__})"
    )


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _looks(raw: bytes) -> str:
    start = raw[:200].lstrip().lower()
    return "a page" if start.startswith((b"<!doctype", b"<html", b"<head")) else "no JSON that was asked for"
