"""The truth, on this disk: one SQLite file an account, one connection, one thread.

``import storage`` loads neither sqlite-utils nor anything else that the first picture of the screen would wait for.
"""

from __future__ import annotations

from .accounts import open_account
from .clock import Clock, parse, stamp, utc_now
from .errors import (
    Invalid,
    NotFound,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
)
from .paths import data_dir
from .records import (
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
from .text import clean, clip, one_line, storable
from .thread import StoreThread

__all__ = [
    "Begun",
    "Change",
    "Clock",
    "Finish",
    "Hit",
    "Invalid",
    "LiveReply",
    "Message",
    "NotFound",
    "Role",
    "Session",
    "SessionRow",
    "Settled",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreThread",
    "StoreTooNew",
    "Trashed",
    "clean",
    "clip",
    "data_dir",
    "one_line",
    "open_account",
    "parse",
    "stamp",
    "storable",
    "utc_now",
]
