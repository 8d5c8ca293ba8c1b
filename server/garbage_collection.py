"""Garbage collection of a long-running process: what is loaded stays, and a push makes thousands of small objects."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 20, 50)
"""One look a few pushes, not several a push; what a request leaves behind is freed by its reference counts anyway."""


def settle() -> None:
    """Leave everything that is loaded by now out of all later looks. Called once, when the server has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
