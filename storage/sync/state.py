"""Sync metadata: cursor, fence, account, and the numbers of the status line.

A process that syncs acquires the fence, one number up; every later write of it names that number. One that slept
through a takeover finds another there and changes nothing.
"""

from __future__ import annotations

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import FenceLost
from ..ids import RANDOM_LENGTH
from ..records import Conversation
from .records import MOST_COUNTED, SyncAccount, SyncCounts, SyncState

_BOUNDED = "select count(*) as n from (select 1 from {what} limit :most)"

# Parents of messages, messages of branches that were not shown, and settings.
_UNTOLD = (
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 'm', m.id, m.session_id, 'put', t.ms
    from branched_conversations as b join chat_messages as m on m.session_id = b.session_id, sync_moment as t
    where m.session_id not in (select conv_id from sync_private)
        and (m.parent_id is not null or m.id in (select message_id from hidden_messages))
    on conflict (kind, id) do nothing""",
    """insert into sync_outbox (kind, id, conv_id, op, edited_at)
    select 's', s.session_id || '/' || s.key, s.session_id, 'put', t.ms
    from session_settings as s, sync_moment as t
    where s.session_id not in (select conv_id from sync_private)
    on conflict (kind, id) do nothing""",
)


@in_sentences
class SyncMetadata:
    """State and account."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def waiting(self) -> int:
        """Return how many ops wait to be sent."""
        row = self.db.one("select count(*) as n from sync_outbox")
        return int(row["n"]) if row else 0

    def state(self) -> SyncState:
        """Return cursor, fence and retry state."""
        row = self.db.one(
            """select replica, push_seq, cursor, full_cursor, seen_seq, seen_nonce, resync, fence, next_at, fails
            from sync_state"""
        )
        assert row is not None
        return SyncState(**{**dict(row), "resync": bool(row["resync"])})

    def account(self) -> SyncAccount | None:
        """Return the account that this history belongs to; None for a local one."""
        row = self.db.one("select origin, user_id, mode, caps, caps_at from sync_account")
        return SyncAccount(**dict(row)) if row else None

    def set_account(
        self,
        origin: str,
        user_id: str,
        *,
        mode: str | None = None,
        caps: str | None = None,
        caps_at: int | None = None,
    ) -> None:
        """Note the account and what was learnt of its server.

        A server that used upstream's protocol until now is sent what that protocol does not support.
        """
        with self.db.write():
            before = self.account()
            if before is not None and (before.mode, mode) == ("baseline", "delta"):
                for sql in _UNTOLD:
                    self.db.execute(sql)
            self.db.execute(
                """insert into sync_account (one, origin, user_id, mode, caps, caps_at)
                values (1, :origin, :user, :mode, :caps, :caps_at)
                on conflict (one) do update set origin = excluded.origin, user_id = excluded.user_id,
                    mode = excluded.mode, caps = excluded.caps, caps_at = excluded.caps_at""",
                {"origin": origin, "user": user_id, "mode": mode, "caps": caps, "caps_at": caps_at},
            )

    def acquire_fence(self) -> int:
        """Become the process that syncs this file; return the number that its writes name."""
        with self.db.write():
            self.db.execute("update sync_state set fence = fence + 1")
            state = self.state()
            if not state.replica:
                self.db.execute("update sync_state set replica = :new", {"new": self.db.token(2 * RANDOM_LENGTH)})
        return state.fence

    def schedule(self, next_at: int | None, fails: int, *, fence: int) -> None:
        """Keep when the next try is due and how many have failed, across restarts and processes."""
        with self.db.write():
            self.require_fence(fence)
            self.db.execute("update sync_state set next_at = :at, fails = :fails", {"at": next_at, "fails": fails})

    def pull_is_complete(self) -> bool:
        """Return whether everything that the server had at the last pull is here."""
        return self.db.one("select 1 from sync_state where complete = 1 and resync = 0") is not None

    def is_partial(self, session_id: str) -> bool:
        """Return whether a conversation is known by its summary only: its messages are still to come."""
        return self.db.one("select 1 from sync_partial_conversations where session_id = :id", id=session_id) is not None

    def counts(self) -> SyncCounts:
        """Return the numbers of waiting, conflicting, rejected and private items, each counted up to 10,000."""
        rejected = self._bounded("sync_outbox where tries > 0")
        return SyncCounts(
            waiting=max(0, self._bounded("sync_outbox") - rejected),
            conflicts=self._bounded("sync_conflict where dismissed = 0"),
            rejected=rejected,
            private=self._bounded("sync_private join chat_sessions on id = conv_id"),
        )

    def private_conversations(self) -> list[Conversation]:
        """Return the conversations that stay on this device, newest first."""
        names = ", ".join(f"s.{name}" for name in Conversation._fields)
        rows = self.db.rows(
            f"""select {names} from sync_private as o join chat_sessions as s on s.id = o.conv_id
            order by coalesce(s.last_message_timestamp, s.created_at) desc, s.id desc"""
        )
        return [Conversation(**dict(row)) for row in rows]

    def is_private(self, session_id: str) -> bool:
        """Return whether a conversation stays on this device."""
        return self.db.one("select 1 from sync_private where conv_id = :id", id=session_id) is not None

    def _bounded(self, what: str) -> int:
        row = self.db.one(_BOUNDED.format(what=what), most=MOST_COUNTED)
        return int(row["n"]) if row else 0

    def require_fence(self, fence: int) -> SyncState:
        """Return the state, inside a write. Raises FenceLost unless this process still is the one that syncs."""
        state = self.state()
        if state.fence != fence:
            raise FenceLost("Another Sterna on this device syncs this history now.")
        return state
