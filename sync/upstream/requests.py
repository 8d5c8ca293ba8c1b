"""Questions to an upstream server, within what it may be asked."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from ..protocol.effects import Answer, Http, Now, Point, Step, Unreachable
from .rate_limit import Budget
from .responses import Judge, Said, Stopped

T = TypeVar("T")
Steps: TypeAlias = Generator[Step, Any, T]

RESERVE = 10
"""Requests kept back for what a person wrote, while older history is fetched."""


class Spent(Exception):
    """No more may be asked for a while."""


class Talk:
    """One account's questions. Lives as long as the process, so that it remembers what was asked."""

    def __init__(self, user_id: str, *, rng: random.Random, host: str = "", budget: Budget | None = None) -> None:
        self.user_id = user_id
        self.judge = Judge(rng, host)
        self.budget = budget or Budget()
        self.flavour: Literal["H", "S"] | None = None
        """Form of the server, current (H) or early (S); None: not known yet.

        See docs/specification/endpoints.md#upstream.
        """
        self._pushed = self._pulled = 0

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        keep: int = 0,
        tolerant: bool = False,
    ) -> Steps[Said]:
        """What the server says. Raises :class:`Spent` and :class:`~sync.upstream_answers.Stopped`."""
        self.budget.fill((yield Now()))
        if not self.budget.take(keep):
            raise Spent
        headers = {"accept": "application/json"} | ({} if body is None else {"content-type": "application/json"})
        try:
            answer: Answer = yield Http(method, f"/api/chat/{path}", query or {}, headers, body)
        except Unreachable as error:
            raise Stopped(self.judge.unreachable(error)) from None
        self.budget.note_limits(answer.headers)
        said = self.judge.said(answer, (yield Now()), tolerant=tolerant)
        if said.kind == "no_such_page":
            self.flavour = "S"
        elif self.flavour is None and said.kind == "good":
            self.flavour = "H" if "x-request-id" in answer.headers else "S"
        yield Point(f"answered {method} {path}")
        return said


def encoded(value: Any) -> bytes:
    """A body."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
