"""Responses of an upstream server: a usable result, or the problem that ends the cycle.

See docs/specification/sync-protocol.md#upstream-errors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..backoff import HOUR_MS, RETRY_MS, spread
from ..protocol.effects import Problem, Response, Unreachable
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
NOT_UPSTREAM = "{host} does not response as an upstream server does. Check sync.server."

Kind = Literal["ok", "gone", "no_endpoint", "too_large", "refused", "other"]


class CycleStopped(Exception):
    """End of a cycle because of ``problem``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """Response of the server itself, as opposed to something in the network."""

    kind: Kind
    value: Mapping[str, Any]
    status: int


@dataclass(slots=True)
class ResponseReader:
    """Classification of responses. Counts failures, so that delays grow with each."""

    rng: random.Random
    host: str = ""
    fails: int = 0
    refusals: int = 0

    def read(self, response: Response, now_ms: int, *, tolerant: bool = False) -> UpstreamResponse:
        """Return the classified response. Raises :class:`CycleStopped` where the cycle cannot continue.

        ``tolerant``: a crash of the handler may be caused by this request, and there is another way to send it.
        """
        status = response.status
        value = _object(response)
        if status == 429:
            raise CycleStopped(self._limited(response, now_ms))
        if status >= 500 or status == 408:
            if status == 511:
                raise CycleStopped(portal(self.host))
            crashed = status == 500 and value is not None and value.get("code") in (None, "internal_server_error")
            if tolerant and crashed:
                return UpstreamResponse("other", value or {}, status)
            raise CycleStopped(self._later(response, now_ms))
        if status == 401:
            raise CycleStopped(Problem("signin", sentence(SIGN_IN_REJECTED, self.host)))
        if status == 402:
            raise CycleStopped(Problem("paused", sentence(PLAN, self.host), 6 * HOUR_MS))
        if status == 404:
            return UpstreamResponse("gone" if value is not None else "no_endpoint", value or {}, status)
        if status == 413:
            return UpstreamResponse("too_large", value or {}, status)
        if 200 <= status < 300 and value is not None:
            self.fails = 0
            return UpstreamResponse("ok", value, status)
        if 200 <= status < 400 or value is None:
            raise CycleStopped(portal(self.host))
        if status == 403 and value.get("code") == "account_banned":
            raise CycleStopped(Problem("blocked", sentence(DISABLED, self.host), None))
        return UpstreamResponse("refused" if status == 403 else "other", value, status)

    def unreachable(self, error: Unreachable) -> Problem:
        """Return the problem of a request without a response."""
        if error.reason == "tls":
            self.fails += 1
            return Problem("offline", sentence(CERTIFICATE, self.host), int(RETRY_MS.longest))
        return Problem("offline", error.sentence or sentence(UNREACHABLE, self.host), self._backoff())

    def all_refused(self) -> Problem:
        """Return the problem of a server that refuses every request."""
        wait = REFUSED_MS[min(self.refusals, len(REFUSED_MS) - 1)]
        self.refusals += 1
        return Problem("paused", sentence(REFUSED, self.host), wait)

    def not_upstream(self) -> Problem:
        """Return the problem of a server that answers unlike an upstream one."""
        return Problem("blocked", sentence(NOT_UPSTREAM, self.host), REFUSED_MS[0])

    def _later(self, response: Response, now_ms: int) -> Problem:
        wait = self._backoff()
        requested = retry_after_ms(response.headers, now_ms)
        wait = max(wait, spread(requested, self.rng)) if requested else wait
        return Problem("offline", sentence(SERVER_ERROR, self.host), wait)

    def _limited(self, response: Response, now_ms: int) -> Problem:
        wait = retry_after_ms(response.headers, now_ms)
        if wait is None:
            wait = reset_ms(response.headers, now_ms) or AGAIN_MS
        return Problem("paused", sentence(RATE_LIMITED, self.host), spread(wait, self.rng))

    def _backoff(self) -> int:
        self.fails += 1
        return RETRY_MS.delay(self.fails, self.rng)


def _object(response: Response) -> Mapping[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
