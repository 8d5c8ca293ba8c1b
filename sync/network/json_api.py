"""Requests to an account's server beside the exchange of histories: a question, a JSON answer, errors in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import CannotReach, Reason, SignInError, SignInNeeded
from ..protocol.effects import Answer, Http, Unreachable
from ..protocol.response_errors import SIGN_IN_REJECTED, problem_of, sentence
from .transport import Transport

JSON = "application/json"


class NotTaken(SignInError):
    """The server understood, and said no."""

    def __init__(self, sentence: str, status: int, code: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        """The server's word for it; empty where it said none."""


class Service:
    """One account's server. Every method raises :class:`SignInError`, of which NotTaken is one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> Any:
        """What was answered; None for an answer without a body."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": JSON} if body is not None else {}
        try:
            answer = await self._transport.send(Http(method, path, query or {}, headers, content))
        except Unreachable as error:
            raise CannotReach(problem_of(error, 0, 0).sentence, error.reason) from None
        return self._told(answer)

    async def close(self) -> None:
        """End its connections."""
        await self._transport.close()

    def _told(self, answer: Answer) -> Any:
        told = _json(answer)
        if answer.status == 204 or (200 <= answer.status < 300 and told is not _NOTHING):
            return None if told is _NOTHING else told
        if answer.status == 401:
            raise SignInNeeded(sentence(SIGN_IN_REJECTED, self._transport.server.host))
        said = told if isinstance(told, Mapping) else {}
        reason_given = next((said[name] for name in ("error", "message") if isinstance(said.get(name), str)), "")
        if 400 <= answer.status < 500 and answer.status not in (408, 429) and reason_given:
            code = said.get("code")
            raise NotTaken(reason_given, answer.status, code if isinstance(code, str) else "")
        problem = problem_of(answer, 0, 0)
        reason: Reason = "portal" if problem.phase == "portal" else "limited" if answer.status == 429 else "server"
        raise CannotReach(problem.sentence, reason)


_NOTHING = object()


def _json(answer: Answer) -> Any:
    if answer.headers.get("content-type", "").partition(";")[0].strip() != JSON:
        return _NOTHING
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return _NOTHING
