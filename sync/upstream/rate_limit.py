"""How many requests a server of upstream's kind may be asked, so that its own limit is never met.

Refused requests count there too and put the end of a refusal off, so the limit has to be kept from this side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

HOUR_MS = 3_600_000
SHARE = 0.6
"""Of the server's limit: other clients of the same account have the rest."""
USUAL = 120
"""Requests an hour where the server names no limit: that share of the least it has."""
LOW = 0.1
"""Of the server's limit left: then it is left to the others for five minutes."""


@dataclass(slots=True)
class Budget:
    """A bucket of requests that fills with time; half an hour's worth fits in."""

    rate: float = USUAL
    """An hour."""
    left: float = USUAL / 2
    at_ms: int | None = None

    def fill(self, now_ms: int) -> None:
        """Time has gone by. A clock that goes back takes nothing away."""
        if self.at_ms is not None and now_ms > self.at_ms:
            self.left = min(self.rate / 2, self.left + (now_ms - self.at_ms) * self.rate / HOUR_MS)
        self.at_ms = now_ms

    def take(self, keep: int = 0) -> bool:
        """Whether one more may be asked, ``keep`` being left for something more urgent."""
        if self.left < 1 + keep:
            return False
        self.left -= 1
        return True

    def wait_ms(self, wanted: int) -> int:
        """Until so many may be asked."""
        return max(1_000, math.ceil((wanted - self.left) * HOUR_MS / self.rate))

    def note_limits(self, headers: Mapping[str, str]) -> None:
        """Adjust to the limit that a response names."""
        limit, left = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
        if limit:
            self.rate = max(1.0, limit * SHARE)
            self.left = min(self.left, self.rate / 2)
        if limit and left is not None and left < limit * LOW:
            self.left = min(self.left, -self.rate / 12)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
