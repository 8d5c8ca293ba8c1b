"""Settings in config.toml, and credentials kept out of it.

Here are reading, checking and rewriting the settings, the system's keyring with a private file as its replacement, and
the log file. It imports no other room, and only ``tui``, ``cli``, ``chat`` and ``sync`` import it: storage and
providers take values as arguments. Public names are listed in ``__init__.pyi``; each is loaded when it is first used,
because a command that prints a list needs no settings.
"""

from __future__ import annotations

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
