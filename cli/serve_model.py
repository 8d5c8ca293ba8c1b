"""``sterna serve model``: which tier may ask which model of the relay, for whoever runs the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from sterna.storage import clean, one_line

from .context import Place
from .output import counted, print_json
from .serve_maintenance import AS_JSON, DATABASE
from .serve_user import TIERS, embedded, server_database
from .server_packages import server_packages

if TYPE_CHECKING:
    from sterna.server.admin.model_access import ModelAdmin

NONE = "none"


def _limit(context: click.Context, option: click.Parameter, told: str | None) -> int | str | None:
    """Return a number of replies, or the word none."""
    if told is None or told.lower() == NONE:
        return told and NONE
    if told.isascii() and told.isdigit() and int(told) < 2**31:
        return int(told)
    raise click.BadParameter("give a number of replies, or none.", context, option)


def _cost(context: click.Context, option: click.Parameter, told: str | None) -> Decimal | None:
    """Return US dollars for one token."""
    if told is None:
        return None
    try:
        cost = Decimal(told)
    except InvalidOperation:
        cost = Decimal(-1)
    if not cost.is_finite() or not 0 <= cost < 100:
        raise click.BadParameter("give US dollars for one token, such as 0.0000025.", context, option)
    return cost


@click.group(short_help="The models that each tier may ask.")
def model() -> None:
    """Say which tier may ask which model, and how often. The server may run meanwhile, and need not.

    A tier may ask what lower tiers may. The server's default model is everybody's as long as it is in no tier.
    """


@contextmanager
def _opened(context: click.Context, url: str | None) -> Iterator[ModelAdmin]:
    with server_packages():
        from sterna.server.admin.model_access import ModelAdmin
        from sterna.server.admin.users import UsersError
    place = context.find_object(Place) or Place(None, None)
    try:
        yield ModelAdmin(server_database(context, url) or embedded(place.folder()))
    except UsersError as error:
        raise click.ClickException(str(error)) from error


@model.command("list")
@DATABASE
@AS_JSON
@click.pass_context
def list_(context: click.Context, database_url: str | None, as_json: bool) -> None:
    """Print each model in each tier, with its limits.

    With --json each line has: model_id, tier, is_active, daily_limit, monthly_limit, model_name, model_description,
    model_tags, input_cost_per_token, output_cost_per_token.
    """
    with _opened(context, database_url) as models:
        listed = models.listed()
    for row in listed:
        if as_json:
            costs = {name: str(value) for name, value in row.items() if isinstance(value, Decimal)}
            print_json({**row, **costs})
        else:
            click.echo(f"{one_line(row['model_id'])}  {row['tier']}  {_limits(row)}")
    if not as_json and not listed:
        click.echo("No model is in a tier. `sterna serve model set NAME` puts one there.", err=True)


def _limits(row: Mapping[str, Any]) -> str:
    names = {"daily_limit": "a day", "monthly_limit": "a month"}
    limits = [f"{row[name]:,} {words}" for name, words in names.items() if row[name] is not None]
    return ", ".join([*(limits or ["no limit"]), *([] if row["is_active"] else ["disabled"])])


@model.command("set")
@click.argument("name")
@click.option("--tier", type=TIERS, default="free", show_default=True, help="The lowest tier that may ask it.")
@click.option("--daily-limit", callback=_limit, help="Replies a day and account; none: no limit.")
@click.option("--monthly-limit", callback=_limit, help="Replies a month and account; none: no limit.")
@click.option("--title", help="How it is called in lists.")
@click.option("--description", help="What it is good for.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--input-cost", callback=_cost, help="US dollars for one token that it reads.")
@click.option("--output-cost", callback=_cost, help="US dollars for one token that it writes.")
@click.option("--enable/--disable", default=None, help="Whether the tier may ask it now.")
@DATABASE
@click.pass_context
def set_(context: click.Context, /, name: str, tier: str, database_url: str | None, **options: Any) -> None:
    """Put the model NAME into a tier, or change what is given of it there; the rest stays."""
    given = {
        "daily_limit": options["daily_limit"],
        "monthly_limit": options["monthly_limit"],
        "model_name": options["title"],
        "model_description": options["description"],
        "model_tags": list(options["tags"]) or None,
        "input_cost_per_token": options["input_cost"],
        "output_cost_per_token": options["output_cost"],
        "is_active": options["enable"],
    }
    values = {column: None if value == NONE else value for column, value in given.items() if value is not None}
    with _opened(context, database_url) as models:
        is_new = models.set(name, tier, values)
    told = "may be asked by" if is_new else "is changed for"
    click.echo(clean(f"{one_line(name)} {told} the tier {tier}."))


@model.command("remove")
@click.argument("name")
@click.option("--tier", type=TIERS, help="From this tier only; by default from all.")
@DATABASE
@click.pass_context
def remove(context: click.Context, name: str, tier: str | None, database_url: str | None) -> None:
    """Take the model NAME away from a tier, or from all."""
    with _opened(context, database_url) as models:
        many = models.remove(name, tier)
    click.echo(clean(f"{one_line(name)} was removed from {counted(many, 'tier')}."))
