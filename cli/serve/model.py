"""``sterna serve model``: administration of the models of each tier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from sterna.storage import clean, one_line

from ..output import counted, print_json
from .database import AS_JSON, DATABASE, command_context, embedded_url
from .database import database_url as server_database_url
from .packages import server_packages
from .user import TIERS

if TYPE_CHECKING:
    from sterna.server.admin.model_access import ModelAdmin

NONE = "none"


def _limit(ctx: click.Context, option: click.Parameter, value: str | None) -> int | str | None:
    """Return a number of replies, or the word none."""
    if value is None or value.lower() == NONE:
        return value and NONE
    if value.isascii() and value.isdigit() and int(value) < 2**31:
        return int(value)
    raise click.BadParameter("enter a number of replies, or none.", ctx, option)


def _cost(ctx: click.Context, option: click.Parameter, value: str | None) -> Decimal | None:
    """Return US dollars per token."""
    if value is None:
        return None
    try:
        cost = Decimal(value)
    except InvalidOperation:
        cost = Decimal(-1)
    if not cost.is_finite() or not 0 <= cost < 100:
        raise click.BadParameter("enter US dollars per token, such as 0.0000025.", ctx, option)
    return cost


@click.group(short_help="Manage which models each tier can use.")
def model() -> None:
    """Manage which models each tier can use, and how often. The server does not have to be running.

    Each tier includes the models of lower tiers. The server's default model is available to all unless it is in a tier.
    """


@contextmanager
def _opened(ctx: click.Context, url: str | None) -> Iterator[ModelAdmin]:
    with server_packages():
        from sterna.server.admin.model_access import ModelAdmin
        from sterna.server.admin.users import UsersError
    try:
        yield ModelAdmin(server_database_url(ctx, url) or embedded_url(command_context(ctx).folder()))
    except UsersError as error:
        raise click.ClickException(str(error)) from error


@model.command("list")
@DATABASE
@AS_JSON
@click.pass_context
def list_(ctx: click.Context, database_url: str | None, as_json: bool) -> None:
    """List the models of each tier, with their limits.

    With --json each line has: model_id, tier, is_active, daily_limit, monthly_limit, model_name, model_description,
    model_tags, input_cost_per_token, output_cost_per_token.
    """
    with _opened(ctx, database_url) as models:
        listed = models.list_all()
    for row in listed:
        if as_json:
            costs = {name: str(value) for name, value in row.items() if isinstance(value, Decimal)}
            print_json({**row, **costs})
        else:
            click.echo(f"{one_line(row['model_id'])}  {row['tier']}  {_limits(row)}")
    if not as_json and not listed:
        click.echo("No models are in a tier yet. Add one: sterna serve model set NAME", err=True)


def _limits(row: Mapping[str, Any]) -> str:
    names = {"daily_limit": "a day", "monthly_limit": "a month"}
    limits = [f"{row[name]:,} {words}" for name, words in names.items() if row[name] is not None]
    return ", ".join([*(limits or ["no limit"]), *([] if row["is_active"] else ["disabled"])])


@model.command("set")
@click.argument("name")
@click.option("--tier", type=TIERS, default="free", show_default=True, help="The lowest tier that can use the model.")
@click.option("--daily-limit", callback=_limit, help="Replies per account and day, or none for no limit.")
@click.option("--monthly-limit", callback=_limit, help="Replies per account and month, or none for no limit.")
@click.option("--title", help="Display name.")
@click.option("--description", help="Description shown to users.")
@click.option("--tag", "tags", multiple=True, help="A tag (repeatable).")
@click.option("--input-cost", callback=_cost, help="US dollars per input token.")
@click.option("--output-cost", callback=_cost, help="US dollars per output token.")
@click.option("--enable/--disable", default=None, help="Make the model available to the tier, or not.")
@DATABASE
@click.pass_context
def set_(ctx: click.Context, /, name: str, tier: str, database_url: str | None, **options: Any) -> None:
    """Add the model NAME to a tier, or change its settings there.

    Options that are not given keep their values.
    """
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
    with _opened(ctx, database_url) as models:
        is_new = models.set(name, tier, values)
    result = "added to" if is_new else "changed in"
    click.echo(clean(f"{one_line(name)} was {result} the tier {tier}."))


@model.command("remove")
@click.argument("name")
@click.option("--tier", type=TIERS, help="Remove it from this tier only (default: all tiers).")
@DATABASE
@click.pass_context
def remove(ctx: click.Context, name: str, tier: str | None, database_url: str | None) -> None:
    """Remove the model NAME from a tier, or from all tiers."""
    with _opened(ctx, database_url) as models:
        count = models.remove(name, tier)
    click.echo(clean(f"{one_line(name)} was removed from {counted(count, 'tier')}."))
