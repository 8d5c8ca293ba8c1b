"""Turns of a conversation, independent of any screen.

A turn stores what was typed, asks a provider, collects the streaming reply and stores the result; the chat window and
``sterna ask`` share it. Here are :class:`Turns` and :class:`Reply`, the choice of model and provider, and the selection
of messages that fit into a request. It may import ``storage``, ``providers`` and ``config``, and is imported by ``tui``
and ``cli``. No Textual, no SQL and no HTTP: a turn must survive the screen that began it.
"""

from __future__ import annotations

from .attachments.attach import attach, attach_bytes, keep_bytes, keep_file
from .attachments.paths import may_be_paths, paths_in, typed_files
from .context import build_context
from .one_off import OneOffTurn
from .reply import Reply
from .requests import similar_questions
from .sources import add_discovered, build_catalog, configured_endpoints, needs_discovery, server_provider
from .turns import AnsweringError, Turns

__all__ = [
    "AnsweringError",
    "OneOffTurn",
    "Reply",
    "Turns",
    "add_discovered",
    "attach",
    "attach_bytes",
    "build_catalog",
    "build_context",
    "configured_endpoints",
    "keep_bytes",
    "keep_file",
    "may_be_paths",
    "needs_discovery",
    "paths_in",
    "server_provider",
    "similar_questions",
    "typed_files",
]
