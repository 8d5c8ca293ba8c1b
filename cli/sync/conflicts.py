"""``sterna sync conflicts``: list, restore and dismiss versions that lost against another device's."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from sterna.storage import NotFound, one_line, stamp
from sterna.storage.sync.records import Conflict

from ..context import CommandContext, short_id
from ..number_types import ROW_ID
from ..output import local_time, print_json

MAX_CONFLICTS = 1_000
MAX_LENGTH = 200
"""Most characters shown of a text; --json has all of it."""
KINDS = {"c": "title", "m": "message", "s": "setting"}


@click.group(invoke_without_command=True, short_help="List conflicts with other devices.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def conflicts(ctx: click.Context, as_json: bool) -> None:
    """List your changes that lost against another device's, newest first. Your version of each is saved.

    With --json each line has: id, at, kind, session_id, title, mine, theirs.
    """
    if ctx.invoked_subcommand is not None:
        return
    context = ctx.find_object(CommandContext)
    assert context is not None
    with context.store() as store:
        listed = store.conflicts.list_open(MAX_CONFLICTS)
    for conflict in listed:
        if as_json:
            print_json(
                {
                    "id": conflict.id,
                    "at": _time(conflict),
                    "kind": KINDS[conflict.kind],
                    "session_id": conflict.session_id,
                }
                | {"title": conflict.title, "mine": conflict.mine, "theirs": conflict.theirs}
            )
            continue
        theirs = "deleted" if conflict.theirs is None else one_line(conflict.theirs, MAX_LENGTH)
        click.echo(
            f"{conflict.id}  {local_time(_time(conflict))}  {KINDS[conflict.kind]} in {short_id(conflict.session_id)}"
        )
        click.echo(f"    yours:   {one_line(conflict.mine, MAX_LENGTH)}")
        click.echo(f"    current: {theirs}")
    if not listed and not as_json:
        click.echo("No conflicts.", err=True)


@conflicts.command("use", short_help="Restore your version of conflict ID.")
@click.argument("number", metavar="ID", type=ROW_ID)
@click.pass_obj
def use(context: CommandContext, number: int) -> None:
    """Restore your version of conflict ID; the current version takes its place in the list."""
    with context.store() as store:
        store.conflicts.use(number)
    click.echo("Your version is restored, and is sent with the next sync.")


@conflicts.command("dismiss")
@click.argument("number", metavar="ID", type=ROW_ID)
@click.pass_obj
def dismiss(context: CommandContext, number: int) -> None:
    """Remove conflict ID from this list."""
    with context.store() as store:
        if all(conflict.id != number for conflict in store.conflicts.list_open(MAX_CONFLICTS)):
            raise NotFound(f"There is no conflict {number}. To list all: sterna sync conflicts")
        store.conflicts.dismiss(number)
    click.echo("Conflict dismissed.")


def _time(conflict: Conflict) -> str:
    return stamp(datetime.fromtimestamp(conflict.at / 1000, UTC))
