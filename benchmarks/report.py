"""Summary of measurements, and their printing."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """The value that 95 % of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def spread(values: Sequence[float], unit: str = "", digits: int = 1) -> str:
    """The median with the middle half of the values around it, such as ``9.8 (9.1-10.4) µs``."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f}){unit and ' ' + unit}"


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def load() -> str:
    """Return the load of the computer over the last minute: timings on a busy one say little."""
    return f"{os.getloadavg()[0]:.1f} of {os.cpu_count()} processors"


def line(what: str, value: str, *, target: str = "", ok: bool | None = None) -> None:
    """Print one finding; ``ok`` says whether the target was met."""
    mark = "" if ok is None else "  ok" if ok else "  MISSED"
    print(f"  {what:<58} {value:>14}  {target}{mark}", flush=True)


def heading(text: str) -> None:
    """Print what the following lines are about, and how busy the computer is."""
    print(f"\n{text} (load {load()})", flush=True)
