"""How a request to a registry can fail, and what that says of the requests after it."""

from __future__ import annotations

from kunobs.errors import KunobsError


class RegistryError(KunobsError):
    """The request failed; `site_wide` when the next would fail too, `after` is when to ask again, in seconds."""

    def __init__(self, message: str, *, hint: str = "", site_wide: bool = False, after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.site_wide, self.after = site_wide, after

    @property
    def throttled(self) -> bool:
        """The registry answers, and asks us to wait."""
        return self.after is not None
