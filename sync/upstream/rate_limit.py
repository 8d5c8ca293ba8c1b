"""Rate limit that the client imposes on itself, so that it never meets the limit of an upstream server.

Such a server counts refused requests too, and each prolongs the refusal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

HOUR_MS = 3_600_000
SHARE = 0.6
"""Share of the server's limit; the rest is for other clients of the account."""
USUAL = 120
"""Requests an hour where the server names no limit: that share of its lowest limit."""
LOW = 0.1
"""Share of the server's limit below which the rest is left to other clients for five minutes."""


@dataclass(slots=True)
class Budget:
    """Token bucket of requests that holds half an hour's worth."""

    rate: float = USUAL
    """Requests an hour."""
    left: float = USUAL / 2
    at_ms: int | None = None

    def fill(self, now_ms: int) -> None:
        """Add what has accrued since the last call. A clock that goes back takes nothing away."""
        if self.at_ms is not None and now_ms > self.at_ms:
            self.left = min(self.rate / 2, self.left + (now_ms - self.at_ms) * self.rate / HOUR_MS)
        self.at_ms = now_ms

    def take(self, keep: int = 0) -> bool:
        """Take one request if more than ``keep`` are left. Return whether it may be sent."""
        if self.left < 1 + keep:
            return False
        self.left -= 1
        return True

    def wait_ms(self, wanted: int) -> int:
        """Return the delay until ``wanted`` requests may be sent."""
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
