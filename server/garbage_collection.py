"""Tuning of garbage collection for a long-running process, where each push creates thousands of small objects."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 20, 50)
"""Thresholds for a collection every few pushes instead of several per push; reference counts free most objects."""


def settle() -> None:
    """Exclude all current objects from later collections. Called once, when the server has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
