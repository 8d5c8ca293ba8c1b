"""Outbox of unsent ops, what a server is known to have, and rows deferred until they can be merged."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .records import RemoteRow
from .replicas import Replicas

_IN_FLIGHT = """(
    select json_extract(j.value, '$[0]') as kind, json_extract(j.value, '$[1]') as id,
        json_extract(j.value, '$[2]') as rev
    from sync_inflight as f, json_each(f.items) as j
)"""
_IS_VALUE = "(o.op = 'put' or o.kind = 's')"
"""Of an op whose time counts: a value, or the removal of a setting."""


@dataclass(slots=True)
class Page:
    """Local facts about the items of a page."""

    resync: bool
    now_ms: int
    flying: frozenset[tuple[str, str]]
    """On their way to the server, and the conversations that they belong to."""
    here: Mapping[str, str] = field(default_factory=dict)
    """Message → its conversation."""
    tombstones: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Message → op and whether it sends an old value again."""
    states: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    noted: Collection[str] = ()
    private: Collection[str] = ()
    sessions: Collection[str] = ()

    def known(self, message_id: str) -> int:
        """Return the newest position at which the message is known."""
        if self.resync and message_id not in self.noted:
            return 0
        return self.states.get(message_id, (0, 0, ""))[0]


@in_sentences
class Outbox:
    """The outbox, tombstones and deferred rows."""

    def __init__(self, db: Database, replicas: Replicas) -> None:
        self.db = db
        self._replicas = replicas

    def was_restored(self, row: RemoteRow, tombstone: int, op: str | None, page: Page) -> bool:
        """Return whether a person restored the item after its deletion was acknowledged."""
        return not page.resync and op != "del" and 0 < tombstone < row.created_seq

    def add_tombstone(self, kind: str, row: RemoteRow, page: Page, *, known: bool = True) -> None:
        """Record the position of a deletion on the server."""
        self.db.execute(
            "update sync_tombstones set server_seq = :seq where kind = :kind and id = :id",
            {"seq": row.seq, "kind": kind, "id": row.id},
        )
        if known:
            self.record_known(kind, row.id, row.seq)
        if (kind, row.id) not in page.flying:
            self.db.execute(
                "delete from sync_outbox where kind = :kind and id = :id and op = 'del'", {"kind": kind, "id": row.id}
            )

    def renew_tombstone(self, row: RemoteRow, op: str | None, page: Page) -> None:
        """Delete again what is live on the server and deleted here: a copy of this file, or an old backup, sent it."""
        self.defer(row, page)
        self.forget_acknowledged_delete(row, page)
        covered = row.kind == "c" and self.db.one(
            "select 1 from sync_outbox where kind = 'x' and arg >= :created", created=row.created_seq
        )
        if op != "del" and not covered:
            self.enqueue(row.kind, row.id, row.session_id, "del", page.now_ms)

    def lost_unseen(self, row: RemoteRow, known: int, tie: str) -> bool:
        """Return whether the value here is this device's own and was replaced by one whose author had not seen it."""
        return known in row.overtook and tie in self._replicas.replicas()

    def forget_acknowledged_delete(self, row: RemoteRow, page: Page) -> None:
        """Reset the tombstone of an item that is live in a server set back: nobody acknowledged its deletion there.

        The old position would otherwise make a later creation look like a restore by a person.
        """
        if page.resync:
            self.db.execute(
                "update sync_tombstones set server_seq = 0 where kind = :kind and id = :id and server_seq > 0",
                {"kind": row.kind, "id": row.id},
            )

    def keep_edit(self, kind: str, row: RemoteRow, page: Page, stamp: tuple[int, int, str]) -> None:
        """Keep the op that waits. A server that has the row must hear of a deletion, whoever sent it."""
        self.db.execute("update sync_outbox set sent = 1 where kind = :kind and id = :id", {"kind": kind, "id": row.id})
        if page.resync:
            # it replaces that very value, or one that its author had not seen: an older one may be a stranger's too
            self.record_known(kind, row.id, row.seq if row.stamp == stamp else row.seq - 1)

    def record_known(self, kind: str, id_: str, seq: int) -> None:
        """Move the position at which a thing is known, and nothing else."""
        table, key = {
            "c": ("sync_session_state", "session_id"),
            "m": ("sync_message_state", "message_id"),
            "s": ("sync_setting_state", "id"),
        }[kind]
        self.db.execute(
            f"""insert into {table} ({key}, server_seq) values (:id, :seq)
            on conflict ({key}) do update set server_seq = excluded.server_seq""",
            {"id": id_, "seq": seq},
        )

    def record_created(self, row: RemoteRow) -> None:
        """Record when a conversation was created on the server: a clear reaches only what was created before it."""
        self.db.execute(
            """insert into sync_session_state (session_id, created_seq) values (:id, :created)
            on conflict (session_id) do update set created_seq = excluded.created_seq""",
            {"id": row.id, "created": row.created_seq},
        )

    def enqueue_again(self, kind: str, id_: str, session_id: str, seq: int, now_ms: int, op: str = "put") -> None:
        """Enqueue an acknowledged value again, with its own stamp, for a server that has an older one or none.

        Who wrote it need not have seen the older one, which may be a stranger's: so its position is not the base.
        """
        self.record_known(kind, id_, seq - 1)
        self.enqueue(kind, id_, session_id, op, now_ms, restamp=1)

    def enqueue(self, kind: str, id_: str, session_id: str, op: str, now_ms: int, *, restamp: int = 0) -> None:
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
            values (:kind, :id, :session, :op, :ms, :restamp)
            on conflict (kind, id) do update set op = excluded.op, rev = rev + 1, edited_at = excluded.edited_at,
                restamp = excluded.restamp""",
            {"kind": kind, "id": id_, "session": session_id, "op": op, "ms": now_ms, "restamp": restamp},
        )

    def date_unanswered(self, now_ms: int) -> None:
        """Date edits of the push in flight as old as can be where the clock was put back since they were made.

        The server may have received them, and others may have replaced them. Their age is not known any more, and an
        edit of the future would count as made now, after its replacement.
        """
        self.db.execute(
            f"""update sync_outbox as o set edited_at = 0
            where o.edited_at > :now and {_IS_VALUE}
                and (o.kind, o.id, o.rev) in (select kind, id, rev from {_IN_FLIGHT})""",
            {"now": now_ms},
        )

    def date_copied(self, now_ms: int) -> None:
        """Date first revisions that wait as old as can be where the clock was put back since: a copy of this file may
        have sent them.

        Later revisions are left alone, because they may replace one that the copy has sent.
        """
        self.db.execute(
            f"update sync_outbox as o set edited_at = 0 where o.edited_at > :now and {_IS_VALUE} and o.rev = 1",
            {"now": now_ms},
        )

    def date_after_unanswered(self, now_ms: int) -> None:
        """Give edits of items in the push in flight the present time.

        The server may have dated what they replace at any time until now, and sent it to others.
        """
        self.db.execute(
            f"""update sync_outbox as o set edited_at = :now from {_IN_FLIGHT} as i
            where o.kind = i.kind and o.id = i.id and o.rev > i.rev and {_IS_VALUE}""",
            {"now": now_ms},
        )

    def dequeue(self, kind: str, id_: str) -> None:
        self.db.execute("delete from sync_outbox where kind = :kind and id = :id", {"kind": kind, "id": id_})

    def defer(self, row: RemoteRow, page: Page) -> None:
        if page.resync:
            self.record_known(
                row.kind, row.id, row.seq - 1
            )  # the position that it had in the old history means nothing
        self.db.execute(
            """insert into sync_deferred (kind, id, session_id, seq, content)
            values (:kind, :id, :session, :seq, :content)
            on conflict (kind, id) do update set
                session_id = excluded.session_id, seq = excluded.seq, content = excluded.content
            where seq <= excluded.seq""",
            {
                "kind": row.kind,
                "id": row.id,
                "session": row.session_id,
                "seq": row.seq,
                "content": to_json(asdict(row)),
            },
        )

    def drop_deferred(self, tombstone: RemoteRow) -> None:
        """Drop deferred rows of a conversation that was deleted; a restore brings its messages back as new."""
        self.db.execute(
            """delete from sync_deferred
            where session_id = :id and seq < :seq and not json_extract(content, '$.is_deleted')""",
            {"id": tombstone.id, "seq": tombstone.seq},
        )

    def pop_deferred(self, where: str, /, **values: str) -> list[RemoteRow]:
        """Return deferred rows, and remove them."""
        result = self.db.rows(f"delete from sync_deferred where {where} returning content, seq", **values)
        return [RemoteRow(**json.loads(row["content"])) for row in sorted(result, key=lambda row: int(row["seq"]))]

    def record_seen(self, rows: Iterable[RemoteRow]) -> None:
        self.db.executemany(
            "insert into sync_seen (kind, id) values (?, ?) on conflict do nothing",
            [(row.kind, row.id) for row in rows],
        )
