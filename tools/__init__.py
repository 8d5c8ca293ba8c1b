"""Tools that a model may call: those of MCP servers, and two that are built in.

A server may be slow, broken or hostile: what it sends is bounded, checked and made plain text here, in a thread of its
own, before a turn or a screen sees it. :class:`Toolbox` is what a turn asks; who allows a call is decided elsewhere.
It may import ``chat``, ``providers``, ``config``, ``net`` and ``storage``, and is imported by ``tui`` and ``cli``.
Public names are listed in ``__init__.pyi``; each is loaded when it is first used, and the package ``mcp``, which takes
a second, in the thread of the servers.
"""

from __future__ import annotations

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
