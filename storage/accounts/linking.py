"""Adoption of a local history by an account at a sign-in.

See docs/specification/schema.md#local-account.

Three ways, and none takes anything away. The history of this device becomes the account's: one transaction rewrites
the id that every table hangs on, notes the account and queues every row, so that a crash leaves either a local history
or one that is all on its way. Or it is added to the file that the account has here already; the file it came from stays
as it is, because another process may be writing to it, and adding twice adds nothing. Or it is left alone and the
account begins with an empty file, which is adopted like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..clock import millis
from ..conversations.bulk_import import INDEX_AT_ONCE
from ..conversations.search_index import SearchIndex
from ..conversations.usage import Usage
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid
from .profiles import Profiles

_QUEUE = (
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'c', c.id, c.id, 'put', :ms from chat_sessions as c
    where c.local_id > :session and c.id not in (select conv_id from sync_private)
        and not exists (select 1 from sync_outbox as o where o.kind = 'c' and o.id = c.id)
    order by c.local_id""",
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', m.id, m.session_id, 'put', :ms from chat_messages as m
    where m.local_id > :message and m.session_id not in (select conv_id from sync_private)
        and not exists (select 1 from sync_outbox as o where o.kind = 'm' and o.id = m.id)
    order by m.local_id""",
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', s.session_id || '/' || s.key, s.session_id, 'put', :ms
    from session_settings as s join chat_sessions as c on c.id = s.session_id
    where c.local_id > :session and s.session_id not in (select conv_id from sync_private)
        and not exists (
            select 1 from sync_outbox as o where o.kind = 's' and o.id = s.session_id || '/' || s.key)""",
)
"""Everything after those rows that is not private and waits for nothing yet."""

_HERE_ONCE = """
select c.id as id, true as here from chat_sessions as c
union all select id, false from deleted_sessions where id not in (select id from chat_sessions)
union all select id, false from sync_tombstones where kind = 'c' and id not in (select id from chat_sessions)
"""

_WITH_CONVERSATION = ("session_counts", "session_settings", "session_marks", "drafts")


@dataclass(frozen=True, slots=True)
class HistorySize:
    """Size of a history."""

    conversations: int
    messages: int
    private: int
    """Of the conversations, how many are never sent."""


