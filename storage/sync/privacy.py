"""Conversations that no server is told of, and what happens when one becomes private or stops to be."""

from __future__ import annotations

from ..clock import millis
from .acknowledgements import SyncSettle

_MAY_KNOW = """
select 1 where exists (select 1 from sync_session_state where session_id = :id and srv_seq > 0)
    or exists (select 1 from sync_outbox where conv_id = :id and sent > 0)
"""

_UNSET = """
select t.id from sync_setting_state as t
where t.id >= :id || '/' and t.id < :id || '0' and t.srv_seq > 0
    and not exists (
        select 1 from session_settings as s where s.session_id = :id and t.id = s.session_id || '/' || s.key
    )
"""
"""Settings that the server knew and that were taken away since."""

_UNDELETED = (
    """update sync_outbox set op = 'restore', arg = 1
    where conv_id = :id and kind = 'm' and op = 'put'
        and exists (select 1 from sync_grave as g where g.kind = 'm' and g.id = sync_outbox.id and g.srv_seq <> 0)""",
    "delete from sync_grave where kind = 'm' and id in (select id from chat_messages where session_id = :id)",
)
"""Messages that were deleted in sight of the server and brought back out of it."""


class SyncSide(SyncSettle):
    """Everything that the exchange with a server needs of the history."""

    def set_private(self, session_id: str, on: bool) -> None:
        """Keep a conversation on this computer, or show it to the server again.

        What the server has of it is deleted there. Shown again, it is the same conversation as before, with what was
        written and deleted meanwhile.
        """
        with self.write():
            self.get_session(session_id)
            if on == self.is_private(session_id):
                return
            if on:
                self._hide(session_id)
            else:
                self._show(session_id)
            self.touch(session_id)

    def server_may_have(self, session_id: str) -> bool:
        """Return whether a server may have the conversation: other devices then lose it where it becomes private."""
        return self.one(_MAY_KNOW, id=session_id) is not None

    def _hide(self, session_id: str) -> None:
        told = {"id": session_id, "ms": millis(self.now())}
        known = self.one(_MAY_KNOW, id=session_id) is not None
        before = self.one("select rev from sync_outbox where kind = 'c' and id = :id", id=session_id)
        self.db.execute("insert into sync_optout (conv_id) values (:id)", told)
        if ("c", session_id) in self._flying():
            self._ground()  # its words would be sent once more
        self.db.execute("delete from sync_private_gone where session_id = :id", told)
        self.db.execute(
            """insert into sync_private_gone (session_id, message_id)
            select conv_id, id from sync_outbox where conv_id = :id and kind = 'm' and op = 'del'""",
            told,
        )
        self.db.execute("delete from sync_outbox where conv_id = :id", told)
        # also where no server is known to have it: a copy of this file may have sent it
        self.db.execute(
            "insert into sync_grave (kind, id) values ('c', :id) on conflict (kind, id) do update set srv_seq = 0",
            told,
        )
        if known:
            self.db.execute(
                """insert into sync_outbox (kind, id, conv_id, op, rev, sent, edited_at)
                values ('c', :id, :id, 'del', :rev, 1, :ms)""",
                {**told, "rev": before["rev"] + 1 if before else 1},
            )

    def _show(self, session_id: str) -> None:
        now_ms = millis(self.now())
        told = {"id": session_id, "ms": now_ms}
        known = self.one(_MAY_KNOW, id=session_id) is not None
        before = self.one("select rev from sync_outbox where kind = 'c' and id = :id", id=session_id)
        self.db.execute("delete from sync_optout where conv_id = :id", told)
        self.db.execute("delete from sync_grave where kind = 'c' and id = :id", told)
        self.db.execute("delete from sync_outbox where kind = 'c' and id = :id", told)
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, rev, sent, edited_at, arg)
            values ('c', :id, :id, :op, :rev, :known, :ms, :known)""",
            {**told, "op": "restore" if known else "put", "rev": before["rev"] + 1 if before else 1, "known": known},
        )
        self._name_rescued(session_id)
        self._queue_whole(session_id, now_ms)
        for sql in _UNDELETED:
            self.db.execute(sql, told)
        gone = self.rows(
            """select message_id as id from sync_private_gone
            where session_id = :id and message_id not in (select id from chat_messages)""",
            id=session_id,
        )
        for row in gone:
            self.db.execute("insert into sync_grave (kind, id) values ('m', :id) on conflict do nothing", dict(row))
            self._queue_op("m", row["id"], session_id, "del", now_ms)
        self.db.execute("delete from sync_private_gone where session_id = :id", told)
        for row in self.rows(_UNSET, id=session_id):
            self._queue_op("s", row["id"], session_id, "del", now_ms)
        self._came_back([session_id])

    def _name_rescued(self, session_id: str) -> None:
        """What was rescued into this conversation may be known to the server in another, under the id that it has."""
        rescued = self.rows(
            """select m.id from chat_messages as m join sync_rescued as r on r.message_id = m.id
            where m.session_id = :id order by m.id""",
            id=session_id,
        )
        with self.applying():
            for row in rescued:
                self._name_anew(row["id"])
                self.db.execute("delete from sync_rescued where message_id = :id", {"id": row["id"]})
