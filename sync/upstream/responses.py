"""Answers of an upstream server: something to go on with, or the reason why this cycle ends.

See docs/specification/sync-protocol.md#upstream-errors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..backoff import HOUR_MS, RETRY_MS, spread
from ..protocol.effects import Answer, Problem, Unreachable
from ..protocol.response_errors import (
    AGAIN_MS,
    RATE_LIMITED,
    SERVER_ERROR,
    SIGN_IN_REJECTED,
    UNREACHABLE,
    portal,
    reset_ms,
    retry_after_ms,
    sentence,
)

REFUSED_MS = (AGAIN_MS, HOUR_MS, 6 * HOUR_MS)
"""Delays after everything was refused, whatever was sent."""

CERTIFICATE = "The certificate of {host} is not accepted. Nothing was sent."
PLAN = "{host} does not sync for this account's plan."
DISABLED = "This account is disabled at {host}. Contact the server administrator."
REFUSED = "{host} refuses the requests of this account. They are repeated later."
NOT_UPSTREAM = "{host} does not answer as an upstream server does. Check sync.server."

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
    host: str = ""
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
                raise Stopped(portal(self.host))
            crashed = status == 500 and value is not None and value.get("code") in (None, "internal_server_error")
            if tolerant and crashed:
                return Said("other", value or {}, status)
            raise Stopped(self._later(answer, now_ms))
        if status == 401:
            raise Stopped(Problem("signin", sentence(SIGN_IN_REJECTED, self.host)))
        if status == 402:
            raise Stopped(Problem("paused", sentence(PLAN, self.host), 6 * HOUR_MS))
        if status == 404:
            return Said("gone" if value is not None else "no_such_page", value or {}, status)
        if status == 413:
            return Said("too_large", value or {}, status)
        if 200 <= status < 300 and value is not None:
            self.fails = 0
            return Said("good", value, status)
        if 200 <= status < 400 or value is None:
            raise Stopped(portal(self.host))
        if status == 403 and value.get("code") == "account_banned":
            raise Stopped(Problem("blocked", sentence(DISABLED, self.host), None))
        return Said("refused" if status == 403 else "other", value, status)

    def unreachable(self, error: Unreachable) -> Problem:
        """No answer came."""
        if error.reason == "tls":
            self.fails += 1
            return Problem("offline", sentence(CERTIFICATE, self.host), int(RETRY_MS.longest))
        return Problem("offline", error.sentence or sentence(UNREACHABLE, self.host), self._backoff())

    def refused(self) -> Problem:
        """Everything is refused, whatever is sent."""
        wait = REFUSED_MS[min(self.refusals, len(REFUSED_MS) - 1)]
        self.refusals += 1
        return Problem("paused", sentence(REFUSED, self.host), wait)

    def strange(self) -> Problem:
        """It answers, and not as an upstream server does."""
        return Problem("blocked", sentence(NOT_UPSTREAM, self.host), REFUSED_MS[0])

    def _later(self, answer: Answer, now_ms: int) -> Problem:
        wait = self._backoff()
        requested = retry_after_ms(answer.headers, now_ms)
        wait = max(wait, spread(requested, self.rng)) if requested else wait
        return Problem("offline", sentence(SERVER_ERROR, self.host), wait)

    def _limited(self, answer: Answer, now_ms: int) -> Problem:
        wait = retry_after_ms(answer.headers, now_ms)
        if wait is None:
            wait = reset_ms(answer.headers, now_ms) or AGAIN_MS
        return Problem("paused", sentence(RATE_LIMITED, self.host), spread(wait, self.rng))

    def _backoff(self) -> int:
        self.fails += 1
        return RETRY_MS.delay(self.fails, self.rng)


def _object(answer: Answer) -> Mapping[str, Any] | None:
    if "json" not in answer.headers.get("content-type", ""):
        return None
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
