"""Ids that sort by time and cannot be guessed: ``conv_<epoch ms>_<12 base36>`` and ``msg_…``.

See docs/specification/schema.md#keys.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .clock import millis

Token = Callable[[int], str]
"""Gives that many random characters. Passed in, so that tests own it."""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH = 12


def base36(length: int) -> str:
    """Return ``length`` characters from the system's random source."""
    import secrets  # brings hashlib, which a command that only reads does not need

    return "".join(secrets.choice(DIGITS) for _ in range(length))


def conversation_id(moment: datetime, token: Token = base36) -> str:
    """Return the id of a new conversation."""
    return f"conv_{millis(moment)}_{token(RANDOM_LENGTH)}"


def message_id(moment: datetime, token: Token = base36) -> str:
    """Return the id of a new message."""
    return f"msg_{millis(moment)}_{token(RANDOM_LENGTH)}"
