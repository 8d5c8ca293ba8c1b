"""Names of labels among the settings of a conversation: pinned, archived, and one setting for each tag."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import Invalid

PINNED, ARCHIVED = "pinned", "archived"
TAG, TAG_END = "tag:", "tag;"
"""Beginning of the keys of tags, and the first text behind them all."""
TAG_LENGTH = 50
_SIGNS = "-_.+&@"


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one conversation."""

    pinned: bool = False
    archived: bool = False
    tags: tuple[str, ...] = ()


def tag_of(text: str) -> str | None:
    """Return the name of a tag as it is stored, without ``#`` and in lower case; None when it can be no tag."""
    name = unicodedata.normalize("NFC", text.strip().removeprefix("#").lower())
    is_word = all(sign.isalnum() or sign in _SIGNS or unicodedata.category(sign)[0] == "M" for sign in name)
    return name if name and name[0].isalnum() and is_word and len(name) <= TAG_LENGTH else None


def tag_name(text: str) -> str:
    """Return the name of a tag as it is stored. Raises Invalid."""
    if (name := tag_of(text)) is None:
        raise Invalid(
            f"A tag is one word of at most {TAG_LENGTH} letters and digits, with {' '.join(_SIGNS)} inside it."
        )
    return name


def labels_of(keys: Iterable[str]) -> Labels:
    """Return the labels that stand among the keys of a conversation's settings."""
    keys = set(keys)
    tags = sorted(key.removeprefix(TAG) for key in keys if key.startswith(TAG))
    return Labels(PINNED in keys, ARCHIVED in keys, tuple(tags))
