"""Saved searches in the filter of the list: it then has the conversations in which they find something."""

from __future__ import annotations

from typing import NamedTuple

from ..database.connection import Database
from ..json_text import to_json
from .list_filter import LONGEST, ListFilter, parse_filter
from .origins import Condition
from .saved_names import saved_searches, without_saved
from .search import Search

MOST = 1_000
"""Search results from which the conversations are taken."""


class SavedFilter(NamedTuple):
    """Filter of the list with saved searches in it."""

    wanted: ListFilter
    found: Condition
    """Condition on conversations, empty without saved searches that look at messages."""
    has_archived: bool = False
    """True where one of those asks for archived conversations."""


def saved_filter(db: Database, text: str) -> SavedFilter:
    """Return the filter of a text. A saved search of conditions alone is part of the filter, any other is searched."""
    rest, saved = without_saved(text, saved_searches(db))
    parts: list[str] = []
    values: dict[str, str] = {}
    plain, has_archived = [rest], False
    for number, each in enumerate(saved):
        wanted = parse_filter(db, each, len(each))
        if not wanted.words:
            plain.append(each)
            continue
        has_archived = has_archived or bool(wanted.says("archived"))
        hits = Search(db).search(each, limit=MOST)
        parts.append(f"chat_sessions.id in (select value from json_each(:saved{number}))")
        values[f"saved{number}"] = to_json(list({hit.session_id for hit in hits}))
    shown = " ".join(filter(None, plain))
    wanted = parse_filter(db, shown, LONGEST + len(shown) - len(rest))
    return SavedFilter(wanted, Condition(" and ".join(parts), values), has_archived)
