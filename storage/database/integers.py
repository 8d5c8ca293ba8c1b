"""Counts as the schema takes them: an integer of the server has four bytes."""

from __future__ import annotations

LARGEST_INT4 = 2**31 - 1


def int4(count: int) -> int:
    """Return ``count`` between 0 and the largest integer of four bytes."""
    return min(max(count, 0), LARGEST_INT4)
