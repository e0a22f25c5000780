"""GitLab's API as far as it is asked: pages of a project's jobs, newest first, and one job.

`GET /projects/:id/jobs` with keyset pagination (https://docs.gitlab.com/api/jobs/, https://docs.gitlab.com/api/rest/#pagination):
the next page is the query of the Link header. Only its query is used, so that the token goes to no other address; redirects are
not followed for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests
import urllib3

from exporters.ci import payload
from exporters.ci.tally import Tally
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.secret import Secret
from kunobs.errors import DeniedError, KunobsError, UnavailableError

PER_PAGE = 100
_LARGEST = 16 << 20
_LONGEST_HOLD = 3600.0


class LimitedError(KunobsError):
    """429: nothing is to be asked for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"GitLab answers 429: no more requests for {seconds:g} s", hint="raise its rate limit")
        self.seconds = seconds


class MissingError(KunobsError):
    """The project or the job is not there, or not for this token."""


@dataclass(frozen=True)
class Page:
    """Jobs as GitLab has them, and the query of the next page; None at the end."""

    jobs: list[Any]
    following: Mapping[str, str] | None


class Gitlab:
    """One address and token. Every call is one request; `timeout` s for each wait, `whole` s for the body."""

    def __init__(
        self,
        url: str,
        token: Secret,
        tally: Tally,
        clock: Clock = SYSTEM_CLOCK,
        *,
        timeout: float = 10.0,
        whole: float = 30.0,
    ) -> None:
        self._url, self._token, self._tally, self._clock = url, token, tally, clock
        self._timeout, self._whole = timeout, whole
        self._session = requests.Session()

    def jobs(self, project: str, following: Mapping[str, str] | None = None) -> Page:
        """A page of a project's jobs. LimitedError, MissingError, DeniedError, UnavailableError."""
        first = {"pagination": "keyset", "order_by": "id", "sort": "desc", "per_page": str(PER_PAGE)}
        found, link = self._get(f"/projects/{quote(project, safe='')}/jobs", dict(following or first), list)
        query = dict(parse_qsl(urlsplit(link).query)) if link else None
        if query:
            # A query that somebody logs or mirrors must not hold a token either.
            query = {key: value for key, value in query.items() if "token" not in key}
        return Page(found, query)

    def job(self, project: str, number: int) -> Any:
        """One job. Raises as `jobs`."""
        return self._get(f"/projects/{quote(project, safe='')}/jobs/{number}", {}, dict)[0]

    def _get(self, path: str, query: Mapping[str, str], kind: type) -> tuple[Any, str]:
        try:
            with self._session.get(
                f"{self._url}/api/v4{path}",
                params=query,
                headers={"PRIVATE-TOKEN": self._token.reveal(), "Accept-Encoding": "identity"},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                self._refused(answer)
                content = self._content(answer)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self._tally.add("unanswered")
            raise UnavailableError(f"{self._url} does not answer: {type(error).__name__}") from error
        try:
            found = payload.decode(content)
        except payload.MalformedError as error:
            raise self._failed(str(error)) from error
        if not isinstance(found, kind):
            raise self._failed(f"its answer is no JSON {kind.__name__}")
        self._tally.add("ok")
        return found, answer.links.get("next", {}).get("url", "")

    def _refused(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status == 429:
            self._tally.add("limited")
            raise LimitedError(self._retry_after(answer.headers.get("Retry-After", "")))
        if status in (401, 403, 404):
            self._tally.add("denied")
            if status == 401:
                raise DeniedError(f"{self._url} answers 401", hint="renew exporters.ci.token_file, scope read_api")
            raise MissingError(f"{self._url} answers {status}", hint="may the token read this project?")
        if status != 200:
            raise self._failed(f"it answers {status}")

    def _content(self, answer: requests.Response) -> bytes:
        deadline = self._clock.monotonic() + self._whole
        parts, size = [], 0
        # What has come, and not as much as was asked for: a body that drips would be waited for without an end.
        while part := answer.raw.read1(65536):
            parts.append(part)
            size += len(part)
            if size > _LARGEST or self._clock.monotonic() > deadline:
                raise requests.Timeout("too large or too slow")
        return b"".join(parts)

    def _retry_after(self, text: str) -> float:
        """Seconds, or a date (RFC 9110); a minute where it is neither."""
        if text.isascii() and text.isdigit():
            return min(float(text), _LONGEST_HOLD)
        try:
            return min(max(parsedate_to_datetime(text).timestamp() - self._clock.now(), 1.0), _LONGEST_HOLD)
        except (ValueError, OverflowError):
            return 60.0

    def _failed(self, why: str) -> UnavailableError:
        self._tally.add("failed")
        return UnavailableError(f"{self._url}: {why}", hint="is exporters.ci.gitlab_url GitLab's address?")
