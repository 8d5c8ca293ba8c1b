"""``sterna models``: the models of all providers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import click

from sterna.chat import add_discovered, build_catalog
from sterna.providers import Model
from sterna.storage import ModelUse, StoreThread, clean, one_line

from .account_context import add_server_provider
from .context import CommandContext
from .model_costs import print_costs
from .model_download import pull
from .output import paint, print_json


@click.group(short_help="List the available models, or download one.", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--favourite", "marked", metavar="MODEL", multiple=True, help="Mark a model as a favourite.")
@click.option("--no-favourite", "unmarked", metavar="MODEL", multiple=True, help="Take that mark away.")
@click.option("--favourites", "only_favourites", is_flag=True, help="List the favourites alone, without any request.")
@click.option("--costs", is_flag=True, help="Print what replies have cost, by day and model.")
@click.option("--days", type=click.IntRange(1, 3660), default=31, show_default=True, help="Days of --costs.")
@click.pass_context
def models(
    ctx: click.Context,
    as_json: bool,
    marked: Sequence[str],
    unmarked: Sequence[str],
    only_favourites: bool,
    costs: bool,
    days: int,
) -> int:
    """List the models of every provider that is configured or detected, as --model takes them.

    A provider that does not respond is named on standard error, and the exit code is 1.
    Favourites stand first in the picker of the chat.

    With --json each line has: ref, endpoint (the provider's name), id, name, context_length, tier, allowed, limits,
    abilities (vision, tools, reasoning), input_price and output_price (US dollars per million tokens), favourite.
    With --costs too, each has: day, model, program (where replies were imported from), replies, input_tokens,
    output_tokens, cost (US dollars), is_estimate (computed from prices).
    """
    if ctx.invoked_subcommand is not None:
        return 0
    context: CommandContext = ctx.obj
    if costs:
        print_costs(context, days, as_json=as_json)
        return 0
    if marked or unmarked or only_favourites:
        return _favourites(context, marked, unmarked, as_json=as_json)
    found, problems, default, favourites = asyncio.run(_models(context))
    for model in found:
        if as_json:
            names = {"ref": model.ref, "endpoint": model.endpoint, "id": model.id, "name": model.name}
            more = {"tier": model.tier or None, "allowed": model.allowed, "limits": model.limits or None}
            can = {"abilities": list(model.traits.abilities), "favourite": model.ref in favourites}
            prices = dict(zip(("input_price", "output_price"), model.traits.prices or (None, None), strict=True))
            print_json(names | {"context_length": model.context_length} | more | can | prices)
        else:
            shown = one_line(model.ref)
            noted = [model.limits if model.allowed else f"{model.tier} only", *model.traits.abilities]
            if (cost := model.traits.prices) is not None:
                noted.append("free" if max(cost) <= 0 else f"${cost[0]:.6g} in, ${cost[1]:.6g} out per million tokens")
            noted.append("favourite" if model.ref in favourites else "")
            notes = ", ".join(each for each in noted if each)
            named = paint(shown, bold=True) + "  (default)" if model.ref == default else shown
            click.echo(named + (f"  ({notes})" if notes else ""))
    for name, sentence in problems.items():
        click.echo(clean(f"sterna: {name}: {sentence}"), err=True)
    return 1 if problems else 0


models.add_command(pull)


def _favourites(context: CommandContext, marked: Sequence[str], unmarked: Sequence[str], *, as_json: bool) -> int:
    """Change the favourites, and print them."""
    for ref in marked:
        if not all(ref.partition("/")[::2]):
            raise click.UsageError(
                f"“{one_line(ref, 60)}” is not a model. Name it as provider/model; see: sterna models"
            )
    with context.store() as store:
        for refs, is_favourite in ((marked, True), (unmarked, False)):
            for ref in refs:
                store.model_use.set_favourite(ref, is_favourite)
        for ref in store.model_use.favourites():
            if as_json:
                print_json({"ref": ref})
            else:
                click.echo(one_line(ref))
    return 0


async def _models(context: CommandContext) -> tuple[list[Model], dict[str, str], str, set[str]]:
    settings = context.settings()
    store = StoreThread(context.open)
    await store.start()
    catalog = build_catalog(
        settings, None, environ=os.environ, config_dir=context.config_dir, cache_dir=context.folder()
    )
    try:
        await add_discovered(catalog, settings, os.environ)
        await add_server_provider(catalog, settings, context, store)
        favourites = set(await store.run(ModelUse.favourites))
        return await catalog.models(), dict(catalog.problems), catalog.default_ref(), favourites
    finally:
        await catalog.aclose()
        await store.close()
