"""Requests to an upstream server, within the client's own rate limit."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, Literal

from ..protocol.effects import CrashPoint, CurrentTime, Effects, Request, Unreachable
from .rate_limit import Budget
from .responses import CycleStopped, ResponseReader, UpstreamResponse

RESERVE = 10
"""Requests held back for the user's own changes while older history is fetched."""


class BudgetExhausted(Exception):
    """No more requests may be sent for a while."""


class UpstreamRequests:
    """Requests of one account. Lives as long as the process, because the budget covers an hour."""

    def __init__(self, user_id: str, *, rng: random.Random, host: str = "", budget: Budget | None = None) -> None:
        self.user_id = user_id
        self.reader = ResponseReader(rng, host)
        self.budget = budget or Budget()
        self.form: Literal["H", "S"] | None = None
        """Form of the server, current (H) or early (S); None: not known yet.

        See docs/specification/endpoints.md#upstream.
        """

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        keep: int = 0,
        tolerant: bool = False,
    ) -> Effects[UpstreamResponse]:
        """Send a request if more than ``keep`` are left, and return its response.

        Raises :class:`BudgetExhausted` and :class:`CycleStopped`. ``tolerant``: see :meth:`ResponseReader.read`.
        """
        self.budget.fill((yield from CurrentTime()))
        if not self.budget.take(keep):
            raise BudgetExhausted
        headers = {"accept": "application/json"} | ({} if body is None else {"content-type": "application/json"})
        try:
            response = yield from Request(method, f"/api/chat/{path}", query or {}, headers, body)
        except Unreachable as error:
            raise CycleStopped(self.reader.unreachable(error)) from None
        self.budget.note_limits(response.headers)
        result = self.reader.read(response, (yield from CurrentTime()), tolerant=tolerant)
        if result.kind == "no_endpoint":
            self.form = "S"
        elif self.form is None and result.kind == "ok":
            self.form = "H" if "x-request-id" in response.headers else "S"
        yield from CrashPoint(f"answered {method} {path}")
        return result


def encoded(value: Any) -> bytes:
    """Return the JSON of a body."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
