"""Shell completion of CONVERSATION arguments: short names, with titles as descriptions."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from sterna.storage import StoreError, one_line

from .context import LAST, CommandContext, short_id

MAX_ITEMS = 20


def conversations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the newest conversations whose short name begins with ``incomplete``."""
    params = ctx.find_root().params
    try:
        with CommandContext(params.get("data_dir"), params.get("config_dir")).history() as store:
            rows = store.conversations.page(0, MAX_ITEMS)
    except StoreError:
        return []
    items: list[tuple[str, Any]] = [(LAST, "the newest")]
    items += [(short_id(row.id), one_line(row.title, 50)) for row in rows]
    return [CompletionItem(value, help=title) for value, title in items if value.startswith(incomplete)]
