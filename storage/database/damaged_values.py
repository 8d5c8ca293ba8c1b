"""Values that no program of ours writes: text that is not UTF-8, NUL, binary data in a text column, JSON that is none,
times that no calendar has.

A failing disk, a copy that broke off or another program leaves them. They are read as well as they can be, wherever
that is; here they are found and repaired. SQLite's own check of the file sees none of them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..clock import stamp
from ..conversations.usage import Usage
from ..json_text import is_json, to_json
from ..text import storable
from .connection import Database, readable
from .migrations import backup
from .sqlite_errors import in_sentences

_JSON = re.compile(r"json_valid\((\w+)\)")
_TIME = re.compile(r"(\w+) glob '\?\?\?\?-\?\?-\?\?T")
_MILLIS = re.compile(r"_(\d{13})_")
"""The time that an id carries."""
_FIRST, _LAST = "0001-01-02", "9999-12-31"
"""Days between which a time can be shown in every time zone."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Damaged values of one column."""

    table: str
    column: str
    count: int

    def __str__(self) -> str:
        return f"{self.table}.{self.column} ({self.count:,})"


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: str
    nullable: bool
    json: bool
    time: bool

    @property
    def flawed(self) -> str:
        """Return the condition that SQL can test."""
        tests = [f"typeof({self.name}) not in ({', '.join(repr(kind) for kind in _KINDS[self.type])}, 'null')"]
        if self.json:
            tests.append(f"({self.name} is not null and json_valid({self.name}) = 0)")
        if self.time:
            tests.append(
                f"({self.name} is not null and (strftime('%Y-%m-%d', {self.name}) is not substr({self.name}, 1, 10)"
                f" or {self.name} < '{_FIRST}' or {self.name} >= '{_LAST}'))"
            )
        return " or ".join(tests)


_KINDS: Mapping[str, tuple[str, ...]] = {"TEXT": ("text",), "INTEGER": ("integer",), "REAL": ("real", "integer")}


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    key: tuple[str, ...]
    columns: tuple[_Column, ...]


