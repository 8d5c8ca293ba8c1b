"""``sterna doctor repair``: replace values that a failing disk or another program has damaged."""

from __future__ import annotations

import click

from .context import Place
from .output import counted


@click.command("repair", short_help="Repair damaged values in the data file.")
@click.pass_obj
def doctor_repair(place: Place) -> None:
    """Repair text that is not UTF-8, JSON that is none and impossible times. The file is copied first.

    What cannot be read becomes U+FFFD. Nothing is sent to a server, and no other value is changed.
    """
    with place.store() as store:
        damaged = store.damaged_values.find()
        if not damaged:
            click.echo("No damaged values.")
            return
        copy = store.damaged_values.copy_file()
        repaired = store.damaged_values.repair_values()
    click.echo(f"Repaired {counted(repaired, 'value')}: {', '.join(map(str, damaged))}.")
    click.echo(f"The file as it was: {copy}")
