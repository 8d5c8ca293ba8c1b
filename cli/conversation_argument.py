"""Completion of CONVERSATION arguments, by short name with the title beside it."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from sterna.storage import StoreError, one_line

from .context import LAST, Place, short

OFFERED = 20


def conversations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest conversations that begin so."""
    given = ctx.find_root().params
    try:
        with Place(given.get("data_dir"), given.get("config_dir")).history() as store:
            rows = store.conversations.page(0, OFFERED)
    except StoreError:
        return []
    items: list[tuple[str, Any]] = [(LAST, "the newest")]
    items += [(short(row.id), one_line(row.title, 50)) for row in rows]
    return [CompletionItem(value, help=title) for value, title in items if value.startswith(incomplete)]
