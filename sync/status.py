"""What may be said truthfully about where the history is."""

from __future__ import annotations

from storage import Store


def sync_status(store: Store) -> str:
    """One line for the status bar. There is no server yet; every change is kept for the first sign-in."""
    waiting = store.waiting()
    if not waiting:
        return "local only"
    changes = "1 change" if waiting == 1 else f"{waiting:,} changes"
    return f"local only · {changes} kept for the first sign-in"
