"""One question to a system that is watched: the whole answer, of any useful size and within a time, or one word for why not."""

from __future__ import annotations

import requests

from kunobs.clock import SYSTEM_CLOCK
from kunobs.noc.notify.http import Answer, Http

# The status holds an Alertmanager's configuration; 10,000 alerts are about 9 MB.
LARGEST = 32 << 20
SECONDS = 20.0
_CHUNK = 1 << 16


class Asker(Http):
    """`get` beside a channel's `ask`, whose answers are small: its 64 KiB would cut a list of alerts. Safe between threads."""

    def get(self, url: str) -> Answer | str:
        """The answer with a status 2xx, or what went wrong, without the URL."""
        until = SYSTEM_CLOCK.monotonic() + SECONDS
        parts: list[bytes] = []
        size = 0
        try:
            with self._session.get(url, timeout=self._timeout, allow_redirects=False, stream=True) as response:
                while part := response.raw.read1(_CHUNK, decode_content=True):
                    parts.append(part)
                    size += len(part)
                    if size > LARGEST:
                        return "too_large"
                    # Whoever sends a byte now and then would hold us for ever.
                    if SYSTEM_CLOCK.monotonic() > until:
                        return "too_slow"
        except requests.exceptions.SSLError:
            return "tls"
        except requests.exceptions.Timeout:
            return "timeout"
        except requests.exceptions.ConnectionError:
            return "connection"
        except Exception as error:  # noqa: BLE001  urllib3 has errors of its own below requests'
            return type(error).__name__
        answer = Answer(response.status_code, b"".join(parts), response.headers)
        return answer if 200 <= answer.status < 300 else f"http_{answer.status}"
