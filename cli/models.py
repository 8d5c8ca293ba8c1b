"""``sterna models``: whom one can ask."""

from __future__ import annotations

import asyncio
import os

import click

from chat import add_found, catalog_of
from providers import Model
from storage import clean, one_line

from .output import paint, print_json
from .place import Place


@click.command(short_help="The models that can be asked.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def models(place: Place, as_json: bool) -> int:
    """The models of every endpoint that is configured or found here, as --model takes them.

    An endpoint that does not answer is named on standard error; the exit code is 1 when one is.
    With --json each line has: ref, endpoint, id, name, context_length.
    """
    found, problems, default = asyncio.run(_models(place))
    for model in found:
        if as_json:
            names = {"ref": model.ref, "endpoint": model.endpoint, "id": model.id, "name": model.name}
            print_json(names | {"context_length": model.context_length})
        else:
            shown = one_line(model.ref)
            click.echo(paint(shown, bold=True) + "  (default)" if model.ref == default else shown)
    for name, sentence in problems.items():
        click.echo(clean(f"sterna: {name}: {sentence}"), err=True)
    return 1 if problems else 0


async def _models(place: Place) -> tuple[list[Model], dict[str, str], str]:
    settings = place.settings()
    catalog = catalog_of(settings, None, environ=os.environ, config_dir=place.config_dir)
    try:
        await add_found(catalog, settings, os.environ)
        return await catalog.models(), dict(catalog.problems), catalog.default_ref()
    finally:
        await catalog.aclose()
