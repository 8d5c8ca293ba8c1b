"""JSON on one line, in which nothing is invisible."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_INVISIBLE = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def json_line(value: Mapping[str, Any]) -> str:
    """Return ``value`` on one line, with control and invisible characters escaped."""
    return escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def escaped(json_text: str) -> str:
    """Return the same JSON with control and invisible characters escaped."""
    return _INVISIBLE.sub(lambda match: json.dumps(match[0])[1:-1], json_text)
