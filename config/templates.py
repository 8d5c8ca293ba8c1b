"""Variables in the text of a persona or a snippet: ``{{name}}``; a backslash before it makes it plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

_VARIABLE = re.compile(r"(\\?)\{\{\s*([A-Za-z_]\w*)\s*\}\}")


def variables(text: str) -> tuple[str, ...]:
    """Return the names of the variables in a text, each once, in their order."""
    return tuple(dict.fromkeys(match[2] for match in _VARIABLE.finditer(text) if not match[1]))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its variables replaced; one without a value stays."""
    return _VARIABLE.sub(lambda match: match[0][1:] if match[1] else values.get(match[2], match[0]), text)


def built_in(now: datetime) -> dict[str, str]:
    """Return the values that nobody has to be asked for, in the user's time zone."""
    local = now.astimezone()
    return {"date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}", "weekday": f"{local:%A}"}
