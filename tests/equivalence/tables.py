"""Rows of one person in both engines, as plain values that can be compared."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from recount import Mirror

from sterna.storage.clock import parse, stamp

Rows = dict[str, dict[str, Any]]
Tables = dict[str, Rows]


@dataclass(frozen=True)
class Table:
    """A table that both engines have."""

    name: str
    mirror: str
    owner: str
    """The column that says whose a row is, in PostgreSQL."""
    key: tuple[str, ...] = ("id",)
    made: frozenset[str] = frozenset()
    """Columns that each engine makes up for itself."""


TABLES = (
    Table("auth.users", "auth_users", "id"),
    Table("public.profiles", "profiles", "id"),
    Table("public.user_activity_log", "user_activity_log", "user_id", (), frozenset({"id"})),
    Table("public.chat_sessions", "chat_sessions", "user_id"),
    Table("public.chat_messages", "chat_messages", "user_id"),
    Table("public.message_attachments", "message_attachments", "user_id", ("message_id", "position")),
    Table("public.chat_memory", "chat_memory", "user_id"),
    Table("public.deleted_items", "deleted_items", "user_id", ("kind", "id")),
    Table("public.session_counts", "session_counts", "user_id", ("session_id",)),
    Table("public.session_settings", "session_settings", "user_id", ("session_id", "key")),
    Table("public.search_sessions", "search_sessions", "user_id", (), frozenset({"id"})),
    Table("public.user_sessions", "user_sessions", "user_id", ("session_token",), frozenset({"id"})),
    Table("public.visit_messages", "visit_messages", "user_id", (), frozenset({"id", "session_id"})),
    Table("public.user_interactions", "user_interactions", "user_id", (), frozenset({"id", "session_id"})),
    Table("public.user_usage_daily", "user_usage_daily", "user_id", ("usage_date",), frozenset({"id"})),
)
LOCAL = frozenset({"local_id", "standing", "pinned", "archived"})
"""Columns of the mirror that mean something only inside its file."""
SERVER = frozenset({"encrypted_password", "banned_until"})
"""Columns of auth.users that no mirror has."""

UNOWNED = frozenset(
    {
        "public.chat_messages",
        "public.message_attachments",
        "public.session_counts",
        "public.session_settings",
        "public.visit_messages",
    }
)
"""Where the mirror needs no owner: one file is one person's."""

_COLUMNS = """
select column_name, udt_name
from information_schema.columns
where table_schema || '.' || table_name = %s
"""


def _moment(value: Any) -> Any:
    return None if value is None else stamp(parse(value))


def _number(value: Any) -> Any:
    return None if value is None else float(value)


def _text(value: Any) -> Any:
    return None if value is None else json.loads(value)


def _truth(value: Any) -> Any:
    return None if value is None else bool(value)


def _vector(value: Any) -> Any:
    return None if value is None else json.loads(value)


def _unpacked(value: Any) -> Any:
    return None if value is None else list(array("f", value))


FROM_POSTGRES: Mapping[str, Callable[[Any], Any]] = {"timestamptz": _moment, "numeric": _number, "vector": _vector}
FROM_SQLITE: Mapping[str, Callable[[Any], Any]] = {
    "jsonb": _text,
    "_text": _text,
    "_float4": _text,
    "bool": _truth,
    "numeric": _number,
    "vector": _unpacked,
}


@dataclass(frozen=True)
class Reader:
    """Brings rows of one table into one form."""

    table: Table
    types: Mapping[str, str]
    mine: tuple[tuple[str, Callable[[Any], Any]], ...]
    theirs: tuple[tuple[str, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, table: Table, types: Mapping[str, str]) -> Reader:
        hidden = table.made | (SERVER if table.owner == "id" else frozenset())
        if table.name in UNOWNED:
            hidden |= {"user_id"}
        known = {name: kind for name, kind in types.items() if name not in hidden}
        return cls(
            table,
            known,
            tuple((name, FROM_SQLITE[kind]) for name, kind in known.items() if kind in FROM_SQLITE),
            tuple((name, FROM_POSTGRES[kind]) for name, kind in known.items() if kind in FROM_POSTGRES),
        )

    @property
    def select(self) -> str:
        """Reads the mirror's rows."""
        return f"select {', '.join(self.types)} from {self.table.mirror}"

    def read(self, rows: Iterable[dict[str, Any]], changes: tuple[tuple[str, Callable[[Any], Any]], ...]) -> Rows:
        found = []
        for row in rows:
            for name, change in changes:
                row[name] = change(row[name])
            last = row.get("last_message")
            if last is not None:
                last["created_at"] = _moment(last["created_at"])
            details = row.get("details")
            if isinstance(details, dict) and "synced_at" in details:
                details["synced_at"] = _moment(details["synced_at"])
            found.append(row)
        if self.table.key:
            return {"/".join(str(row[name]) for name in self.table.key): row for row in found}
        ordered = sorted(found, key=lambda row: json.dumps(row, sort_keys=True))
        return {str(at): row for at, row in enumerate(ordered)}


class Postgres:
    """One connection of the superuser, and the query that reads all of a person's rows at once."""

    def __init__(self, db: psycopg.Connection[dict[str, Any]]) -> None:
        self.db = db
        self.readers = []
        parts = []
        for table in TABLES:
            found = db.execute(_COLUMNS, (table.name,)).fetchall()
            assert found, f"{table.name} is missing"
            types = {row["column_name"]: row["udt_name"] for row in found}
            reader = Reader.of(table, types)
            self.readers.append(reader)
            shown = ", ".join(reader.types)
            parts.append(
                f"'{table.name}', (select coalesce(json_agg(t), '[]')"
                f" from (select {shown} from {table.name} where {table.owner} = $1) as t)"
            )
        # planned once: with so many tables that is half of its time
        db.execute(f"prepare rows_of (uuid) as select json_build_object({', '.join(parts)}) as found".encode())

    def ask(self, user: str) -> psycopg.Cursor[dict[str, Any]]:
        """Asks for all rows of a person; :meth:`read` reads the answer, which in a pipeline comes later."""
        return self.db.execute(f"execute rows_of ('{user}')".encode())

    def read(self, answer: psycopg.Cursor[dict[str, Any]]) -> Tables:
        """All rows of the person asked for."""
        row = answer.fetchone()
        assert row is not None
        return {
            reader.table.name: reader.read(row["found"][reader.table.name], reader.theirs) for reader in self.readers
        }

    def tables(self, user: str) -> Tables:
        """All rows of a person."""
        return self.read(self.ask(user))

    def mirrored(self, store: Mirror) -> Tables:
        """All rows of the mirror, in the same form."""
        return {
            reader.table.name: reader.read(
                [dict(row) for row in store.db.execute(reader.select).fetchall()], reader.mine
            )
            for reader in self.readers
        }


def differences(mine: Tables, theirs: Tables) -> list[str]:
    """Describe the differences between the engines; empty when there are none."""
    found = []
    for name in mine:
        if mine[name] == theirs[name]:
            continue
        for key in sorted(mine[name].keys() | theirs[name].keys()):
            one, other = mine[name].get(key), theirs[name].get(key)
            if one is None or other is None:
                found.append(f"{name} {key}: only {'PostgreSQL' if one is None else 'SQLite'} has {one or other!r}")
                continue
            found += [
                f"{name} {key}.{column}: SQLite {one[column]!r}, PostgreSQL {other[column]!r}"
                for column in one
                if one[column] != other[column]
            ]
    return found
