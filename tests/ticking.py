"""A clock that a test owns: every look at it is a millisecond later, and it can be set, forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Ticking:
    """Stands in for ``storage.utc_now``."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def move(self, **amount: float) -> None:
        """Go on, or back, by ``timedelta(**amount)``."""
        self.at += timedelta(**amount)
