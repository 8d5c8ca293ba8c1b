"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event


def until(told: Callable[[], bool], what: str) -> None:
    """Wait for a condition, for as long as a slow machine may need."""
    pause, limit = Event(), time.monotonic() + 30
    while not told():
        assert time.monotonic() < limit, f"in vain: {what}"
        pause.wait(0.02)
