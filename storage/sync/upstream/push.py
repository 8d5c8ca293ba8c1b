"""Push to an upstream server: what is sent next, and its results.

There is no push that a server would know again, so nothing is frozen: each try says what is here now. What was on its
way is remembered, because an answer that never came may have been a yes, and saying an old title again then would bring
it back over whatever followed it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from ...database.connection import Database
from ...database.sqlite_errors import in_sentences
from ...json_text import to_json
from ..ack_results import AckResults
from ..columns import MESSAGE_COLUMNS
from ..outbox import Outbox
from ..push import OVERHEAD
from ..records import OpResult
from ..state import SyncMetadata
from .records import Batch, Item, OutboxSummary, OutgoingConversation, OutgoingMessage, digest

_FREE = "(o.tries = 0 or o.refused_rev <> o.rev or o.not_before <= :now)"
_PUTS = f"""sync_outbox as o
where o.op in ('put', 'restore') and o.kind in ('c', 'm') and {_FREE}
    and o.conv_id not in (select conv_id from sync_private)"""
_AUTOMATIC = """exists (select 1 from sync_remote as r where r.id = o.id and r.title_base is not null)
    and not exists (select 1 from sync_session_state as t where t.session_id = o.id and t.title_class = 1)"""
"""A title that nobody gave, of a conversation that others have: one of them may have given it another by hand."""
_DELETES = f"sync_outbox as o where o.kind = 'c' and o.op = 'del' and {_FREE}"

_SESSION = """
select id, title, created_at, updated_at, message_count, total_tokens, last_model, last_message_preview,
    last_message_timestamp
from chat_sessions where id = :id
"""
_ON_HIDDEN_BRANCH = """(
    o.id in (select message_id from hidden_messages where session_id = o.conv_id)
    and not exists (select 1 from sync_remote_message as n where n.message_id = o.id and n.base <> '')
)"""
"""A message that is not on the shown branch and that such a server has not got: it knows one line of messages."""
_MESSAGES = f"""
select o.id, o.rev, r.extra, {", ".join(f"m.{name}" for name in MESSAGE_COLUMNS)}
from sync_outbox as o join chat_messages as m on m.id = o.id
left join sync_remote_message as r on r.message_id = o.id
where o.kind = 'm' and o.conv_id = :id and o.op in ('put', 'restore') and {_FREE} and m.session_id = :id
    and not {_ON_HIDDEN_BRANCH}
