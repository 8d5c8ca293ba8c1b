"""Opening a conversation of 10,000 messages with 3,000 branches against one without: what the screen reads for it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sterna.storage import Store, stamp
from sterna.tui.transcript import source

from .report import heading, line, median

MESSAGES, BRANCHES = 10_000, 3_000
ROUNDS = 60
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = "A sentence of a reply that is neither short nor long. " * 8


def fill(store: Store, session_id: str, branches: int) -> None:
    """Write a conversation whose shown branch has :data:`MESSAGES` messages, with ``branches`` older versions."""
    rows: list[dict[str, Any]] = []
    for number in range(MESSAGES):
        parent = f"{session_id}-{number - 1}" if number else ""
        has_two = bool(branches) and number % (MESSAGES // branches) == 1
        rows += [
            {
                "id": f"{session_id}-{number}" + ("-old" if version == 2 else ""),
                "session_id": session_id,
                "role": "assistant" if number % 2 else "user",
                "content": f"{number} {TEXT}",
                "message_timestamp": stamp(BEGAN + timedelta(seconds=2 * number - version)),
                "parent_id": parent if branches else None,
            }
            for version in range(1 + has_two, 0, -1)
        ]
    with store.db.write():
        store.conversations.create(session_id, session_id=session_id)
        with store.db.applying():
            store.db.insert_many("chat_messages", rows)


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds of an action."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def scroll(store: Store, session_id: str) -> None:
    """Read ten pages from the end."""
    page = source.newest(store, session_id)
    for _ in range(10):
        page = source.before(store, session_id, page.messages[0].key)


def main() -> None:
    """Print the medians, their ratio, and the time of a switch in the middle."""
    heading(f"A conversation with {BRANCHES:,} branches")
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "history.db")
        fill(store, "line", 0)
        fill(store, "tree", BRANCHES)
        for what, read in (("opening", source.newest), ("ten pages more", scroll)):
            found: dict[str, list[float]] = {"line": [], "tree": []}
            for turn in range(ROUNDS * 2):
                name = ("line", "tree")[turn % 2]
                found[name].append(timed(lambda name=name, read=read: read(store, name)))  # type: ignore[misc]
            line_ms, tree_ms = (median(found[name]) for name in ("line", "tree"))
            line(f"{what}, without branches", f"{line_ms:.2f} ms")
            line(
                f"{what}, with {BRANCHES:,} branches",
                f"{tree_ms:.2f} ms {tree_ms / line_ms:.2f}×",
                target="≤ 3 ms apart",
                ok=tree_ms - line_ms <= 3,
            )
        versions = (f"tree-{MESSAGES // 2 // 3 * 3 + 1}-old", f"tree-{MESSAGES // 2 // 3 * 3 + 1}")
        switches = [timed(lambda turn=turn: store.branches.show(versions[turn % 2])) for turn in range(10)]  # type: ignore[misc]
        line("showing another version in the middle", f"{median(switches):.0f} ms")
        store.close()


if __name__ == "__main__":
    main()
