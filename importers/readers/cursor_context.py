"""What Cursor adds to prompts for the model, and what a person typed."""

from __future__ import annotations

import re

_QUERY = re.compile(r"<user_query>\s*(.*?)\s*(?:</user_query>|\Z)", re.DOTALL)
_ADDED = re.compile(r"\s*<([a-z_-]+)\b[^>]*>.*?</\1>", re.DOTALL)


def typed(text: str) -> tuple[str, list[str]]:
    """Return what was typed, and the texts around it."""
    queries = _QUERY.findall(text)
    if queries:
        rest = _QUERY.sub("", text).strip()
        return "\n\n".join(queries), [rest] if rest else []
    added = []
    while found := _ADDED.match(text):
        added.append(found[0].strip())
        text = text[found.end() :]
    return text.strip() if added else text, added
