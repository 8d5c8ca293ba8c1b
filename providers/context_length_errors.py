"""Errors about the context length: how providers word them, and the numbers of tokens in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PATTERN = re.compile(
    r"""context[_ ](?:length|window|size|limit) | exceed_context | maximum\ context | max_seq_len
    | (?:prompt|input|inputs|request|conversation|messages?)\ (?:is|are)\ too\ (?:long|large)
    | prompt\ too\ (?:long|large) | too\ many\ (?:input\ )?tokens | request\ too\ large | string_above_max_length
    | (?:input|prompt)\ token\ (?:count|limit) | (?:input|prompt)\ length
    | maximum\ (?:model|prompt|input|sequence)\ length | contextwindowexceeded
    | reduce\ the\ length\ of\ the\ (?:messages|prompt|input) | tokens?\ to\ keep\ from\ the\ initial\ prompt
    | keep\ the\ first\ \d+\ tokens | (?:inputs|prompt|request|input)\W?\ must\ have\ less\ than\ \d+\ tokens
    | inputs\W?\ tokens\ \+\ \W?max_new_tokens | current\ length\ is\ \d+\ while\ limit
    | number\ of\ (?:input\ )?tokens.{0,40}(?:cannot|must\ not)\ exceed
    | exceeds?\ the\ (?:model's\ )?maximum\ (?:number\ of\ )?(?:input\ )?tokens
    | requested\ tokens.{0,20}exceed | prompt\ contains\ \d+\ tokens | exceeds?\ the\ limit\ of\ \d+(?:\ tokens)?$
    """,
    re.IGNORECASE | re.VERBOSE,
)
_COMPARED = re.compile(r"(\d+)(?:\s*tokens?)?(?:\s*\+\s*(\d+))?\s*>\s*(\d+)")
_LIMIT = re.compile(
    r"""(?:maximum\ context\ (?:length|window|size)|maximum\ (?:model|prompt|input|sequence)\ length
    |context\ (?:length|window|size|limit)|max_seq_len|number\ of\ tokens\ allowed|(?:tokens\ )?limit|must\ be\ <=
    |less\ than|cannot\ exceed|maximum\ input\ length|n_ctx)[^\d>]{0,30}?(?<!\bby\ )(\d+)""",
    re.IGNORECASE | re.VERBOSE,
)
_BEFORE = re.compile(r"(\d+)\s+maximum\s+context", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")


def token_counts(error: Mapping[str, Any], message: str) -> tuple[int | None, int | None]:
    """Return the context length of the model and the tokens of the request, as far as the error states them."""
    fields = tuple(_count(error.get(name)) for name in ("n_ctx", "n_prompt_tokens"))
    if fields[0]:
        return fields[0], fields[1]
    text = re.sub(r"(?<=\d)[,_](?=\d{3}\b)", "", message)
    comparison = _COMPARED.search(text)
    if comparison is not None:
        return int(comparison[3]), int(comparison[1]) + int(comparison[2] or 0)
    match = _BEFORE.search(text) or _LIMIT.search(text)
    if match is None:
        return None, None
    limit = int(match[1])
    larger = [int(digits) for digits in _NUMBER.findall(text) if len(digits) < 10 and int(digits) > limit]
    return (limit, max(larger, default=None)) if 0 < limit < 2**31 else (None, None)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None