order by m.message_timestamp, m.id limit :most
"""
_LONG = ("content", "reasoning", "reasoning_details", "annotations", "metadata", "error_message")


@in_sentences
class UpstreamPush:
    """Pushes in upstream's protocol."""

    def __init__(self, db: Database, ack_results: AckResults, outbox: Outbox, sync_metadata: SyncMetadata) -> None:
        self.db = db
        self._ack_results = ack_results
        self._outbox = outbox
        self._sync_metadata = sync_metadata

    def outlook(self, now_ms: int) -> OutboxSummary:
        """Return a summary of what waits to be sent."""
        waits = self.db.one(f"select 1 from {_PUTS} limit 1", now=now_ms) or self.db.one(
            f"select 1 from {_DELETES} limit 1", now=now_ms
        )
        doubtful = self.db.one(f"select 1 from {_PUTS} and o.sent > 0 limit 1", now=now_ms) or self.db.one(
            f"select 1 from {_PUTS} and o.kind = 'c' and {_AUTOMATIC} limit 1", now=now_ms
        )
        clear = self.db.one("select 1 from sync_outbox where kind = 'x'")
        settings = self.db.one("select 1 from sync_outbox where kind = 's' limit 1")
        return OutboxSummary(
            waits is not None or clear is not None, doubtful is not None, clear is not None, settings is not None
        )

    def freeze(
        self,
        *,
        fence: int,
        now_ms: int,
        most_conversations: int = 20,
        most_messages: int = 100,
        most_bytes: int = 700_000,
        skip: Collection[str] = (),
    ) -> Batch:
        """Return what is sent next; it counts as sent from now on, for nobody can know.

        ``skip`` are conversations that are not sent now. Changes that such a server does not support are dropped:
        settings, deletions of single messages, which tombstones hide here, and messages of branches that are not shown,
        which :class:`.ShownBranch` queues again when they are.
        """
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            self._let_go()
            deletes = self._deletes(now_ms, most_conversations, skip)
            conversations: list[OutgoingConversation] = []
            room = most_bytes
            for session_id in self._waiting_conversations(now_ms, most_conversations, skip):
                item, size = self._outgoing(session_id, now_ms, most_messages, room)
                if item is not None:
                    conversations.append(item)
                    room -= size
                if room <= 0:
                    break
            return Batch(deletes, tuple(conversations))

    def settle(
        self, acked: Sequence[Item], refused: Sequence[tuple[Item, str]] = (), *, fence: int, now_ms: int
    ) -> None:
        """Take an answer: what is stored there, in exactly the revision that was sent; what was refused, and why."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            for kind, id_, rev in acked:
                if kind == "c":
                    self._settle_conversation(id_, rev)
                elif kind == "m":
                    self._settle_message(id_)
                self.db.execute(
                    "delete from sync_outbox where kind = :kind and id = :id and rev = :rev",
                    {"kind": kind, "id": id_, "rev": rev},
                )
            for (kind, id_, rev), code in refused:
                self._ack_results.settle_rejected(OpResult(kind, id_, rev, "rejected", None, code), now_ms)
            self.db.touch(*{id_ for kind, id_, _ in acked if kind == "c"})

    def clear(self, listed: Collection[str] | None, least: int, *, fence: int) -> Sequence[Item] | None:
        """Return the items that one request to clear everything settles, or None where they go one by one.

        ``listed`` is all that the server has, None where that is not known. It may if every one of these was deleted
        here, and if there are ``least`` of them at least.
        """
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            clear = self.db.one("select rev from sync_outbox where kind = 'x'")
            if clear is None:
                return None
            waiting = self.db.rows("select id, rev from sync_outbox where kind = 'c' and op = 'del'")
            gone = {row["id"] for row in self.db.rows("select id from sync_tombstones where kind = 'c'")}
            live = self.db.one("select 1 from chat_sessions where id not in (select conv_id from sync_private) limit 1")
            if listed is None or len(listed) < least or live is not None or not set(listed) <= gone:
                self.db.execute("delete from sync_outbox where kind = 'x'")
                return None
            self.db.execute("update sync_outbox set sent = 1 where kind = 'x' or (kind = 'c' and op = 'del')")
            self.db.execute("update sync_tombstones set server_seq = -1 where kind = 'c'")
            self.db.execute("delete from sync_remote")
            return [("x", "all", clear["rev"]), *(("c", row["id"], row["rev"]) for row in waiting)]

    def _let_go(self) -> None:
        self.db.execute("delete from sync_outbox where kind = 's' or (kind = 'm' and op = 'del')")
        self.db.execute(
            """delete from sync_outbox where kind = 'm' and exists (
                select 1 from chat_messages as m where m.id = sync_outbox.id and m.role = 'system')"""
        )
        self.db.execute(f"delete from sync_outbox as o where o.kind = 'm' and o.op = 'put' and {_ON_HIDDEN_BRANCH}")

    def _deletes(self, now_ms: int, most: int, skip: Collection[str]) -> tuple[Item, ...]:
        rows = self.db.rows(
            f"""select o.id, o.rev from {_DELETES} and o.id not in (select value from json_each(:skip))
            order by o.seq limit :most""",
            now=now_ms, most=most, skip=to_json(sorted(skip)),
        )  # fmt: skip
        for row in rows:
            # one that is brought back before the answer comes is not known there, and will be sent again
            self.db.execute("delete from sync_remote where id = :id", {"id": row["id"]})
            self.db.execute(
                "update sync_tombstones set server_seq = -1 where kind = 'c' and id = :id", {"id": row["id"]}
            )
            self._mark_sent("c", row["id"])
        return tuple(("c", row["id"], row["rev"]) for row in rows)

    def _waiting_conversations(self, now_ms: int, most: int, skip: Collection[str]) -> list[str]:
        rows = self.db.rows(
            f"""select o.conv_id as id from {_PUTS} and o.conv_id not in (select value from json_each(:skip))
            group by o.conv_id order by min(o.seq) limit :most""",
            now=now_ms, most=most, skip=to_json(sorted(skip)),
        )  # fmt: skip
        return [row["id"] for row in rows]

    def _outgoing(self, session_id: str, now_ms: int, most: int, room: int) -> tuple[OutgoingConversation | None, int]:
        row = self.db.one(_SESSION, id=session_id)
        if row is None:  # another tool took it away unseen
            self.db.execute("delete from sync_outbox where conv_id = :id and op <> 'del'", {"id": session_id})
            return None, 0
        known = self._is_known_there(session_id)
        own = self._own_op(session_id, now_ms)
        if not known or (own is not None and own["op"] == "restore"):
            self.enqueue_conversation(session_id, now_ms)
            own = self._own_op(session_id, now_ms)
        if own is not None and not own["free"] and not known:
            return None, 0  # the server does not take it: it would not know where its messages belong
        rev = own["rev"] if own is not None and own["free"] else None
        size = OVERHEAD
        messages: list[OutgoingMessage] = []
        for result in self.db.rows(_MESSAGES, id=session_id, now=now_ms, most=most):
            size += OVERHEAD + sum(len(result[name] or "") for name in _LONG)
            if messages and size > room:
                break
            value = {name: result[name] for name in MESSAGE_COLUMNS}
            messages.append(OutgoingMessage(result["id"], result["rev"], value, json.loads(result["extra"] or "{}")))
            self._note_sent(result["id"], value)
        if rev is None and not messages:
            return None, 0
        if rev is not None:
            self._note_title_sent(session_id, row["title"])
        return OutgoingConversation(session_id, rev, known, dict(row), tuple(messages)), size

    def _own_op(self, session_id: str, now_ms: int) -> Any:
        return self.db.one(
            f"select o.rev, o.op, {_FREE} as free from sync_outbox as o where o.kind = 'c' and o.id = :id",
            id=session_id, now=now_ms,
        )  # fmt: skip

    def _is_known_there(self, session_id: str) -> bool:
        return (
            self.db.one("select 1 from sync_remote where id = :id and title_base is not null", id=session_id)
            is not None
        )

    def enqueue_conversation(self, session_id: str, now_ms: int) -> None:
        """Enqueue a conversation with all its messages: the server does not have it any more, or never had."""
        values = {"id": session_id, "ms": now_ms}
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at) values ('c', :id, :id, 'put', :ms)
            on conflict (kind, id) do update set op = 'put'""",
            values,
        )
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'm', id, session_id, 'put', :ms from chat_messages where session_id = :id and role <> 'system'
            on conflict (kind, id) do update set op = 'put'""",
            values,
        )

    def _note_sent(self, message_id: str, value: dict[str, Any]) -> None:
        self._mark_sent("m", message_id)
        self.db.execute(
            """insert into sync_remote_message (message_id, sent) values (:id, :sent)
            on conflict (message_id) do update set sent = excluded.sent""",
            {"id": message_id, "sent": digest(value)},
        )

    def _note_title_sent(self, session_id: str, title: str) -> None:
        self._mark_sent("c", session_id)
        self.db.execute(
            """insert into sync_remote (id, title_sent) values (:id, :title)
            on conflict (id) do update set title_sent = excluded.title_sent""",
            {"id": session_id, "title": title},
        )

    def _mark_sent(self, kind: str, id_: str) -> None:
        self.db.execute("update sync_outbox set sent = 1 where kind = :kind and id = :id", {"kind": kind, "id": id_})

    def _settle_conversation(self, session_id: str, rev: int) -> None:
        op = self.db.one("select op, rev from sync_outbox where kind = 'c' and id = :id", id=session_id)
        if op is not None and op["op"] == "del" and op["rev"] == rev:
            return
        self._outbox.record_known("c", session_id, 1)
        self.db.execute(
            """update sync_session_state set created_seq = 1, acked_class = title_class where session_id = :id""",
            {"id": session_id},
        )
        self.db.execute("update sync_remote set title_base = title_sent where id = :id", {"id": session_id})

    def _settle_message(self, message_id: str) -> None:
        self._outbox.record_known("m", message_id, 1)
        self.db.execute("update sync_remote_message set base = sent where message_id = :id", {"id": message_id})
