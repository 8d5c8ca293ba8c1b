"""``sterna models``: the models of all providers."""

from __future__ import annotations

import asyncio
import os

import click

from sterna.chat import add_discovered, build_catalog
from sterna.providers import Model
from sterna.storage import StoreThread, clean, one_line

from .account_context import add_server_provider
from .context import CommandContext
from .output import paint, print_json


@click.command(short_help="List the available models.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def models(context: CommandContext, as_json: bool) -> int:
    """List the models of every provider that is configured or detected, as --model takes them.

    A provider that does not respond is named on standard error, and the exit code is 1.
    With --json each line has: ref, endpoint (the provider's name), id, name, context_length, tier, allowed, limits.
    """
    found, problems, default = asyncio.run(_models(context))
    for model in found:
        if as_json:
            names = {"ref": model.ref, "endpoint": model.endpoint, "id": model.id, "name": model.name}
            more = {"tier": model.tier or None, "allowed": model.allowed, "limits": model.limits or None}
            print_json(names | {"context_length": model.context_length} | more)
        else:
            shown = one_line(model.ref)
            noted = model.limits if model.allowed else f"{model.tier} only"
            noted = f"  ({noted})" if noted else ""
            click.echo((paint(shown, bold=True) + "  (default)" if model.ref == default else shown) + noted)
    for name, sentence in problems.items():
        click.echo(clean(f"sterna: {name}: {sentence}"), err=True)
    return 1 if problems else 0


async def _models(context: CommandContext) -> tuple[list[Model], dict[str, str], str]:
    settings = context.settings()
    store = StoreThread(context.open)
    await store.start()
    catalog = build_catalog(
        settings, None, environ=os.environ, config_dir=context.config_dir, cache_dir=context.folder()
    )
    try:
        await add_discovered(catalog, settings, os.environ)
        await add_server_provider(catalog, settings, context, store)
        return await catalog.models(), dict(catalog.problems), catalog.default_ref()
    finally:
        await catalog.aclose()
        await store.close()
