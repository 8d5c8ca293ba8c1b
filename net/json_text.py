"""Parsing of untrusted JSON, with limits: a short text can become very many objects."""

from __future__ import annotations

import json
from typing import Any

MAX_VALUES = 1_000_000
"""Most values in one text: 16 MB of ``[],`` would take 400 MB as objects."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of ``text``. Raises ``ValueError`` for invalid, too deeply nested and too large JSON.

    Values are counted by the characters that separate them, also inside strings: people's text has few of them.
    """
    separators: tuple[Any, ...] = (b"[", b"{", b",") if isinstance(text, bytes) else ("[", "{", ",")
    if len(text) > MAX_VALUES and sum(map(text.count, separators)) > MAX_VALUES:
        raise ValueError("too many values")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
