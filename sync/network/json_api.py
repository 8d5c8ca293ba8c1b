"""Requests outside of the sync protocol: JSON in, JSON out, errors as sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import CannotReach, Reason, SignInError, SignInNeeded
from ..protocol.effects import Request, Response, Unreachable
from ..protocol.response_errors import SIGN_IN_REJECTED, problem_of, sentence
from .transport import Transport

JSON = "application/json"


class RequestRejected(SignInError):
    """Request that the server understood and rejected."""

    def __init__(self, sentence: str, status: int, code: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        """Error code of the response; empty where it has none."""


class JsonApi:
    """JSON endpoints of one account's server. Every method raises :class:`SignInError`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        wait: float = 0.0,
        largest: int = 0,
    ) -> Any:
        """Return the value of the response; None for a response without a body.

        ``wait`` and ``largest`` are for a response that takes longer, or has more bytes, than others.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": JSON} if body is not None else {}
        try:
            answer = await self._transport.send(Request(method, path, query or {}, headers, content, wait, largest))
        except Unreachable as error:
            raise CannotReach(problem_of(error, 0, 0).sentence, error.reason) from None
        return self._value(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _value(self, answer: Response) -> Any:
        value = _json(answer)
        if answer.status == 204 or (200 <= answer.status < 300 and value is not _NO_JSON):
            return None if value is _NO_JSON else value
        if answer.status == 401:
            raise SignInNeeded(sentence(SIGN_IN_REJECTED, self._transport.server.host))
        error = value if isinstance(value, Mapping) else {}
        message = next((error[name] for name in ("error", "message") if isinstance(error.get(name), str)), "")
        if 400 <= answer.status < 500 and answer.status not in (408, 429) and message:
            code = error.get("code")
            raise RequestRejected(message, answer.status, code if isinstance(code, str) else "")
        problem = problem_of(answer, 0, 0)
        reason: Reason = "portal" if problem.phase == "portal" else "limited" if answer.status == 429 else "server"
        raise CannotReach(problem.sentence, reason)


_NO_JSON = object()


def _json(answer: Response) -> Any:
    if answer.headers.get("content-type", "").partition(";")[0].strip() != JSON:
        return _NO_JSON
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return _NO_JSON
