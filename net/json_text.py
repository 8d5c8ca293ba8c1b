"""JSON from elsewhere, of which a short text can become many objects."""

from __future__ import annotations

import json
from typing import Any

MOST = 1_000_000
"""Values in one text: sixteen megabytes of ``[],`` would take four hundred as objects."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of ``text``. Raises ``ValueError`` where it is no JSON, is nested too deep, has too many values.

    Values are counted by the signs between them, those inside of strings too: text of a person has few of them.
    """
    signs: tuple[Any, ...] = (b"[", b"{", b",") if isinstance(text, bytes) else ("[", "{", ",")
    if len(text) > MOST and sum(text.count(sign) for sign in signs) > MOST:
        raise ValueError("too many values")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
