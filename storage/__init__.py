"""Local history: one SQLite file per account, one connection, one thread.

Here are the schema and its migrations, conversations and messages, search, trash and drafts, accounts on this computer,
and the local half of sync: outbox, cursor, merge. It imports no other room, and no other client room executes SQL:
callers pass a method to :meth:`StoreThread.run`, or open the store themselves in a command. Names are loaded when they
are first used: a screen that only wants :func:`clean` for its first frame waits neither for the store nor for SQLite.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounts.deletion import erase, require_alone
    from .accounts.linking import History
    from .accounts.registry import Listed, open_account
    from .analytics.interactions import Interaction
    from .analytics.visits import Earlier
    from .clock import Clock, parse, stamp, stored_time, utc_now
    from .conversations.history_reader import HistoryReader
    from .errors import (
        FenceLost,
        Invalid,
        NotFound,
        NotInFlight,
        StoreBusy,
        StoreCorrupt,
        StoreError,
        StoreFailing,
        StoreFull,
        StoreMissing,
        StoreReadOnly,
        StoreTooNew,
        StoreUnwritable,
    )
    from .paths import data_dir
    from .records import (
        KEPT_REPLY,
        Begun,
        Change,
        Finish,
        Hit,
        LiveReply,
        Message,
        Role,
        Session,
        SessionRow,
        Settled,
        Trashed,
    )
    from .store import Store
    from .sync.records import (
        Conflict,
        Inflight,
        Pending,
        Quarantined,
        RemoteRow,
        SyncAccount,
        SyncCounts,
        SyncState,
        Told,
    )
    from .sync.upstream.records import Batch, Entry, InMessage, Outgoing, Outlook, OutMessage, Survey
    from .text import clean, clip, one_line, storable
    from .thread import StoreThread

__all__ = [
    "KEPT_REPLY",
    "Batch",
    "Begun",
    "Change",
    "Clock",
    "Conflict",
    "Earlier",
    "Entry",
    "FenceLost",
    "Finish",
    "History",
    "HistoryReader",
    "Hit",
    "InMessage",
    "Inflight",
    "Interaction",
    "Invalid",
    "Listed",
    "LiveReply",
    "Message",
    "NotFound",
    "NotInFlight",
    "OutMessage",
    "Outgoing",
    "Outlook",
    "Pending",
    "Quarantined",
    "RemoteRow",
    "Role",
    "Session",
    "SessionRow",
    "Settled",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFailing",
    "StoreFull",
    "StoreMissing",
    "StoreReadOnly",
    "StoreThread",
    "StoreTooNew",
    "StoreUnwritable",
    "Survey",
    "SyncAccount",
    "SyncCounts",
    "SyncState",
    "Told",
    "Trashed",
    "clean",
    "clip",
    "data_dir",
    "erase",
    "one_line",
    "open_account",
    "parse",
    "require_alone",
    "stamp",
    "storable",
    "stored_time",
    "utc_now",
]

_PLACES = {
    "accounts.registry": ("Listed", "open_account"),
    "accounts.linking": ("History",),
    "clock": ("Clock", "parse", "stamp", "stored_time", "utc_now"),
    "errors": (
        "FenceLost",
        "Invalid",
        "NotFound",
        "NotInFlight",
        "StoreBusy",
        "StoreCorrupt",
        "StoreError",
        "StoreFailing",
        "StoreFull",
        "StoreMissing",
        "StoreReadOnly",
        "StoreTooNew",
        "StoreUnwritable",
    ),
    "accounts.deletion": ("erase", "require_alone"),
    "conversations.history_reader": ("HistoryReader",),
    "analytics.interactions": ("Interaction",),
    "paths": ("data_dir",),
    "records": (
        "KEPT_REPLY",
        "Begun",
        "Change",
        "Finish",
        "Hit",
        "LiveReply",
        "Message",
        "Role",
        "Session",
        "SessionRow",
        "Settled",
        "Trashed",
    ),
    "sync.records": (
        "Conflict",
        "Inflight",
        "Pending",
        "Quarantined",
        "RemoteRow",
        "SyncAccount",
        "SyncCounts",
        "SyncState",
        "Told",
    ),
    "store": ("Store",),
    "text": ("clean", "clip", "one_line", "storable"),
    "thread": ("StoreThread",),
    "sync.upstream.records": ("Batch", "Entry", "InMessage", "OutMessage", "Outgoing", "Outlook", "Survey"),
    "analytics.visits": ("Earlier",),
}
"""Module and what it gives."""


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
