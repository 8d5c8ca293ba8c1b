"""How far the tool calls of a reply are while it arrives."""

from __future__ import annotations

from collections.abc import Mapping

from sterna.storage import one_line

from .source import Reply

LONGEST_PROGRESS = 60
ASKS, RUNS, WAITS = "waits for your answer", "running…", "waits"


def call_states(reply: Reply, now: float) -> Mapping[str, str]:
    """Return how far each call is that has no result yet, by its id. One runs at a time, the others wait for it."""
    states: dict[str, str] = {}
    is_running = False
    for call in reply.tool_calls:
        if call.result is not None:
            continue
        if reply.asking is not None and reply.asking.id == call.id:
            states[call.id] = ASKS
        elif reply.call_started and not is_running:
            is_running = True
            progress = one_line(reply.progress, LONGEST_PROGRESS)
            states[call.id] = f"{RUNS} {max(0, now - reply.call_started):.0f} s" + (f"  {progress}" if progress else "")
        else:
            states[call.id] = WAITS
    return states
