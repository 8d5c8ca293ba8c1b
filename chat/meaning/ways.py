"""Ways to search: by the words, by the meaning, or by both; and how results of both stand in one list.

Messages with all the words come first, as without any meaning: what somebody types is what they look for. Those that
are near in meaning, or have some of the words, follow, and a part of the list is kept for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sterna.storage import Hit

Way = Literal["both", "words", "meaning"]
WAYS: tuple[Way, ...] = ("both", "words", "meaning")
MARK = "~"
"""Beginning of a search by meaning alone."""
KEPT_PART = 4
"""The fourth part of a list is kept for what is found by meaning."""


def way_of(text: str, chosen: Way) -> tuple[Way, str]:
    """Return how to search for a text, and what for: ``~question`` is looked for by its meaning alone."""
    rest = text.lstrip()
    if rest.startswith(MARK) and rest[1:2] not in ("", "/", MARK) and chosen != "words":
        return "meaning", rest.removeprefix(MARK)
    return chosen, text


def room_for_meaning(found: int, limit: int) -> int:
    """Return how many results by meaning go into a list of ``limit``, ``found`` of which are found by their words."""
    return max(limit - found, limit // KEPT_PART)


def percent(part: float) -> str:
    """Return which part of the messages is read; all are only with 100%."""
    return f"{int(part * 100)}%"


def one_list(words: Sequence[Hit], meaning: Sequence[Hit], limit: int) -> list[Hit]:
    """Return one list: first what has all the words."""
    return [*words[: max(limit - len(meaning), 0)], *meaning]
