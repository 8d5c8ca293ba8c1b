"""Records exchanged between the history and sync: plain values, no wire format, no SQL.

The messenger (``sync``) turns these into its language and back. Times in ``value`` are the schema's text; times of ops
and stamps are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

RemoteKind = Literal["c", "m", "s"]
"""A conversation, a message, a setting of a conversation (its id is ``<conversation>/<key>``)."""
PendingKind = Literal["c", "m", "s", "x"]
"""The same, and ``x``: everything, for a clear."""
PendingOp = Literal["put", "del", "restore", "clear"]
OpStatus = Literal["ok", "lost", "deleted", "conv_missing", "rejected"]
Item = tuple[str, str, int]
"""Kind, id and revision of one op on its way."""


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """Row of a server's history: a value, or a tombstone."""

    kind: RemoteKind
    id: str
    session_id: str
    seq: int
    created_seq: int
    is_deleted: bool = False
    cls: int = 0
    """Of a title: 1 by hand, 0 automatic."""
    time: int = 0
    tie: str = ""
    value: Mapping[str, Any] | None = None
    """Of a conversation ``title`` and ``created_at``, in a first list also ``last_message_timestamp``,
    ``last_message_preview``, ``message_count``, ``total_tokens`` and ``last_model``; of a message the columns of
    ``chat_messages`` (without ``id`` and ``session_id``), ready for SQLite; of a setting ``{"value": <json text>}``."""

    overtook: Sequence[int] = ()
    """Numbers of values of it that were replaced by somebody who had not seen them."""

    @property
    def stamp(self) -> tuple[int, int, str]:
        """Return what is compared when two devices wrote without knowing of each other."""
        return self.cls, self.time, self.tie


@dataclass(frozen=True, slots=True)
class PendingChange:
    """One change to send to a server."""

    kind: PendingKind
    id: str
    """Of a clear: ``all``."""
    session_id: str
    op: PendingOp
    rev: int
    base: int = 0
    """The version of the server's that this replaces; 0: it knew none."""
    edited_at: int = 0
    stamp: tuple[int, int, str] | None = None
    """When an old value is sent again: its class, time and tie."""
    after: int = 0
    """The time of the value that this replaces, as the server has it: this one is later, whatever the clocks say."""
    cls: int = 0
    """Of a title: 1 by hand, 0 automatic."""
    upto: int = 0
    """Of a clear: what the person could see."""
    value: Mapping[str, Any] | None = None
    """As in :class:`RemoteRow`; None for what has none."""


@dataclass(frozen=True, slots=True)
class OpResult:
    """Result of one op of a push."""

    kind: str
    id: str
    rev: int
    result: OpStatus
    row: RemoteRow | None = None
    """The server's row. None after ``ok``: exactly what was sent, nothing more known of it."""
    code: str = ""


@dataclass(frozen=True, slots=True)
class PushBatch:
    """Rows of the next push, as they were read: to be encoded and then frozen."""

    replica: str
    push_seq: int
    changes: tuple[PendingChange, ...]
    size: int
    """Bytes of the changes, estimated."""
    now_ms: int
    version: tuple[int, int]
    """State of the database (:meth:`Database.version`) in which they were read."""


@dataclass(frozen=True, slots=True)
class Inflight:
    """A push on its way. Every try sends these bytes."""

    push_seq: int
    replica: str
    body: bytes
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class SyncState:
    """Cursor, fence and retry state of a history."""

    replica: str
    push_seq: int
    cursor: int
    """Sequence number up to which remote rows are applied."""
    full_cursor: int
    """The cursor at the end of the last complete pull: what the person could see."""
    seen_seq: int
    seen_nonce: str
    resync: bool
    fence: int
    next_at: int | None
    fails: int


@dataclass(frozen=True, slots=True)
class SyncAccount:
    """The account that the history belongs to, and what was learnt of its server."""

    origin: str
    user_id: str
    mode: str | None = None
    """``delta`` or ``baseline``, once known."""
    caps: str | None = None
    """The server's word of what it can, as it was sent."""
    caps_at: int | None = None


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """Numbers of the status line, each counted up to :data:`MOST_COUNTED`."""

    waiting: int
    conflicts: int
    rejected: int
    private: int


MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Conflict:
    """A value that a person wrote and that another one overtook; nothing of it is lost."""

    id: int
    at: int
    kind: RemoteKind
    thing: str
    """The id of what it was a value of."""
    session_id: str
    title: str
    """The conversation's title, where it is here; else as far as it was known."""
    mine: str
    """The text that lost: a title, a message's content, a setting's value."""
    theirs: str | None
    """Current value; None when it was deleted."""


@dataclass(frozen=True, slots=True)
class RejectedChange:
    """One change that the server rejects."""

    kind: PendingKind
    id: str
    session_id: str
    op: PendingOp
    title: str
    code: str
    tries: int
    next_at: int | None
    """When it is tried again; None: only by hand."""
