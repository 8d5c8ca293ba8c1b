"""One turn of a conversation, free of any screen: what was typed is kept, asked, streamed, and its answer kept."""

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
