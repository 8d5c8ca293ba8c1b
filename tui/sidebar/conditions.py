"""Completion of conditions in a field that filters: ``#tag``, ``is:pinned``, ``from:codex``, ``in:~/src/app``, and of
names of saved searches: ``@work``.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.suggester import Suggester

from sterna.storage import Gathered, SavedSearches, StoreError, StoreThread, Tags
from sterna.storage.conversations.list_filter import STATES
from sterna.storage.conversations.origins import with_tilde
from sterna.storage.conversations.search_operators import CONTENTS, NAMES

OPERATORS = (*NAMES, *(f"has:{content}" for content in CONTENTS), "role:user", "role:assistant")


class ConditionSuggester(Suggester):
    """Suggests the rest of a condition that is being typed; the right arrow key takes it."""

    def __init__(self, store: StoreThread, *, operators: bool = False) -> None:
        """Create a suggester; ``operators``: those of the search are known too."""
        super().__init__(use_cache=False, case_sensitive=True)
        self._store = store
        self._operators = OPERATORS if operators else ()

    async def get_suggestion(self, value: str) -> str | None:
        """Return the text with its last condition completed, or None."""
        before, _, piece = value.rpartition(" ")
        sign = "-" if piece.startswith("-") else ""
        begun = piece.removeprefix("-").lower()
        if begun.startswith("is:"):
            known: Iterable[str] = [f"is:{state}" for state in STATES]
        elif begun.startswith("#") and self._store.is_open:
            known = await self._tags()
        elif begun.startswith("@") and self._store.is_open:
            known = await self._saved()
        elif begun.startswith(("from:", "in:")) and self._store.is_open:
            known = await self._origins(begun.partition(":")[0])
        elif len(begun) > 1:
            known = self._operators
        else:
            return None
        found = next((each for each in known if each.lower().startswith(begun) and each.lower() != begun), None)
        return f"{before} {sign}{found}".lstrip() if found else None

    async def _origins(self, kind: str) -> list[str]:
        """Return programs, those of most conversations first, or projects."""
        try:
            if kind == "from":
                counts = await self._store.run(Gathered.conversations)
                named = sorted(counts, key=lambda name: (-counts[name], name))
            else:
                named = [with_tilde(project) for project in await self._store.run(Gathered.projects)]
        except StoreError:
            return []
        return [f'{kind}:"{name}"' if " " in name else f"{kind}:{name}" for name in named]

    async def _saved(self) -> list[str]:
        """Return the names of saved searches."""
        try:
            return [f"@{name}" for name in await self._store.run(SavedSearches.all)]
        except StoreError:
            return []

    async def _tags(self) -> list[str]:
        """Return the tags, those of most conversations first."""
        try:
            tags = await self._store.run(Tags.all)
        except StoreError:  # the list says what is wrong with the history
            return []
        return [f"#{tag.name}" for tag in sorted(tags, key=lambda tag: (-tag.conversations, tag.name))]
