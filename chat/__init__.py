"""Turns of a conversation, independent of any screen.

A turn stores what was typed, asks a provider, collects the streaming reply and stores the result; the chat window and
``sterna ask`` share it. Here are :class:`Turns` and :class:`Reply`, the choice of model and provider, and the selection
of messages that fit into a request. It may import ``storage``, ``providers`` and ``config``, and is imported by ``tui``
and ``cli``. No Textual, no SQL and no HTTP: a turn must survive the screen that began it.
"""

from __future__ import annotations

from .context import build_context
from .looking_back import asked_before
from .one_off import Once
from .reply import Reply
from .sources import add_found, catalog_of, endpoints_of, needs_search, server_of_account
from .turns import AnsweringError, Turns

__all__ = [
    "AnsweringError",
    "Once",
    "Reply",
    "Turns",
    "add_found",
    "asked_before",
    "build_context",
    "catalog_of",
    "endpoints_of",
    "needs_search",
    "server_of_account",
]
