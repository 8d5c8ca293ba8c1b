"""Polling for an effect of another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event


def wait_until(condition: Callable[[], bool], description: str) -> None:
    """Wait for a condition, up to 30 seconds for slow machines."""
    pause, limit = Event(), time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, f"timeout: {description}"
        pause.wait(0.02)
