"""Sequences of two keys that begin with the leader key: ``"leader p"`` in the list of actions and in config.toml.

Textual knows only single keys. The application takes the two keys of a sequence and passes on one, ``leader_p``, which
is bound, remapped and ordered like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.keys import _character_to_key

LEADER = "leader"
_PREFIX = f"{LEADER}_"


def sequence_key(key: str) -> str:
    """Return the key that stands for the leader key and then ``key``."""
    return f"{_PREFIX}{_character_to_key(key) if len(key) == 1 else key}"


def second_key(key: str) -> str | None:
    """Return the key that follows the leader key in a sequence; None for a single key."""
    return key.removeprefix(_PREFIX) if key.startswith(_PREFIX) else None


def bound_key(text: str, leaders: Iterable[str] = ()) -> str | None:
    """Return the key that Textual binds for one key or sequence as it is written; None for any other sequence.

    A sequence begins with the word "leader" or with one of the keys ``leaders``.
    """
    parts = text.split()
    if len(parts) == 2 and parts[0] in (LEADER, *leaders):
        return sequence_key(parts[1])
    return text.strip() if len(parts) < 2 else None


def bound_keys(keys: str, leaders: Iterable[str] = ()) -> list[str]:
    """Return the keys that Textual binds for a comma-separated list; sequences that begin otherwise are left out."""
    return [key for part in keys.split(",") if part.strip() and (key := bound_key(part, leaders)) is not None]
