"""Why a body can never be accepted: the sender must change it, so it is told where and how."""

from __future__ import annotations


class Refusal(Exception):
    """`status` is a 4xx; the message says what is wrong and where (a JSON path), `hint` what to do."""

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint
