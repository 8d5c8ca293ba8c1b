"""Arguments that name a conversation, a tag or a saved search, with their shell completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sterna.storage import HistoryReader, NotFound, StoreError, one_line

from .context import LAST, CommandContext, short_id

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MAX_ITEMS = 20


def conversations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the newest conversations whose short name begins with ``incomplete``."""
    from click.shell_completion import CompletionItem

    params = ctx.find_root().params
    try:
        with CommandContext(params.get("data_dir"), params.get("config_dir")).history() as store:
            rows = store.conversations.page(0, MAX_ITEMS)
    except StoreError:
        return []
    items: list[tuple[str, Any]] = [(LAST, "the newest")]
    items += [(short_id(row.id), one_line(row.title, 50)) for row in rows]
    return [CompletionItem(value, help=title) for value, title in items if value.startswith(incomplete)]


def tag_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the tags that begin with ``incomplete``."""
    from click.shell_completion import CompletionItem

    params = ctx.find_root().params
    try:
        with CommandContext(params.get("data_dir"), params.get("config_dir")).history() as store:
            tags = store.tags.all()
    except StoreError:
        return []
    items = [(tag.name, f"{tag.conversations:,} conversations") for tag in tags]
    return [CompletionItem(name, help=count) for name, count in items if name.startswith(incomplete.lstrip("#"))]


def saved_search_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the saved searches that begin with ``incomplete``; words of a search, only behind ``@``."""
    from click.shell_completion import CompletionItem

    from sterna.storage.conversations.saved_names import saved_searches

    if param.name == "words" and not incomplete.startswith("@"):
        return []
    params = ctx.find_root().params
    try:
        with CommandContext(params.get("data_dir"), params.get("config_dir")).history() as store:
            saved = saved_searches(store.db)
    except StoreError:
        return []
    begin = incomplete.removeprefix("@").casefold()
    return [
        CompletionItem(f"@{name}", help=one_line(text, 50))
        for name, text in saved.items()
        if name.casefold().startswith(begin)
    ]


def known_tag(store: HistoryReader, text: str) -> str:
    """Return the name of a tag that some conversation has. Raises NotFound, and Invalid for what can be no tag."""
    from sterna.storage.conversations.tags import tag_name

    name = tag_name(text)
    if not any(tag.name == name for tag in store.tags.all()):
        raise NotFound(f"No conversation has the tag #{name}. `sterna tags` lists all tags.")
    return name
