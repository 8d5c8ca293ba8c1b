"""Names of saved searches in a search text or a filter: ``@work`` stands for the search that was saved as that."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..database.connection import Database
from ..json_text import json_object

SEARCHES = "searches"
"""Name of the saved searches in the preferences ``ui`` of the profile."""

_NAME = re.compile(r'(?<!\S)@([^\s@"]+)(?!\S)|"[^"]*"?')


def saved_searches(db: Database) -> dict[str, str]:
    """Return the saved searches, by name, in the order of their names."""
    row = db.one("select ui_preferences as ui from profiles where id = :id", id=db.user_id)
    saved = json_object(row["ui"]).get(SEARCHES) if row is not None and row["ui"] else None
    named = {name: text for name, text in saved.items() if isinstance(text, str)} if isinstance(saved, dict) else {}
    return dict(sorted(named.items(), key=lambda item: item[0].casefold()))


def saved_as(saved: Mapping[str, str], name: str) -> str | None:
    """Return the name of a saved search as it was given, whatever the case; None where there is none."""
    folded = name.casefold()
    return next((each for each in saved if each.casefold() == folded), None)


def without_saved(text: str, saved: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return a text without the names of saved searches in it, and the texts of those; an unknown name is text."""
    texts: list[str] = []

    def take(match: re.Match[str]) -> str:
        name = saved_as(saved, match[1]) if match[1] else None
        if name is None:
            return match[0]
        texts.append(saved[name])
        return ""

    rest = _NAME.sub(take, text) if "@" in text else text
    return (rest, texts) if not texts else (" ".join(rest.split(" ")).strip(), texts)


def with_saved(text: str, saved: Mapping[str, str]) -> str:
    """Return a text with saved searches in the place of their names."""
    if "@" not in text:
        return text

    def put(match: re.Match[str]) -> str:
        name = saved_as(saved, match[1]) if match[1] else None
        return match[0] if name is None else saved[name]

    return _NAME.sub(put, text)
