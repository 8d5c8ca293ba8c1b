"""Query parameters as clients write them."""

from __future__ import annotations


def time_of(told: str) -> str:
    """A time with its plus sign: one that was not escaped arrives as a blank."""
    return told.replace(" ", "+") if "T" in told else told
