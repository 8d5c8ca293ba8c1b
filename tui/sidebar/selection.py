"""Selection of several conversations in the list."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sterna.storage import Conversations, Store

from .rows import Rows

MOST_SELECTED = 5_000
"""Conversations that can be selected at once."""


class Selection:
    """Selected conversations by id, and where a range of them began."""

    def __init__(self, rows: Callable[[], Rows], on_changed: Callable[[], None]) -> None:
        self._rows = rows
        self._on_changed = on_changed
        self._ids: dict[str, None] = {}
        self._anchor: str | None = None
        """Conversation at which a range begins; None: the next range begins at the cursor."""
        self._before_range: dict[str, None] = {}
        """What was selected besides the range."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the selected conversations."""
        return tuple(self._ids)

    async def chosen(self) -> tuple[str, ...]:
        """Return the selected conversations, else the one under the cursor."""
        if self._ids:
            return self.ids
        row = await self._rows().read_row(self._rows().cursor)
        return (row.id,) if row is not None else ()

    def clear(self) -> None:
        """Select nothing."""
        self._ids, self._before_range, self._anchor = {}, {}, None
        self._show()

    async def toggle(self) -> None:
        """Select the conversation under the cursor, or take it out; the next range begins at it."""
        rows = self._rows()
        if (row := await rows.read_row(rows.cursor)) is None:
            return
        if row.id in self._ids:
            del self._ids[row.id]
        else:
            self._add([row.id])
        self._anchor, self._before_range = row.id, dict(self._ids)
        self._show()

    def end_range(self) -> None:
        """Let the next range begin at the cursor: it was moved without selecting."""
        self._anchor = None

    async def extend_from(self, start: int) -> None:
        """Select everything from where the range began, else from the row ``start``, up to the cursor."""
        rows = self._rows()
        first, last = await rows.read_row(start), await rows.read_row(rows.cursor)
        if first is None or last is None or rows.view is None:
            return
        if self._anchor is None:
            self._anchor, self._before_range = first.id, dict(self._ids)
        ids = await rows.store.run(_ids_between, self._anchor, last.id, rows.view.text)
        self._ids = dict(self._before_range)
        self._add(ids)
        self._show()

    async def select_all(self) -> bool:
        """Select every row, or none when all are selected; False when there are more than can be selected."""
        rows = self._rows()
        if rows.view is None or len(self._ids) == min(rows.lines.rows, MOST_SELECTED):
            self.clear()
            return True
        ids = await rows.store.run(Conversations.ids, 0, MOST_SELECTED + 1, rows.view.text)
        self._ids, self._anchor = dict.fromkeys(ids[:MOST_SELECTED]), None
        self._show()
        return len(ids) <= MOST_SELECTED

    async def drop_missing(self, text: str) -> None:
        """Take out what the list with that filter does not have any more."""
        if self._ids:
            left = set(await self._rows().store.run(Conversations.listed, self.ids, text))
            self._ids = {conversation_id: None for conversation_id in self._ids if conversation_id in left}
            self._show()

    def _add(self, ids: Iterable[str]) -> None:
        for conversation_id in ids:
            if len(self._ids) < MOST_SELECTED:
                self._ids[conversation_id] = None

    def _show(self) -> None:
        if (selected := frozenset(self._ids)) != self._rows().selected:
            self._rows().selected = selected
            self._on_changed()


def _ids_between(store: Store, one: str, other: str, text: str) -> list[str]:
    """Return the ids of the rows from one to the other; of one that is not there any more, of the other alone."""
    places = [store.conversations.position(conversation_id, text) for conversation_id in (one, other)]
    known = [place for place in places if place is not None]
    return store.conversations.ids(min(known), max(known) - min(known) + 1, text) if known else []