@in_sentences
class DamagedValues:
    """Finding and repairing them."""

    def __init__(self, db: Database, usage: Usage) -> None:
        self.db = db
        self._usage = usage

    def copy_file(self) -> Path:
        """Copy the file as it was last committed, beside it; return the copy's path."""
        self.db.require_writable()
        version: int = self.db.execute("pragma user_version").fetchone()[0]
        return backup(self.db.path, version, self.db.clock)

    def find(self) -> list[Damaged]:
        """Return how many values of which columns are damaged. Reads every row."""
        counts: dict[tuple[str, str], int] = {}
        for table in self._tables():
            for row in self._flawed_rows(table):
                for column in table.columns:
                    if _is_flawed(column, row):
                        place = table.name, column.name
                        counts[place] = counts.get(place, 0) + 1
        return [Damaged(table, column, count) for (table, column), count in sorted(counts.items())]

    def repair_values(self) -> int:
        """Replace every damaged value by what can be read of it; return how many. Nothing else is changed.

        The repair is no edit: it is neither sent to a server nor counted as use.
        """
        repaired: dict[str, list[sqlite3.Row]] = {}
        count = 0
        self.db.require_writable()
        with self.db.write(), self.db.applying():
            self.db.execute("pragma defer_foreign_keys = on")  # an id is repaired in one table after the other
            with self.db.in_bulk():  # triggers would stumble over values that are not repaired yet
                for table in self._tables():
                    repaired[table.name] = list(self._flawed_rows(table))
                    count += sum(self._repair(table, row) for row in repaired[table.name])
            self._follow(repaired)
        return count

    def _repair(self, table: _Table, row: sqlite3.Row) -> int:
        flawed = [column for column in table.columns if _is_flawed(column, row)]
        values = {f"new_{column.name}": self._repaired(column, row) for column in flawed}
        keys = {f"key_{number}": row[f"key_{number}"] for number in range(len(table.key))}
        changes = ", ".join(f"{column.name} = :new_{column.name}" for column in flawed)
        where = " and ".join(f"{_raw(name)} = :key_{number}" for number, name in enumerate(table.key))
        self.db.execute(f"update {table.name} set {changes} where {where}", values | keys)
        return len(flawed)

    def _follow(self, repaired: Mapping[str, list[sqlite3.Row]]) -> None:
        """Bring statistics and the search index in step, which triggers were kept from doing."""
        places = to_json([row["key_0"] for row in repaired["chat_messages"]])
        of_messages = (
            "select distinct session_id from chat_messages where local_id in (select value from json_each(:at))"
        )
        self._usage.recompute_sessions(row["session_id"] for row in self.db.rows(of_messages, at=places))
        if repaired["chat_sessions"]:
            self.db.execute("insert into title_search (title_search) values ('rebuild')")
        if repaired["chat_messages"]:  # its words may be as damaged as the text: all are indexed anew, in spare time
            self.db.execute("insert into message_search (message_search) values ('delete-all')")
            self.db.execute("update trash set indexed = 0")
            self.db.execute("delete from search_backlog")
            self.db.execute(
                """insert into search_backlog (first_id, last_id)
                select min(local_id), max(local_id) from chat_messages having count(*) > 0"""
            )

    def _repaired(self, column: _Column, row: sqlite3.Row) -> Any:
        raw = row[f"raw_{column.name}"]
        text = storable(readable(raw))
        if column.type != "TEXT":
            number = _number(text)
            return number if column.type == "REAL" else int(number)
        if column.json and not is_json(text):
            return None if column.nullable else to_json(text)
        if column.time and row[f"flaw_{column.name}"]:
            return self._time_of(row)
        return text

    def _time_of(self, row: sqlite3.Row) -> str:
        """Return the time that the row's id carries, else the present."""
        for name in ("raw_id", "raw_session_id"):
            if name in row.keys() and (result := _MILLIS.search(readable(row[name] or b""))):  # noqa: SIM118
                moment = datetime.fromtimestamp(int(result[1]) / 1000, UTC)
                if 2000 <= moment.year < 2200:
                    return stamp(moment)
        return self.db.stamp()

    def _flawed_rows(self, table: _Table) -> Iterator[sqlite3.Row]:
        """Return the rows with something wrong: each value as bytes, and what SQL found wrong with it."""
        names = [column.name for column in table.columns]
        keys = [f"{_raw(name)} as key_{number}" for number, name in enumerate(table.key)]
        shown = [f"cast({name} as blob) as raw_{name}" for name in names]
        flaws = [f"({column.flawed}) as flaw_{column.name}" for column in table.columns]
        # so many arguments as a function may have at most in every build of SQLite
        texts = [f"cast({column.name} as blob)" for column in table.columns if column.type == "TEXT"]
        unreadable = [f"unreadable({', '.join(texts[at : at + 100])})" for at in range(0, len(texts), 100)]
        wanted = " or ".join([*unreadable, *(f"flaw_{name}" for name in names)])
        self.db.create_function("unreadable", -1, _unreadable, deterministic=True)
        return iter(
            self.db.execute(f"select {', '.join(keys + shown + flaws)} from {table.name} where {wanted}").fetchall()
        )

    def _tables(self) -> Iterator[_Table]:
        """Return the tables of the schema, those of SQLite and of the search index left out."""
        listed = self.db.rows(
            """select t.name, t.wr, s.sql from pragma_table_list as t
            join sqlite_master as s on s.type = 'table' and s.name = t.name
            where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite\\_%' escape '\\' order by t.name"""
        )
        for row in listed:
            json, times = set(_JSON.findall(row["sql"])), set(_TIME.findall(row["sql"]))
            columns = self.db.rows('select name, type, "notnull", pk from pragma_table_info(:name)', name=row["name"])
            key = tuple(item["name"] for item in sorted(columns, key=lambda item: int(item["pk"])) if item["pk"])
            yield _Table(
                row["name"],
                key if row["wr"] else ("rowid",),
                tuple(
                    _Column(
                        item["name"],
                        item["type"].upper(),
                        nullable=not item["notnull"] and not item["pk"],
                        json=item["name"] in json,
                        time=item["name"] in times,
                    )
                    for item in columns
                    if item["type"].upper() in _KINDS
                ),
            )


def _raw(name: str) -> str:
    return name if name == "rowid" else f"cast({name} as blob)"


def _is_flawed(column: _Column, row: sqlite3.Row) -> bool:
    return bool(row[f"flaw_{column.name}"]) or (column.type == "TEXT" and _unreadable(row[f"raw_{column.name}"]))


def _unreadable(*values: bytes | None) -> bool:
    try:
        return any(value is not None and (b"\0" in value or value.decode() is None) for value in values)
    except UnicodeDecodeError:
        return True


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
