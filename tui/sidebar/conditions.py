"""Completion of conditions in a field that filters: ``#tag`` and ``is:pinned``."""

from __future__ import annotations

from collections.abc import Iterable

from textual.suggester import Suggester

from sterna.storage import StoreError, StoreThread, Tags
from sterna.storage.conversations.list_filter import STATES


class ConditionSuggester(Suggester):
    """Suggests the rest of a condition that is being typed; the right arrow key takes it."""

    def __init__(self, store: StoreThread) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._store = store

    async def get_suggestion(self, value: str) -> str | None:
        """Return the text with its last condition completed, or None."""
        before, _, piece = value.rpartition(" ")
        sign = "-" if piece.startswith("-") else ""
        begun = piece.removeprefix("-").lower()
        if begun.startswith("is:"):
            known: Iterable[str] = [f"is:{state}" for state in STATES]
        elif begun.startswith("#") and self._store.is_open:
            known = await self._tags()
        else:
            return None
        found = next((each for each in known if each.startswith(begun) and each != begun), None)
        return f"{before} {sign}{found}".lstrip() if found else None

    async def _tags(self) -> list[str]:
        """Return the tags, those of most conversations first."""
        try:
            tags = await self._store.run(Tags.all)
        except StoreError:  # the list says what is wrong with the history
            return []
        return [f"#{tag.name}" for tag in sorted(tags, key=lambda tag: (-tag.conversations, tag.name))]
