"""Result of adding, changing or removing a provider."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    """Sentence about what was done, and whether it went well."""

    sentence: str
    is_good: bool