@in_sentences
class AccountLinking:
    """Whose the history is."""

    def __init__(self, db: Database, profiles: Profiles, search_index: SearchIndex, usage: Usage) -> None:
        self.db = db
        self._profiles = profiles
        self._search_index = search_index
        self._usage = usage

    def owner(self) -> tuple[str, str] | None:
        """Return origin and user id of the account that this history belongs to; None for a local one."""
        row = self.db.one("select origin, user_id from sync_account")
        return (row["origin"], row["user_id"]) if row else None

    def history(self) -> HistorySize:
        """Return the size of this history."""
        row = self.db.one(
            """select (select count(*) from chat_sessions) as conversations,
                (select count(*) from chat_messages) as messages,
                (select count(*) from sync_private where conv_id in (select id from chat_sessions)) as private"""
        )
        assert row is not None
        return HistorySize(**dict(row))

    def adopt(self, origin: str, user_id: str, email: str, metadata: Mapping[str, Any] | None = None) -> bool:
        """Make this history the account's; False when it is already. Raises Invalid when it is another's."""
        if not _is_uuid(user_id) or not origin:
            raise Invalid("That is no account of a server.")
        with self.db.write():
            owner = self.owner()
            if owner is not None and owner != (origin, user_id):
                raise Invalid("This history belongs to another account. Nothing was changed.")
            if owner is None:
                with self.db.applying():  # the cascade is no edit of a conversation, and no use of it
                    self.db.execute(
                        "update auth_users set id = :new where id = :old", {"new": user_id, "old": self.db.user_id}
                    )
                self.db.execute(
                    "insert into sync_account (one, origin, user_id) values (1, :origin, :user)",
                    {"origin": origin, "user": user_id},
                )
                # no server knows of it: what it meant to clear is in no history but this one
                self.db.execute("delete from sync_outbox where kind = 'x'")
                self._queue(session=0, message=0)
            self._profiles.ensure_profile(user_id, email or None, metadata)
        return owner is None

    def move_account(self, origin: str) -> None:
        """Note the new address of the account's server. What was learnt at the old one is asked anew."""
        with self.db.write():
            self.db.execute("update sync_account set origin = :origin, caps = null, caps_at = null", {"origin": origin})
            self.db.execute("update sync_state set next_at = null, fails = 0")

    def merge_from(self, other: AccountLinking) -> HistorySize:
        """Add what another file holds and this one does not; gives what was added. Nothing is taken from there.

        What was deleted here stays deleted, what is private there is private here.
        """
        with other.db.snapshot(), self.db.write():
            known = {row["id"]: bool(row["here"]) for row in self.db.rows(_HERE_ONCE)}
            new = {row["id"] for row in other.db.rows("select id from chat_sessions")} - known.keys()
            before = {"session": self._newest("chat_sessions"), "message": self._newest("chat_messages")}
            with self.db.applying(), self.db.in_bulk():
                self._copy(other, "sync_private", new, "conv_id")
                self._copy(other, "chat_sessions", new, "id")
                for table in _WITH_CONVERSATION:
                    self._copy(other, table, new | {""} if table == "drafts" else new, "session_id")
                titled = (row for row in other.rows_of("sync_session_state") if row["session_id"] in new)
                self.db.insert_many("sync_session_state", map(_titled, titled), known="or ignore")
                there = new | {name for name, here in known.items() if here}
                self._copy(other, "chat_messages", there, "session_id", skip=self._tombstones("m"))
                self._recount(before["message"], new)
                self._index_titles(before["session"])
                self._search_index.index_after(before["message"], at_once=INDEX_AT_ONCE)
            waiting = (row for row in other.rows_of("sync_outbox") if row["op"] == "put" and row["conv_id"] in new)
            self.db.insert_many("sync_outbox", map(_unsent, waiting), known="or ignore")  # with the times of the edits
            self._queue(**before)
            self.db.touch(*new)
            return self._added(before)

    @property
    def _columns(self) -> Mapping[str, tuple[str, ...]]:
        """Return the columns of each table, without computed ones and those that mean something in one file only."""
        result: dict[str, list[str]] = {}
        for row in self.db.rows(
            """select t.name as place, c.name as name from pragma_table_list as t, pragma_table_info(t.name) as c
            where t.schema = 'main' and t.type = 'table' and c.name <> 'local_id'"""
        ):
            result.setdefault(row["place"], []).append(row["name"])
        return {place: tuple(names) for place, names in result.items()}

    def rows_of(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield every row of a table of this file, in the order in which they were written."""
        order = "local_id" if table in ("chat_sessions", "chat_messages") else "1"
        for row in self.db.execute(f"select {', '.join(self._columns[table])} from {table} order by {order}"):
            yield dict(row)

    def _copy(
        self, other: AccountLinking, table: str, of: set[str], column: str, *, skip: frozenset[str] = frozenset()
    ) -> None:
        rows = (row for row in other.rows_of(table) if row[column] in of and row.get("id") not in skip)
        if table == "chat_sessions":
            rows = (row | {"user_id": self.db.user_id} for row in rows)
        self.db.insert_many(table, rows, known="or ignore")

    def _queue(self, *, session: int, message: int) -> None:
        values = {"session": session, "message": message, "ms": millis(self.db.now())}
        for sql in _QUEUE:
            self.db.execute(sql, {name: values[name] for name in values if f":{name}" in sql})

    def _recount(self, after: int, new: set[str]) -> None:
        """Recount conversations that were here already and got messages."""
        grown = self.db.rows("select distinct session_id from chat_messages where local_id > :after", after=after)
        self._usage.recompute_sessions(row["session_id"] for row in grown if row["session_id"] not in new)

    def _index_titles(self, after: int) -> None:
        self.db.execute(
            "insert into title_search (rowid, title) select local_id, title from chat_sessions where local_id > :after",
            {"after": after},
        )

    def _added(self, before: Mapping[str, int]) -> HistorySize:
        row = self.db.one(
            """select (select count(*) from chat_sessions where local_id > :session) as conversations,
                (select count(*) from chat_messages where local_id > :message) as messages,
                (select count(*) from chat_sessions where local_id > :session
                    and id in (select conv_id from sync_private)) as private""",
            **before,
        )
        assert row is not None
        return HistorySize(**dict(row))

    def _tombstones(self, kind: str) -> frozenset[str]:
        return frozenset(
            row["id"] for row in self.db.rows("select id from sync_tombstones where kind = :kind", kind=kind)
        )

    def _newest(self, table: str) -> int:
        row = self.db.one(f"select coalesce(max(local_id), 0) as n from {table}")
        return int(row["n"]) if row else 0


def _unsent(row: dict[str, Any]) -> dict[str, Any]:
    """Return an outbox row for another file, without its number."""
    return {name: row[name] for name in ("kind", "id", "conv_id", "op", "edited_at")}


def _titled(row: dict[str, Any]) -> dict[str, Any]:
    """Return the title's state without what a server said of it: that server was another account's."""
    return {name: row[name] for name in ("session_id", "title_class", "title_time")}


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
