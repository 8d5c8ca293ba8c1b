"""Merge of an upstream server's conversations into the history.

Such a server has no feed of changes. Its list of conversations is compared with what it said last, the messages of
those that differ are fetched whole and merged one by one, and nothing is concluded from a message that is not there.
A conversation that is not in a whole list is asked for by its id; one that is really gone goes to the trash here, not
to nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...conversations.conversations import DEFAULT_TITLE, Conversations
from ...database.connection import Database
from ...database.sqlite_errors import in_sentences
from ...errors import NotFound
from ...json_text import to_json
from ..columns import MESSAGE_COLUMNS, SUMMARY, is_same
from ..conflicts import Conflicts
from ..merge import Merge
from ..outbox import Outbox
from ..records import RemoteRow
from ..row_writer import RowWriter
from ..state import SyncMetadata
from .push import UpstreamPush
from .records import (
    MISSING_FEW,
    MISSING_SHARE,
    ConversationEntry,
    IncomingMessage,
    ListComparison,
    digest,
    enriched,
    rank,
)

ANSWER = "sync_missing_answer"
HELD = "sync_missing_held"

_FACTS = """
select j.value as id, s.title, s.created_at, s.id is not null as here, p.conv_id is not null as private,
    g.id is not null as tombstone, o.op, o.sent, coalesce(t.title_class, 0) as cls, r.fingerprint,
    r.title_base, r.title_sent
from json_each(:ids) as j
left join chat_sessions as s on s.id = j.value
left join sync_private as p on p.conv_id = j.value
left join sync_tombstones as g on g.kind = 'c' and g.id = j.value
left join sync_outbox as o on o.kind = 'c' and o.id = j.value
left join sync_session_state as t on t.session_id = j.value
left join sync_remote as r on r.id = j.value
"""
_KNOWN = """sync_remote as r join chat_sessions as s on s.id = r.id
where r.title_base is not null and r.id not in (select conv_id from sync_private)"""
_UNKNOWN = """
select s.id from chat_sessions as s
where not exists (select 1 from sync_remote as r where r.id = s.id and r.title_base is not null)
    and not exists (select 1 from sync_private where conv_id = s.id)
    and not exists (select 1 from sync_outbox where kind = 'c' and id = s.id)
