"""Acknowledgements: what became of a push, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..clock import millis
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import NotInFlight
from ..json_text import to_json
from .ack_results import PATIENCE, AckResults
from .merge import Merge
from .outbox import Outbox
from .pull import Seen, SyncPull
from .push import SyncPush
from .records import OpResult, RejectedChange, RemoteRow
from .replicas import Replicas
from .row_writer import RowWriter
from .state import SyncMetadata

Waiting = dict[tuple[str, str], tuple[str, int]]


@in_sentences
class Acknowledgements:
    """The answers to pushes."""

    def __init__(
        self,
        db: Database,
        ack_results: AckResults,
        merge: Merge,
        outbox: Outbox,
        replicas: Replicas,
        row_writer: RowWriter,
        sync_metadata: SyncMetadata,
        sync_pull: SyncPull,
        sync_push: SyncPush,
    ) -> None:
        self.db = db
        self._ack_results = ack_results
        self._merge = merge
        self._outbox = outbox
        self._replicas = replicas
        self._row_writer = row_writer
        self._sync_metadata = sync_metadata
        self._sync_pull = sync_pull
        self._sync_push = sync_push

    def settle_push(
        self, push_seq: int, results: Sequence[OpResult], seen: Seen | None, *, fence: int, now_ms: int
    ) -> None:
        """Take the answer to the push that is on its way.

        NotInFlight, a ValueError, when no such push is, and ValueError for an answer that does not fit it; then
        nothing has changed.
        """
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            there = self._sync_push.inflight()
            if there is None or there.push_seq != push_seq:
                raise NotInFlight("that push is not on its way")
            if tuple((item.kind, item.id, item.rev) for item in results) != there.items:
                raise ValueError("the answer does not fit the push")
            waiting = self._waiting(results)
            if any(_says_too_little(item, waiting) for item in results):
                raise ValueError("an acknowledgement does not say where it was written down")
            sent = self._merge.in_flight()
            self.db.execute("delete from sync_inflight")
            with self.db.applying():
                for item in self._settle_plain(results, waiting):
                    _SETTLE[item.result](self._ack_results, item, now_ms)
                self._sync_pull.record_seen(seen)
            self._ack_results.forget_deletes(results)
            self._merge.merge_after_push(sent, now_ms)
            self.db.touch(*self._ack_results.conversations_of(results))

    def drop_inflight(self, fence: int) -> None:
        """Take a push back, to send its ops in other parcels; the server may have had it."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            self.withdraw()

    def fork(self, replica: str, fence: int) -> None:
        """Go on under a new name: another copy of this file has used the old one."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            self._outbox.date_copied(millis(self.db.now()))
            self._end_push()
            self._replicas.rename(replica)

    def withdraw(self) -> None:
        self._outbox.date_unanswered(millis(self.db.now()))
        self._end_push()

    def _end_push(self) -> None:
        sent = self._merge.in_flight()
        self.db.execute("delete from sync_inflight")
        self._merge.merge_after_push(sent, millis(self.db.now()))

    def block(self, kind: str, id_: str, rev: int, code: str, *, fence: int) -> None:
        """Set one op aside until somebody retries it by hand or changes its thing."""
        with self.db.write():
            self._sync_metadata.require_fence(fence)
            self.db.execute(
                """update sync_outbox set tries = :tries, refused_rev = rev, not_before = null, err = :code
                where kind = :kind and id = :id and rev = :rev""",
                {"kind": kind, "id": id_, "rev": rev, "code": code, "tries": len(PATIENCE) + 1},
            )

    def rejected(self, limit: int = 100) -> list[RejectedChange]:
        """Return ops that the server rejects, oldest first."""
        rows = self.db.rows(
            """select o.kind, o.id, o.conv_id as session_id, o.op, coalesce(s.title, '') as title,
                coalesce(o.err, '') as code, o.tries, o.not_before as next_at
            from sync_outbox as o left join chat_sessions as s on s.id = o.conv_id
            where o.tries > 0 order by o.seq limit :limit""",
            limit=limit,
        )
        return [RejectedChange(**dict(row)) for row in rows]

    def retry_rejected(self, id_: str | None = None) -> int:
        """Queue rejected ops again, one of them or all; return how many."""
        with self.db.write():
            return self.db.execute(
                """update sync_outbox set tries = 0, not_before = null, err = null
                where tries > 0 and id = coalesce(:id, id)""",
                {"id": id_},
            ).rowcount

    def _waiting(self, results: Sequence[OpResult]) -> Waiting:
        """Return op and revision of waiting ops about these items."""
        rows = self.db.rows(
            """select o.kind, o.id, o.op, o.rev from json_each(:items) as j
            join sync_outbox as o
                on o.kind = json_extract(j.value, '$[0]') and o.id = json_extract(j.value, '$[1]')""",
            items=to_json([(item.kind, item.id) for item in results]),
        )
        return {(row["kind"], row["id"]): (row["op"], row["rev"]) for row in rows}

    def _settle_plain(self, results: Sequence[OpResult], waiting: Waiting) -> list[OpResult]:
        """Settle the messages that were taken as they are, all at once; gives the other answers."""
        plain: list[RemoteRow] = []
        others: list[OpResult] = []
        for item in results:
            row = item.row
            as_sent = item.kind == "m" and row is not None and row.value is None and not row.is_deleted
            if as_sent and item.result == "ok" and waiting.get((item.kind, item.id)) == ("put", item.rev):
                assert row is not None
                plain.append(row)
            else:
                others.append(item)
        self._row_writer.record_messages(plain)
        self.db.executemany("delete from sync_outbox where kind = 'm' and id = ?", [(row.id,) for row in plain])
        return others


def _says_too_little(result: OpResult, waiting: Waiting) -> bool:
    op, rev = waiting.get((result.kind, result.id), ("", 0))
    written = result.kind != "x" and rev == result.rev and op in ("put", "restore")
    return written and result.row is None and result.result in ("ok", "lost")


_SETTLE: dict[str, Callable[[AckResults, OpResult, int], None]] = {
    "ok": AckResults.settle_ok,
    "lost": AckResults.settle_lost,
    "deleted": AckResults.settle_deleted,
    "conv_missing": AckResults.settle_missing,
    "rejected": AckResults.settle_rejected,
}
