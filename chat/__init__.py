"""Turns of a conversation, independent of any screen.

A turn stores what was typed, asks a provider, collects the streaming reply and stores the result; the chat window and
``sterna ask`` share it. Here are :class:`Turns` and :class:`Reply`, the choice of model and provider, and the selection
of messages that fit into a request. It may import ``storage``, ``providers`` and ``config``, and is imported by ``tui``
and ``cli``. No Textual, no SQL and no HTTP: a turn must survive the screen that began it. Public names
are listed in ``__init__.pyi``; each is loaded when it is first used.
"""

from __future__ import annotations

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
