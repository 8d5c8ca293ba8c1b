"""How a measurement is summed up and printed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """The value that 95 % of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def line(what: str, value: str, *, target: str = "", ok: bool | None = None) -> None:
    """Print one finding; ``ok`` says whether the target was met."""
    mark = "" if ok is None else "  ok" if ok else "  MISSED"
    print(f"  {what:<58} {value:>14}  {target}{mark}", flush=True)


def heading(text: str) -> None:
    """Print what follows is about."""
    print(f"\n{text}", flush=True)
