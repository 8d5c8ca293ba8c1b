"""Answers of an upstream server: something to go on with, or the reason why this cycle ends.

See docs/specification/sync-protocol.md#upstream-errors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..protocol.effects import Answer, Problem, Unreachable
from ..protocol.response_errors import reset_ms, retry_after_ms

MINUTE_MS = 60_000
SLOWEST_MS = 5 * MINUTE_MS
REFUSED_MS = (15 * MINUTE_MS, 60 * MINUTE_MS, 360 * MINUTE_MS)
PORTAL_MS = MINUTE_MS
LIMITED_MS = 15 * MINUTE_MS

Kind = Literal["good", "gone", "no_such_page", "too_large", "refused", "other"]


class Stopped(Exception):
    """The cycle ends here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that a server gave, and no network."""

    kind: Kind
    value: Mapping[str, Any]
    status: int


@dataclass(slots=True)
class Judge:
    """Remembers how often it failed, so that each try waits longer than the one before."""

    rng: random.Random
    host: str = "The server"
    fails: int = 0
    refusals: int = 0

    def said(self, answer: Answer, now_ms: int, *, tolerant: bool = False) -> Said:
        """What the server said. Raises :class:`Stopped` where the cycle cannot go on.

        ``tolerant``: a failure of the handler alone may come of what was asked, and there is another way to ask.
        """
        status = answer.status
        value = _object(answer)
        if status == 429:
            raise Stopped(self._limited(answer, now_ms))
        if status >= 500 or status == 408:
            if status == 511:
                raise Stopped(self._portal())
            crashed = status == 500 and value is not None and value.get("code") in (None, "internal_server_error")
            if tolerant and crashed:
                return Said("other", value or {}, status)
            raise Stopped(self._later(f"{self.host} cannot answer at the moment.", answer, now_ms))
        if status == 401:
            raise Stopped(Problem("signin", f"The sign-in at {self.host} has ended. Sign in again: sterna login"))
        if status == 402:
            raise Stopped(Problem("paused", f"{self.host} does not sync for this account's plan.", 6 * 60 * MINUTE_MS))
        if status == 404:
            return Said("gone" if value is not None else "no_such_page", value or {}, status)
        if status == 413:
            return Said("too_large", value or {}, status)
        if 200 <= status < 300 and value is not None:
            self.fails = 0
            return Said("good", value, status)
        if 200 <= status < 400 or value is None:
            raise Stopped(self._portal())
        if status == 403 and value.get("code") == "account_banned":
            raise Stopped(Problem("blocked", f"This account is shut at {self.host}. Ask whoever runs it.", None))
        return Said("refused" if status == 403 else "other", value, status)

    def unreachable(self, error: Unreachable) -> Problem:
        """No answer came."""
        if error.reason == "tls":
            self.fails += 1
            return Problem("offline", f"The certificate of {self.host} is not accepted. Nothing was sent.", SLOWEST_MS)
        return Problem("offline", f"{self.host} cannot be reached.", self._backoff())

    def refused(self) -> Problem:
        """Everything is refused, whatever is sent."""
        wait = REFUSED_MS[min(self.refusals, len(REFUSED_MS) - 1)]
        self.refusals += 1
        return Problem("paused", f"{self.host} refuses what is sent. It is tried again later.", wait)

    def strange(self) -> Problem:
        """It answers, and not as an upstream server does."""
        return Problem("blocked", f"{self.host} does not answer as an upstream server does. Check sync.server.",
                       REFUSED_MS[0])  # fmt: skip

    def _later(self, sentence: str, answer: Answer, now_ms: int) -> Problem:
        wait = self._backoff()
        floor = retry_after_ms(answer.headers, now_ms)
        return Problem("offline", sentence, max(wait, floor + int(floor * self.rng.uniform(0, 0.2)) if floor else 0))

    def _limited(self, answer: Answer, now_ms: int) -> Problem:
        wait = retry_after_ms(answer.headers, now_ms)
        if wait is None:
            wait = reset_ms(answer.headers, now_ms) or LIMITED_MS
        return Problem("paused", f"{self.host} asks to wait.", wait + int(wait * self.rng.uniform(0, 0.2)))

    def _portal(self) -> Problem:
        return Problem(
            "portal", f"A web page answers in place of {self.host}. The network may want a sign-in.", PORTAL_MS
        )

    def _backoff(self) -> int:
        self.fails += 1
        return int(self.rng.uniform(0, min(SLOWEST_MS, 1_000 * 2 ** min(self.fails, 20))))


def _object(answer: Answer) -> Mapping[str, Any] | None:
    if "json" not in answer.headers.get("content-type", ""):
        return None
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
