"""Imported conversations: new ones many at once, those that are here merged.

Rows go in as they are, with the times of their source; what triggers would do (outbox, usage, search) is done from the
rows, once a batch. Use counts on the days of the messages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..attachments.attachments import Attachments
from ..clock import millis
from ..conversations.bulk_import import INDEX_AT_ONCE
from ..conversations.search_index import SearchIndex
from ..conversations.shown_branch import LEAF, ShownBranch
from ..conversations.usage import Usage
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid
from ..json_text import to_json
from ..records import Attachment
from .merging import Merging, Plan
from .records import IncomingConversation, Taken

_AGAIN = """
on conflict (kind, id) do update set
    op = iif(op = 'restore', op, excluded.op), conv_id = excluded.conv_id, rev = rev + 1,
    edited_at = excluded.edited_at, restamp = 0
"""
_WANTED = "from json_each(:ids) as j {} where j.value not in (select conv_id from sync_private)"
_OF_CONVERSATIONS = {
    "c": "select :kind, j.value, j.value, :op, :ms " + _WANTED.format(""),
    "m": "select :kind, m.id, m.session_id, :op, :ms "
    + _WANTED.format("join chat_messages as m on m.session_id = j.value"),
    "s": "select :kind, s.session_id || '/' || s.key, s.session_id, :op, :ms "
    + _WANTED.format("join session_settings as s on s.session_id = j.value"),
}
"""Rows of the outbox for all that new conversations have."""
_KNOWN_TO_SERVER = {
    "c": ("sync_session_state where session_id", "j.value"),
    "m": (
        "sync_message_state where message_id",
        "coalesce((select m.session_id from chat_messages as m where m.id = j.value), '')",
    ),
}
"""Condition for what a server acknowledged, and the id of its conversation."""


@in_sentences
class Imports:
    """Writing of imported conversations."""

    def __init__(
        self,
        db: Database,
        attachments: Attachments,
        search_index: SearchIndex,
        shown_branch: ShownBranch,
        usage: Usage,
    ) -> None:
        self.db = db
        self.merging = Merging(db, shown_branch)
        self._attachments = attachments
        self._search_index = search_index
        self._usage = usage

    def compare(
        self, batch: Sequence[IncomingConversation], *, restore: bool = False
    ) -> list[tuple[Taken, Sequence[int]]]:
        """Return what :meth:`take` would do with each, and the positions of the messages that it would write."""
        here, deleted = self._known(batch, restore=restore)
        result: list[tuple[Taken, Sequence[int]]] = []
        for incoming in batch:
            if incoming.id in here:
                plan = self.merging.plan(incoming, restore=restore)
                result.append((_taken(incoming, plan), plan.added + plan.changed))
            elif incoming.id in deleted:
                result.append((Taken(incoming.id, "deleted"), []))
            else:
                result.append((Taken(incoming.id, "new", len(incoming.messages)), range(len(incoming.messages))))
        return result

    def take(
        self,
        run: int,
        batch: Sequence[IncomingConversation],
        files: Iterable[Attachment] = (),
        *,
        restore: bool = False,
    ) -> list[Taken]:
        """Write a batch in one transaction; ``files`` are those that its messages name."""
        with self.db.write():
            for file in files:
                self._attachments.add(file)
            here, deleted = self._known(batch, restore=restore)
            fresh: dict[str, IncomingConversation] = {}
            result: list[Taken] = []
            for incoming in batch:
                if incoming.id in here or incoming.id in fresh:
                    continue
                if incoming.id not in deleted:
                    fresh[incoming.id] = incoming
            refused = self._write_fresh(run, list(fresh.values()))
            for incoming in batch:
                if incoming.id in refused:
                    result.append(Taken(incoming.id, "refused"))
                elif fresh.get(incoming.id) is incoming:
                    result.append(Taken(incoming.id, "new", len(incoming.messages)))
                elif incoming.id in here or incoming.id in fresh:
                    result.append(self._merge(run, incoming, restore=restore))
                else:
                    result.append(Taken(incoming.id, "deleted"))
            self.db.touch(*(taken.id for taken in result if taken.status in ("new", "updated")))
        return result

    def _known(self, batch: Sequence[IncomingConversation], *, restore: bool) -> tuple[set[str], set[str]]:
        """Return the ids that are here, and those that were deleted here by a person."""
        ids = to_json([incoming.id for incoming in batch])
        here = {row["id"] for row in self.db.rows(
            "select id from chat_sessions where id in (select value from json_each(:ids))", ids=ids
        )}  # fmt: skip
        if restore:
            return here, set()
        deleted = {row["id"] for row in self.db.rows(
            """select value as id from json_each(:ids) where (
                value in (select id from deleted_items where kind = 'session')
                or value in (select id from sync_tombstones where kind = 'c')
            ) and coalesce((
                select undone from import_changes where session_id = value and before is null
                order by run_id desc limit 1
            ), 0) = 0""",
            ids=ids,
        )}  # fmt: skip
        return here, deleted

    # New conversations

    def _write_fresh(self, run: int, batch: list[IncomingConversation]) -> set[str]:
        """Write new conversations; returns those that break a rule of the schema."""
        if not batch:
            return set()
        try:
            with self.db.savepoint():
                self._insert(run, batch)
        except (sqlite3.IntegrityError, Invalid):
            if len(batch) == 1:
                return {batch[0].id}
            half = len(batch) // 2
            return self._write_fresh(run, batch[:half]) | self._write_fresh(run, batch[half:])
        return set()

    def _insert(self, run: int, batch: list[IncomingConversation]) -> None:
        ids = [incoming.id for incoming in batch]
        counted = {row["id"] for row in self.db.rows(
            "select id from deleted_sessions where id in (select value from json_each(:ids))", ids=to_json(ids)
        )}  # fmt: skip
        before = self._search_index.newest_local_id()
        user = self.db.user_id
        settings = [
            {"session_id": incoming.id, "key": key, "value": to_json(value)}
            for incoming in batch
            for key, value in _first_settings(incoming).items()
        ]
        self._capture_deleted(ids)
        with self.db.applying(), self.db.in_bulk():
            self.db.insert_many("chat_sessions", (_session_row(each, user) for each in batch))
            for own in (False, True):  # those have more columns
                self.db.insert_many(
                    "chat_messages", (row for each in batch if each.is_own is own for row in each.messages)
                )
            self.db.insert_many("session_settings", settings)
            self._usage.recompute_sessions(ids)
            self._search_index.index_after(before, at_once=INDEX_AT_ONCE)
            self.db.execute(
                """insert into title_search (rowid, title)
                select local_id, title from chat_sessions where id in (select value from json_each(:ids))""",
                {"ids": to_json(ids)},
            )
        self._usage.add_by_day([each.id for each in batch if each.id not in counted])
        for kind, rows_of in _OF_CONVERSATIONS.items():
            self.db.execute(
                f"insert into sync_outbox (kind, id, conv_id, op, edited_at) {rows_of} {_AGAIN}",
                {"kind": kind, "op": "put", "ids": to_json(ids), "ms": millis(self.db.now())},
            )
        self.db.executemany(
            """insert into import_changes (run_id, session_id) values (?, ?)
            on conflict (run_id, session_id) do update set undone = 0""",
            [(run, id_) for id_ in ids],
        )

    # Conversations that are here

    def _merge(self, run: int, incoming: IncomingConversation, *, restore: bool) -> Taken:
        plan = self.merging.plan(incoming, restore=restore)
        taken = _taken(incoming, plan)
        if plan.is_empty and not plan.settings:
            return taken
        with self.db.applying():
            before = self.merging.apply(incoming, plan)
        added = [incoming.messages[place]["id"] for place in plan.added]
        self._capture_deleted(added, kind="m")
        self._usage.add_messages_by_day(added)
        if plan.title is not None:
            self._capture("c", [(incoming.id, incoming.id)])
        changed = [incoming.messages[place]["id"] for place in plan.changed]
        self._capture("m", [(id_, incoming.id) for id_ in (*added, *changed)])
        self.capture_settings(incoming.id, plan.settings)
        if not plan.is_empty:
            self._note(run, incoming.id, before)
        return taken

    def _note(self, run: int, session_id: str, before: Mapping[str, Any]) -> None:
        """Keep what a run changed; of a conversation that it changes twice, the first state."""
        self.db.execute(
            """insert into import_changes (run_id, session_id, before) values (:run, :id, :before)
            on conflict (run_id, session_id) do update set undone = 0, before = iif(
                before is null, null,
                json_set(before, '$.added', json((
                    select json_group_array(value) from (
                        select value from json_each(before, '$.added')
                        union all select value from json_each(:before, '$.added')
                    )
                )))
            )""",
            {"run": run, "id": session_id, "before": to_json(before)},
        )

    # Outbox

    def capture_settings(self, session_id: str, settings: Mapping[str, Any]) -> None:
        """Queue settings for sync; one that is None was taken away."""
        for op, taken_away in (("put", False), ("del", True)):
            self._capture(
                "s",
                [(f"{session_id}/{key}", session_id) for key, v in settings.items() if (v is None) is taken_away],
                op,
            )

    def _capture(self, kind: str, things: Sequence[tuple[str, str]], op: str = "put") -> None:
        """Queue rows for sync: their ids, each with that of its conversation."""
        if not things:
            return
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select :kind, json_extract(value, '$[0]'), json_extract(value, '$[1]'), :op, :ms from json_each(:things)
            where json_extract(value, '$[1]') not in (select conv_id from sync_private)"""
            + _AGAIN,
            {"kind": kind, "op": op, "ms": millis(self.db.now()), "things": to_json(things)},
        )

    def _capture_deleted(self, ids: Sequence[str], kind: str = "c") -> None:
        """Queue the return of what a server knows, and had deleted or told to delete, and forget that it was."""
        values = {"ids": to_json(ids), "kind": kind, "ms": millis(self.db.now())}
        known, conversation = _KNOWN_TO_SERVER[kind]
        self.db.execute(
            f"""insert into sync_outbox (kind, id, conv_id, op, sent, edited_at, arg)
            select :kind, j.value, {conversation}, 'restore', 1, :ms, 1 from json_each(:ids) as j
            where exists (select 1 from {known} = j.value and server_seq > 0)
                or exists (
                    select 1 from sync_tombstones as g where g.kind = :kind and g.id = j.value and g.server_seq <> 0)
                or exists (select 1 from sync_outbox as o where o.kind = :kind and o.id = j.value and o.sent > 0)
            on conflict (kind, id) do update set
                op = 'restore', rev = rev + 1, arg = 1, edited_at = excluded.edited_at, restamp = 0""",
            values,
        )
        self.db.execute(
            "delete from sync_tombstones where kind = :kind and id in (select value from json_each(:ids))", values
        )


def _taken(incoming: IncomingConversation, plan: Plan) -> Taken:
    status = "updated" if not plan.is_empty else "older" if plan.is_older and not incoming.is_own else "unchanged"
    return Taken(incoming.id, status, len(plan.added), plan.kept)  # type: ignore[arg-type]


def _session_row(incoming: IncomingConversation, user_id: str) -> dict[str, Any]:
    return {
        "id": incoming.id,
        "user_id": user_id,
        "title": incoming.title,
        "created_at": incoming.created_at,
        "updated_at": incoming.updated_at,
        "last_activity": incoming.last_activity or incoming.updated_at,
    }


def _first_settings(incoming: IncomingConversation) -> dict[str, Any]:
    leaf = {} if incoming.leaf is None or LEAF in incoming.settings else {LEAF: incoming.leaf}
    return {**incoming.labels, **leaf, **incoming.settings}
