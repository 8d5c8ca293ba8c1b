"""When the program has done what a key asked for, so that a test can look at it."""

from __future__ import annotations

import asyncio
from time import monotonic, process_time

from textual._context import active_app

from sterna.tui.actions.typeahead import typeahead

STEP_SECONDS = 0.01
"""Time in which an idle program does next to nothing."""
IDLE_SHARE = 0.05
"""Share of a processor up to which it counts as idle."""


async def wait_for_idle(min_sleep: float = STEP_SECONDS, max_sleep: float = 1) -> None:
    """Wait until the process has nothing to do and holds no key back, at most ``max_sleep`` seconds.

    Textual's own wait is twice as long, which was half of the time of these tests: each key waits twice.
    """
    began = monotonic()
    while (waited := monotonic() - began) < max_sleep:
        worked = process_time()
        await asyncio.sleep(STEP_SECONDS)
        is_idle = process_time() - worked < STEP_SECONDS * IDLE_SHARE
        if is_idle and waited >= min_sleep and not typeahead(active_app.get()).waiting:
            return
