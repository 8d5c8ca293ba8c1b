"""Validation of the delta protocol's responses. One invalid value makes the whole response invalid."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from sterna.storage import RemoteRow, SyncState

from ..wire import BadItem, DeltaResponse, is_clean_json
from .delta_codec import decode_row
from .effects import Problem, Response
from .response_errors import portal

KINDS = frozenset("cms")


class InvalidResponse(ValueError):
    """Response that is none of the protocol's, whatever its status. ``problem`` replaces the usual one."""

    def __init__(self, problem: Problem | None = None) -> None:
        super().__init__("invalid response")
        self.problem = problem


def is_json(response: Response) -> bool:
    """Return whether a program answered, as opposed to a network's sign-in page."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def decode_response(response: Response) -> tuple[DeltaResponse, bool]:
    """Return the ``sync`` object of a response, and whether it also has rows of unknown kinds, which are left out.

    Raises :class:`InvalidResponse`.
    """
    if not is_json(response):
        raise InvalidResponse(portal())
    value = _parsed(response)
    item = value.get("sync")
    if value.get("success") is not True or not isinstance(item, Mapping):
        raise InvalidResponse
    rows = item.get("rows")
    known = [row for row in rows if not _has_unknown_kind(row)] if isinstance(rows, list) else rows
    try:
        # text that cannot be stored is looked for once, in the bytes, instead of in each value
        return DeltaResponse.decode({**item, "rows": known}, is_clean=is_clean_json(response.body)), known != rows
    except BadItem:
        raise InvalidResponse from None


def decode_rows(answer: DeltaResponse) -> list[RemoteRow]:
    """Return the rows of a response for the history. Raises :class:`InvalidResponse`."""
    try:
        return [decode_row(row) for row in answer.rows]
    except BadItem:
        raise InvalidResponse from None


def decode_page(answer: DeltaResponse, state: SyncState) -> list[RemoteRow]:
    """Return the rows of the page after the cursor. Raises :class:`InvalidResponse` where it does not advance."""
    if answer.cur < state.cursor or (answer.more and answer.cur == state.cursor):
        raise InvalidResponse
    return decode_rows(answer)


def newest_commit(answer: DeltaResponse) -> tuple[int, str] | None:
    """Return the newest commit that a response names."""
    return None if answer.seen is None else (answer.seen.seq, answer.seen.nonce)


def error_code(response: Response) -> str:
    """Return the error code of a response; empty where it has none."""
    try:
        code = _parsed(response).get("code")
    except InvalidResponse:
        return ""
    return code if isinstance(code, str) else ""


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
"""Decoder of standard JSON: a history stores neither NaN nor infinite numbers."""


def _parsed(response: Response) -> Mapping[str, Any]:
    try:
        value = _DECODER.decode(response.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidResponse from None
    if not isinstance(value, Mapping):
        raise InvalidResponse
    return value


def _has_unknown_kind(row: Any) -> bool:
    kind = row.get("kind") if isinstance(row, Mapping) else None
    return isinstance(kind, str) and kind not in KINDS
