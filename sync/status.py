"""What may be said truthfully about where the history is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage import Store


LOCAL_ONLY = "local only"
"""What an account is that no server knows."""


def sync_status(store: Store) -> str:
    """One line for ``sterna doctor``. There is no server yet; every change is kept for the first sign-in."""
    waiting = store.waiting()
    if not waiting:
        return LOCAL_ONLY
    changes = "1 change" if waiting == 1 else f"{waiting:,} changes"
    return f"{LOCAL_ONLY} · {changes} kept for the first sign-in"
