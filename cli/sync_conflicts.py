"""``sterna sync conflicts``: texts that were overtaken by another device's, each still here to be used."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from sterna.storage import NotFound, one_line, stamp
from sterna.storage.sync.records import Conflict

from .context import Place, short
from .number_types import ROW_ID
from .output import local_time, print_json

MOST = 1_000
LENGTH = 200
"""Characters of a text that a terminal is shown; --json has all of it."""
KINDS = {"c": "title", "m": "message", "s": "setting"}


@click.group(invoke_without_command=True, short_help="List texts that another device changed too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def conflicts(context: click.Context, as_json: bool) -> None:
    """List your texts that another device changed too, newest first. Your version is kept.

    With --json each line has: id, at, kind, session_id, title, mine, theirs.
    """
    if context.invoked_subcommand is not None:
        return
    place = context.find_object(Place)
    assert place is not None
    with place.store() as store:
        found = store.conflicts.list_open(MOST)
    for one in found:
        if as_json:
            print_json(
                {"id": one.id, "at": _at(one), "kind": KINDS[one.kind], "session_id": one.session_id}
                | {"title": one.title, "mine": one.mine, "theirs": one.theirs}
            )
            continue
        theirs = "deleted" if one.theirs is None else one_line(one.theirs, LENGTH)
        click.echo(f"{one.id}  {local_time(_at(one))}  {KINDS[one.kind]} in {short(one.session_id)}")
        click.echo(f"    yours: {one_line(one.mine, LENGTH)}")
        click.echo(f"    now:   {theirs}")
    if not found and not as_json:
        click.echo("No conflicts.", err=True)


@conflicts.command("use")
@click.argument("number", metavar="ID", type=ROW_ID)
@click.pass_obj
def use(place: Place, number: int) -> None:
    """Restore your version of conflict ID; the current version is kept here instead."""
    with place.store() as store:
        store.conflicts.use(number)
    click.echo("It is back in its place, and is sent with the next sync.")


@conflicts.command("dismiss")
@click.argument("number", metavar="ID", type=ROW_ID)
@click.pass_obj
def dismiss(place: Place, number: int) -> None:
    """Remove conflict ID from this list."""
    with place.store() as store:
        if all(one.id != number for one in store.conflicts.list_open(MOST)):
            raise NotFound(f"There is no conflict {number}. To list them: sterna sync conflicts")
        store.conflicts.dismiss(number)
    click.echo("It is off the list.")


def _at(one: Conflict) -> str:
    return stamp(datetime.fromtimestamp(one.at / 1000, UTC))