"""
_HERE = f"""
select m.id, m.session_id, o.op, r.base, r.sent, {", ".join(f"m.{name}" for name in MESSAGE_COLUMNS)}
from chat_messages as m
left join sync_outbox as o on o.kind = 'm' and o.id = m.id
left join sync_remote_message as r on r.message_id = m.id
where m.id in (select value from json_each(:ids))
"""


@in_sentences
class UpstreamPull:
    """Pulls in upstream's protocol."""

    def __init__(
        self,
        db: Database,
        conflicts: Conflicts,
        conversations: Conversations,
        merge: Merge,
        outbox: Outbox,
        row_writer: RowWriter,
        sync_metadata: SyncMetadata,
        upstream_push: UpstreamPush,
    ) -> None:
        self.db = db
        self._conflicts = conflicts
        self._conversations = conversations
        self._merge = merge
        self._outbox = outbox
        self._row_writer = row_writer
        self._sync_metadata = sync_metadata
        self._upstream_push = upstream_push

    def survey(self, entries: Sequence[ConversationEntry], *, whole: bool, fence: int, now_ms: int) -> ListComparison:
        """Compare a list with the one before; ``whole``: it names every conversation that there is."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            facts = {row["id"]: row for row in self.db.rows(_FACTS, ids=to_json([item.id for item in entries]))}
            changed, fresh = [], []
            with self.db.applying():
                for item in entries:
                    fact = facts[item.id]
                    if fact["private"] or (fact["tombstone"] and not fact["here"]):
                        if fact["op"] != "del":  # deleted here, and there again
                            self._outbox.enqueue("c", item.id, item.id, "del", now_ms)
                        continue
                    if fact["op"] == "del" or (
                        fact["op"] is None and fact["fingerprint"] == item.fingerprint and fact["here"]
                    ):
                        continue
                    if not fact["here"]:
                        fresh.append(item)
                    else:
                        self._apply_title(item, fact, now_ms)
                    if fact["fingerprint"] != item.fingerprint or not fact["here"]:
                        changed.append(item.id)
                self._insert_new(fresh)
            if not whole:
                return ListComparison(tuple(changed))
            missing = self._missing({item.id for item in entries})
            missing, held = self._believed(missing)
            self.db.execute("update sync_state set complete = :whole", {"whole": not changed})
            for row in self.db.rows(_UNKNOWN):
                self._upstream_push.enqueue_conversation(row["id"], now_ms)
            return ListComparison(tuple(changed), missing, held)

    def merge(
        self, session_id: str, messages: Sequence[IncomingMessage], fingerprint: str | None, *, fence: int, now_ms: int
    ) -> int:
        """Take a conversation's messages; how many were new or other. ``fingerprint``: what the list said, where these
        are all that it counted."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            if not self.db.one(
                "select 1 from chat_sessions where id = :id", id=session_id
            ) or self._sync_metadata.is_private(session_id):
                return 0
            by_id = {item.id: item for item in messages}
            ids = to_json(list(by_id))
            here = {row["id"]: dict(row) for row in self.db.rows(_HERE, ids=ids)}
            tombstones = {
                row["id"]
                for row in self.db.rows(
                    "select id from sync_tombstones where kind = 'm' and id in (select value from json_each(:ids))",
                    ids=ids,
                )
            }
            fresh: list[IncomingMessage] = []
            taken = 0
            with self.db.applying():
                for item in by_id.values():
                    mine = here.get(item.id)
                    if item.id in tombstones:
                        continue
                    if mine is None:
                        fresh.append(item)
                    elif mine["session_id"] == session_id:
                        taken += self._apply_message(item, mine, session_id, now_ms)
                self._row_writer.insert_messages([_row(item.id, session_id, item.value) for item in fresh])
                self._note_base(fresh)
                if fingerprint is not None:
                    self._enqueue_lost(session_id, ids, now_ms)
                    self.db.execute(
                        "update sync_remote set fingerprint = :fingerprint where id = :id",
                        {"fingerprint": fingerprint, "id": session_id},
                    )
                    self._row_writer.mark_complete([session_id])
            return taken + len(fresh)

    def gone(self, session_id: str, *, fence: int, now_ms: int) -> bool:
        """Move a conversation that was deleted elsewhere to the trash; unsent texts are kept apart."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            self.db.execute("delete from sync_remote where id = :id", {"id": session_id})
            try:
                self._conversations.get(session_id)
            except NotFound:
                return False
            if self._sync_metadata.is_private(session_id):
                return False
            with self.db.applying():
                self._merge.apply_delete(session_id, now_ms)
            return True

    def is_whole(self, fence: int) -> None:
        """Record that everything that the list named is here."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            self.db.execute("update sync_state set complete = 1")

    def missing(self) -> int:
        """Return how many conversations a person is asked about, because a list suddenly lacked them."""
        row = self.db.one("select value from local_state where key = :key", key=HELD)
        return int(row["value"]) if row else 0

    def answer_missing(self, *, keep: bool) -> None:
        """Keep missing conversations and send them again, or delete them here too, as the person answered."""
        with self.db.write():
            self._set_state(ANSWER, "keep" if keep else "delete")
            self._set_state(HELD, None)

    def _insert_new(self, entries: Sequence[ConversationEntry]) -> None:
        rows = [
            RemoteRow(
                "c", item.id, item.id, 1, 1, value={"title": item.title, "created_at": item.created_at} | _summary(item)
            )
            for item in entries
        ]
        self._row_writer.insert_conversations(rows)
        self._row_writer.store_summaries(rows)
        for item in entries:
            self.db.execute(
                """insert into sync_remote (id, title_base) values (:id, :title)
                on conflict (id) do update
                set fingerprint = null, title_base = excluded.title_base, title_sent = null""",
                {"id": item.id, "title": item.title},
            )

    def _apply_title(self, item: ConversationEntry, fact: sqlite3.Row, now_ms: int) -> None:
        """Take the title of the last writer, as far as that is known; record the other one as a conflict."""
        mine, theirs = fact["title"], item.title
        take = theirs != mine
        if take and theirs == DEFAULT_TITLE and fact["op"] is None:
            # nobody gives that title: it was deleted, and made again by a message that came without one
            take = False
            self._outbox.enqueue("c", item.id, item.id, "put", now_ms)
        elif fact["op"] is not None and theirs == mine:
            if fact["op"] == "put":
                self._outbox.dequeue("c", item.id)  # it arrived, whatever was answered
        elif fact["op"] is not None and theirs in (fact["title_base"], fact["title_sent"]):
            take = False  # nobody has written since
        elif fact["op"] is not None:
            # one that was on its way and is not there may have been there, and been overtaken by who had seen it
            overtaken = fact["title_sent"] == mine
            take = overtaken or (not fact["cls"] and theirs != DEFAULT_TITLE)
            if take:
                if fact["op"] == "put":
                    self._outbox.dequeue("c", item.id)
                if fact["cls"]:
                    self._conflicts.record("c", item.id, item.id, mine, now_ms)
            elif theirs != DEFAULT_TITLE:
                self._conflicts.record("c", item.id, item.id, theirs, now_ms)
        self._outbox.record_known("c", item.id, 1)
        self.db.execute(
            """update sync_session_state set created_seq = 1, title_class = iif(:take, 0, title_class)
            where session_id = :id""",
            {"id": item.id, "take": take},
        )
        self.db.execute(
            """insert into sync_remote (id, title_base) values (:id, :title)
            on conflict (id) do update set title_base = excluded.title_base""",
            {"id": item.id, "title": theirs},
        )
        created = min(fact["created_at"], item.created_at)
        if take or created != fact["created_at"]:
            value = {"title": theirs if take else mine, "created_at": created}
            self._row_writer.set_title(RemoteRow("c", item.id, item.id, 1, 1, value=value))

    def _missing(self, listed: Collection[str]) -> tuple[str, ...]:
        rows = self.db.rows(
            f"""select r.id from {_KNOWN}
                and not exists (select 1 from sync_outbox where kind = 'c' and id = r.id and op <> 'put')"""
        )
        return tuple(sorted(row["id"] for row in rows if row["id"] not in listed))

    def _believed(self, missing: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return missing conversations to look up, and those that a person is asked about: too many at once."""
        row = self.db.one("select value from local_state where key = :key", key=ANSWER)
        answer = json.loads(row["value"]) if row else None
        known = self.db.one(f"select count(*) as n from {_KNOWN}")
        assert known is not None
        if len(missing) <= max(MISSING_FEW, known["n"] * MISSING_SHARE):
            self._set_state(HELD, None)
            self._set_state(ANSWER, None)
            return missing, ()
        if answer == "delete":
            return missing, ()  # until all of them have been asked for, in however many turns
        if answer is None:
            self._set_state(HELD, len(missing))
            return (), missing
        self._set_state(ANSWER, None)
        self.db.execute(
            "delete from sync_remote where id in (select value from json_each(:ids))", {"ids": to_json(missing)}
        )
        return (), ()

    def _set_state(self, key: str, value: Any) -> None:
        if value is None:
            self.db.execute("delete from local_state where key = :key", {"key": key})
        else:
            self.db.execute(
                """insert into local_state (key, value) values (:key, :value)
                on conflict (key) do update set value = excluded.value""",
                {"key": key, "value": to_json(value)},
            )

    def _enqueue_lost(self, session_id: str, ids: str, now_ms: int) -> None:
        """Say again what the server had and has no more. It deletes no single message: the conversation was deleted
        as a whole, and somebody's next message made it again."""
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'm', id, session_id, 'put', :ms from chat_messages
            where session_id = :id and role <> 'system' and id not in (select value from json_each(:ids))
                and id not in (select message_id from hidden_messages where session_id = :id)
            on conflict (kind, id) do nothing""",
            {"id": session_id, "ids": ids, "ms": now_ms},
        )

    def _apply_message(self, item: IncomingMessage, mine: Mapping[str, Any], session_id: str, now_ms: int) -> bool:
        """Merge a message; return whether what is here changed."""
        there, here = digest(item.value), digest(mine)
        self._note_base([item])
        if mine["op"] is None:
            if there != here and item.value["error_message"] and not mine["error_message"]:
                return False  # what succeeded stands
            result: Mapping[str, Any] = enriched(mine, item.value)
        elif there in (here, mine["base"], mine["sent"]):
            return False  # nobody else has written since; ours goes there
        else:
            result = self._weighed(item, mine, session_id, now_ms)
        if is_same(mine, result):
            return False
        self._row_writer.update_message(_row(item.id, session_id, result))
        return True

    def _weighed(
        self, item: IncomingMessage, mine: Mapping[str, Any], session_id: str, now_ms: int
    ) -> Mapping[str, Any]:
        """Return the winning form of a message that two devices wrote; record the other one as a conflict."""
        ours, theirs = rank(mine), rank(item.value)
        stands = ours > theirs and (ours[0] != theirs[0] or digest(mine) != mine["sent"])
        if item.value["content"] != mine["content"]:
            self._conflicts.record("m", item.id, session_id, (item.value if stands else mine)["content"], now_ms)
        if stands:
            return mine
        self._outbox.dequeue("m", item.id)
        return enriched(mine, item.value)

    def _note_base(self, messages: Iterable[IncomingMessage]) -> None:
        for item in messages:
            self._outbox.record_known("m", item.id, 1)
            self.db.execute(
                """insert into sync_remote_message (message_id, base, extra) values (:id, :base, :extra)
                on conflict (message_id) do update set base = excluded.base, extra = excluded.extra""",
                {"id": item.id, "base": digest(item.value), "extra": to_json(item.extra) if item.extra else None},
            )


def _summary(item: ConversationEntry) -> dict[str, Any]:
    return {name: getattr(item, name) for name in SUMMARY}


def _row(id_: str, session_id: str, value: Mapping[str, Any]) -> RemoteRow:
    return RemoteRow("m", id_, session_id, 1, 1, value=value)
