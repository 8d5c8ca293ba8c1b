"""Local history: one SQLite file per account, one connection, one thread.

Here are the schema and its migrations, conversations and messages, search, trash and drafts, accounts on this device,
and the local half of sync: outbox, cursor, merge. It imports no other room, and no other client room executes SQL:
callers pass a method to :meth:`StoreThread.run`, or open the store themselves in a command. Public names are listed in
``__init__.pyi``; each is loaded when it is first used: a screen that only wants :func:`clean` for its first frame waits
neither for the store nor for SQLite.
"""

from __future__ import annotations

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
