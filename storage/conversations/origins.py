"""Where conversations come from: the program that they were imported from, and the folder or project there."""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple

from ..database.connection import Database
from ..json_text import from_json, to_json

OURS = "sterna"
"""Value of ``from:`` for what was begun here."""
_SETTING = {"from": "source", "in": "project"}
_OF_SETTING = "{id} in (select session_id from session_settings where key = '{key}' and ({what}))"

Match = Literal["whole", "below", "name", "begun"]


class Condition(NamedTuple):
    """Condition on conversations in SQL, with its values."""

    sql: str
    values: dict[str, Any]


class Origin(NamedTuple):
    """A program or a project that a filter names."""

    kind: str
    """``from`` or ``in``."""
    value: str
    match: Match = "whole"

    def condition(self, id_column: str, name: str) -> Condition:
        """Return the condition on conversations; ``name`` is that of its values."""
        key = _SETTING[self.kind]
        if self.kind == "from" and self.value == OURS:
            return Condition(f"{id_column} not in (select session_id from session_settings where key = '{key}')", {})
        what, values = _comparison(self.value, self.match, name)
        return Condition(_OF_SETTING.format(id=id_column, key=key, what=what), values)


def known_origin(db: Database, kind: str, text: str) -> Origin | None:
    """Return what a filter names: a program or project, a folder above projects, or how a name begins; None where
    nothing here comes from there.
    """
    if kind == "from":
        value = text.lower()
        if value == OURS:
            return Origin(kind, OURS)
        tries: tuple[tuple[str, Match], ...] = ((value, "whole"), (value, "begun"))
    else:
        path = os.path.expanduser(text).rstrip("/") or "/"
        tries = ((path, "below"), (path, "name"), (path, "begun"))
    for value, match in tries:
        what, values = _comparison(value, match, "value")
        sql = f"select 1 from session_settings where key = :key and ({what}) limit 1"
        if db.one(sql, key=_SETTING[kind], **values) is not None:
            return Origin(kind, value, match)
    return None


def origin_text(source: Any, project: Any) -> str:
    """Return how the list names where a conversation comes from; empty for one that was begun here."""
    program, folder = from_json(source) if source else None, from_json(project) if project else None
    if not isinstance(program, str):
        return ""
    name = folder.replace("\\", "/").rstrip("/").rpartition("/")[2] if isinstance(folder, str) else ""
    return f"{program} · {name}" if name else program


def with_tilde(path: str) -> str:
    """Return a path as a person types it, with ``~`` for home."""
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path


def _comparison(value: str, match: Match, name: str) -> tuple[str, dict[str, Any]]:
    """Return the condition on a stored setting, which is JSON: a text in quotation marks."""
    whole = to_json(value)
    begun = whole[:-1]
    if match == "whole":
        return f"value = :{name}", {name: whole}
    if match == "below":
        start = begun if begun.endswith("/") else begun + "/"
        return (
            f"value = :{name} or (value >= :{name}_from and value < :{name}_to)",
            {name: whole, f"{name}_from": start, f"{name}_to": start + "\U0010ffff"},
        )
    if match == "begun":
        return f"value >= :{name}_from and value < :{name}_to", {
            f"{name}_from": begun,
            f"{name}_to": begun + "\U0010ffff",
        }
    ending = "/" + whole[1:]
    return f"value = :{name} or substr(value, -:{name}_size) = :{name}_end", {
        name: whole,
        f"{name}_end": ending,
        f"{name}_size": len(ending),
    }
