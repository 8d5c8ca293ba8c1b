"""Private conversations, which are sent to no server, and the transitions to and from private."""

from __future__ import annotations

from ..clock import millis
from ..conversations.conversations import Conversations
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from .ack_results import AckResults
from .acknowledgements import Acknowledgements
from .merge import Merge
from .outbox import Outbox
from .pull import SyncPull
from .recovery import Recovery
from .state import SyncMetadata

_MAY_KNOW = """
select 1 where exists (select 1 from sync_session_state where session_id = :id and server_seq > 0)
    or exists (select 1 from sync_outbox where conv_id = :id and sent > 0)
"""

_UNSET = """
select t.id from sync_setting_state as t
where t.id >= :id || '/' and t.id < :id || '0' and t.server_seq > 0
    and not exists (
        select 1 from session_settings as s where s.session_id = :id and t.id = s.session_id || '/' || s.key
    )
"""
"""Settings that the server knew and that were taken away since."""

_UNDELETED = (
    """update sync_outbox set op = 'restore', arg = 1
    where conv_id = :id and kind = 'm' and op = 'put'
        and exists (
            select 1 from sync_tombstones as g where g.kind = 'm' and g.id = sync_outbox.id and g.server_seq <> 0
        )""",
    "delete from sync_tombstones where kind = 'm' and id in (select id from chat_messages where session_id = :id)",
)
"""Messages that were deleted in sight of the server and brought back out of it."""


@in_sentences
class Privacy:
    """Conversations that stay on this device."""

    def __init__(
        self,
        db: Database,
        ack_results: AckResults,
        acknowledgements: Acknowledgements,
        conversations: Conversations,
        merge: Merge,
        outbox: Outbox,
        recovery: Recovery,
        sync_metadata: SyncMetadata,
        sync_pull: SyncPull,
    ) -> None:
        self.db = db
        self._ack_results = ack_results
        self._acknowledgements = acknowledgements
        self._conversations = conversations
        self._merge = merge
        self._outbox = outbox
        self._recovery = recovery
        self._sync_metadata = sync_metadata
        self._sync_pull = sync_pull

    def set_private(self, session_id: str, on: bool) -> None:
        """Keep a conversation on this device, or show it to the server again.

        What the server has of it is deleted there. Shown again, it is the same conversation as before, with what was
        written and deleted meanwhile.
        """
        with self.db.write():
            self._conversations.get(session_id)
            if on == self._sync_metadata.is_private(session_id):
                return
            if on:
                self._hide(session_id)
            else:
                self._show(session_id)
            self.db.touch(session_id)

    def server_may_have(self, session_id: str) -> bool:
        """Return whether a server may have the conversation: other devices then lose it where it becomes private."""
        return self.db.one(_MAY_KNOW, id=session_id) is not None

    def _hide(self, session_id: str) -> None:
        values = {"id": session_id, "ms": millis(self.db.now())}
        known = self.db.one(_MAY_KNOW, id=session_id) is not None
        before = self.db.one("select rev from sync_outbox where kind = 'c' and id = :id", id=session_id)
        self.db.execute("insert into sync_private (conv_id) values (:id)", values)
        if ("c", session_id) in self._merge.in_flight():
            self._acknowledgements.withdraw()  # its words would be sent once more
        self.db.execute("delete from sync_private_deletions where session_id = :id", values)
        self.db.execute(
            """insert into sync_private_deletions (session_id, message_id)
            select conv_id, id from sync_outbox where conv_id = :id and kind = 'm' and op = 'del'""",
            values,
        )
        self.db.execute("delete from sync_outbox where conv_id = :id", values)
        self.db.execute(
            """update attachments set uploaded = 0 where id in (
                select a.attachment_id from message_attachments as a join chat_messages as m on m.id = a.message_id
                where m.session_id = :id)""",
            values,
        )
        # also where no server is known to have it: a copy of this file may have sent it
        self.db.execute(
            """insert into sync_tombstones (kind, id) values ('c', :id)
            on conflict (kind, id) do update set server_seq = 0""",
            values,
        )
        if known:
            self.db.execute(
                """insert into sync_outbox (kind, id, conv_id, op, rev, sent, edited_at)
                values ('c', :id, :id, 'del', :rev, 1, :ms)""",
                {**values, "rev": before["rev"] + 1 if before else 1},
            )

    def _show(self, session_id: str) -> None:
        now_ms = millis(self.db.now())
        values = {"id": session_id, "ms": now_ms}
        known = self.db.one(_MAY_KNOW, id=session_id) is not None
        before = self.db.one("select rev from sync_outbox where kind = 'c' and id = :id", id=session_id)
        self.db.execute("delete from sync_private where conv_id = :id", values)
        self.db.execute("delete from sync_tombstones where kind = 'c' and id = :id", values)
        self.db.execute("delete from sync_outbox where kind = 'c' and id = :id", values)
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, rev, sent, edited_at, arg)
            values ('c', :id, :id, :op, :rev, :known, :ms, :known)""",
            {**values, "op": "restore" if known else "put", "rev": before["rev"] + 1 if before else 1, "known": known},
        )
        self._name_rescued(session_id)
        self._ack_results.enqueue_conversation(session_id, now_ms)
        for sql in _UNDELETED:
            self.db.execute(sql, values)
        gone = self.db.rows(
            """select message_id as id from sync_private_deletions
            where session_id = :id and message_id not in (select id from chat_messages)""",
            id=session_id,
        )
        for row in gone:
            self.db.execute(
                "insert into sync_tombstones (kind, id) values ('m', :id) on conflict do nothing", dict(row)
            )
            self._outbox.enqueue("m", row["id"], session_id, "del", now_ms)
        self.db.execute("delete from sync_private_deletions where session_id = :id", values)
        for row in self.db.rows(_UNSET, id=session_id):
            self._outbox.enqueue("s", row["id"], session_id, "del", now_ms)
        self._sync_pull.apply_deferred([session_id])

    def _name_rescued(self, session_id: str) -> None:
        """Give rescued messages new ids: a server may know the old ones in another conversation."""
        rescued = self.db.rows(
            """select m.id from chat_messages as m join sync_recovered_messages as r on r.message_id = m.id
            where m.session_id = :id order by m.id""",
            id=session_id,
        )
        with self.db.applying():
            for row in rescued:
                self._recovery.assign_new_id(row["id"])
                self.db.execute("delete from sync_recovered_messages where message_id = :id", {"id": row["id"]})
