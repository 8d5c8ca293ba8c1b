"""Which conversations are exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from sterna.exporters.chat import Chat, read_chat
from sterna.storage import HistoryReader, NotFound, one_line

from .context import find_conversation
from .conversation_argument import known_tag

MOST_HITS = 1_000_000
PAGE = 200


def selected(store: HistoryReader, names: Sequence[str], words: str | None, tags: Sequence[str]) -> list[str] | None:
    """Return the ids of the chosen conversations; None where nothing was chosen, which is all of them.

    Raises NotFound for a name or a tag that does not exist, and where nothing is found.
    """
    if names:
        return [find_conversation(store, name) for name in names]
    if words is None and not tags:
        return None
    known = [f"#{known_tag(store, tag)}" for tag in tags]
    found = list(_ids(store, " ".join(known)))
    if words is not None:
        if problem := store.search_problems.of_search(words):
            raise click.UsageError(problem)
        hits = store.search.search(words, limit=MOST_HITS) + store.search.search(f"in:title {words}", limit=MOST_HITS)
        matching = {hit.session_id for hit in hits}
        found = [id_ for id_ in found if id_ in matching]
    if not found:
        raise NotFound("No conversation was found. Nothing was exported.")
    return found


def chats(store: HistoryReader, ids: Sequence[str] | None) -> Iterator[Chat]:
    """Yield these conversations, or all of them, reading one at a time."""
    if ids is not None:
        for id_ in ids:
            yield read_chat(store, id_)
        return
    for part in ("", "is:archived"):
        offset = 0
        while page := store.conversations.page(offset, PAGE, part):
            for row in page:
                try:
                    yield read_chat(store, row.id)
                except NotFound:  # its id is not text: it cannot be found before it is repaired
                    title = one_line(row.title, 60)
                    click.echo(f"sterna: Skipped {title}: its id is damaged. Run: sterna doctor repair", err=True)
            offset += len(page)


def _ids(store: HistoryReader, conditions: str) -> Iterator[str]:
    for part in (conditions, f"{conditions} is:archived".strip()):
        offset = 0
        while page := store.conversations.ids(offset, PAGE, part):
            yield from page
            offset += len(page)
