"""The callback for what an undo has brought back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class OnRestored(Protocol):
    """Called inside the write that brings conversations back, or one message of a conversation."""

    def __call__(self, session_ids: Collection[str], message_id: str | None = None) -> None: ...
