"""``sterna doctor repair``: replace values that were damaged by a failing disk or another program."""

from __future__ import annotations

import click

from ..context import CommandContext
from ..output import counted


@click.command("repair", short_help="Repair damaged values in the data file.")
@click.pass_obj
def doctor_repair(context: CommandContext) -> None:
    """Repair text that is not UTF-8, invalid JSON and impossible times, after making a copy of the file.

    Unreadable characters become U+FFFD. Nothing is sent to a server, and no other value is changed.
    """
    with context.store() as store:
        damaged = store.damaged_values.find()
        if not damaged:
            click.echo("No damaged values.")
            return
        copy = store.damaged_values.copy_file()
        repaired = store.damaged_values.repair_values()
    click.echo(f"Repaired {counted(repaired, 'value')}: {', '.join(map(str, damaged))}.")
    click.echo(f"Copy of the original file: {copy}")
