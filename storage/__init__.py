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
    from .accounts.linking import AccountLinking, History
    from .accounts.model_access import ModelAccess
    from .accounts.profiles import Profiles
    from .accounts.registry import Listed, open_account
    from .accounts.server_profile import ServerProfile
    from .accounts.usage_pull import UsagePull
    from .analytics.interactions import Interaction, Interactions
    from .analytics.visits import Earlier, Visits
    from .clock import Clock, parse, stamp, stored_time, utc_now
    from .conversations.arriving_replies import ArrivingReplies
    from .conversations.bulk_import import BulkImport
    from .conversations.conversations import Conversations
    from .conversations.drafts import Drafts
    from .conversations.history_reader import HistoryReader
    from .conversations.live_replies import LiveReplies
    from .conversations.messages import Messages
    from .conversations.names import ConversationNames
    from .conversations.reply_versions import ReplyVersions
    from .conversations.search import Search
    from .conversations.search_history import SearchHistory
    from .conversations.search_index import SearchIndex
    from .conversations.trash import Trash
    from .conversations.trash_outbox import TrashOutbox
    from .conversations.trash_rows import TrashRows
    from .conversations.undo import Undo
    from .conversations.usage import Usage
    from .database.connection import Database
    from .database.damaged_values import DamagedValues
    from .database.local_state import LocalState
    from .database.maintenance import Maintenance
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
    from .sync.ack_results import AckResults
    from .sync.acknowledgements import Acknowledgements
    from .sync.conflicts import Conflicts
    from .sync.merge import Merge
    from .sync.merge_messages import MessageMerge
    from .sync.outbox import Outbox
    from .sync.privacy import Privacy
    from .sync.pull import SyncPull
    from .sync.push import SyncPush
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
    from .sync.recovery import Recovery
    from .sync.removed_conversations import RemovedConversations
    from .sync.replicas import Replicas
    from .sync.row_writer import RowWriter
    from .sync.state import SyncMetadata
    from .sync.upstream.pull import UpstreamPull
    from .sync.upstream.push import UpstreamPush
    from .sync.upstream.records import Batch, Entry, InMessage, Outgoing, Outlook, OutMessage, Survey
    from .text import clean, clip, one_line, storable
    from .thread import StoreThread

__all__ = [
    "KEPT_REPLY",
    "AccountLinking",
    "AckResults",
    "Acknowledgements",
    "ArrivingReplies",
    "Batch",
    "Begun",
    "BulkImport",
    "Change",
    "Clock",
    "Conflict",
    "Conflicts",
    "ConversationNames",
    "Conversations",
    "DamagedValues",
    "Database",
    "Drafts",
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
    "Interactions",
    "Invalid",
    "Listed",
    "LiveReplies",
    "LiveReply",
    "LocalState",
    "Maintenance",
    "Merge",
    "Message",
    "MessageMerge",
    "Messages",
    "ModelAccess",
    "NotFound",
    "NotInFlight",
    "OutMessage",
    "Outbox",
    "Outgoing",
    "Outlook",
    "Pending",
    "Privacy",
    "Profiles",
    "Quarantined",
    "Recovery",
    "RemoteRow",
    "RemovedConversations",
    "Replicas",
    "ReplyVersions",
    "Role",
    "RowWriter",
    "Search",
    "SearchHistory",
    "SearchIndex",
    "ServerProfile",
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
    "SyncMetadata",
    "SyncPull",
    "SyncPush",
    "SyncState",
    "Told",
    "Trash",
    "TrashOutbox",
    "TrashRows",
    "Trashed",
    "Undo",
    "UpstreamPull",
    "UpstreamPush",
    "Usage",
    "UsagePull",
    "Visits",
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
    "database.connection": ("Database",),
    "conversations.arriving_replies": ("ArrivingReplies",),
    "sync.upstream.pull": ("UpstreamPull",),
    "sync.upstream.push": ("UpstreamPush",),
    "sync.privacy": ("Privacy",),
    "sync.acknowledgements": ("Acknowledgements",),
    "sync.ack_results": ("AckResults",),
    "sync.push": ("SyncPush",),
    "database.damaged_values": ("DamagedValues",),
    "database.maintenance": ("Maintenance",),
    "accounts.usage_pull": ("UsagePull",),
    "accounts.server_profile": ("ServerProfile",),
    "accounts.profiles": ("Profiles",),
    "accounts.model_access": ("ModelAccess",),
    "conversations.names": ("ConversationNames",),
    "conversations.bulk_import": ("BulkImport",),
    "conversations.usage": ("Usage",),
    "conversations.search_history": ("SearchHistory",),
    "conversations.search": ("Search",),
    "database.local_state": ("LocalState",),
    "conversations.drafts": ("Drafts",),
    "conversations.live_replies": ("LiveReplies",),
    "conversations.undo": ("Undo",),
    "conversations.reply_versions": ("ReplyVersions",),
    "sync.pull": ("SyncPull",),
    "sync.merge": ("Merge",),
    "sync.removed_conversations": ("RemovedConversations",),
    "sync.merge_messages": ("MessageMerge",),
    "sync.recovery": ("Recovery",),
    "sync.conflicts": ("Conflicts",),
    "sync.state": ("SyncMetadata",),
    "sync.row_writer": ("RowWriter",),
    "sync.outbox": ("Outbox",),
    "sync.replicas": ("Replicas",),
    "conversations.trash": ("Trash",),
    "conversations.trash_outbox": ("TrashOutbox",),
    "conversations.trash_rows": ("TrashRows",),
    "conversations.search_index": ("SearchIndex",),
    "conversations.messages": ("Messages",),
    "conversations.conversations": ("Conversations",),
    "accounts.registry": ("Listed", "open_account"),
    "accounts.linking": (
        "AccountLinking",
        "History",
    ),
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
    "analytics.interactions": (
        "Interactions",
        "Interaction",
    ),
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
    "analytics.visits": (
        "Visits",
        "Earlier",
    ),
}
"""Module and what it gives."""


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
