"""Options of ``sterna search`` for saved searches: save, list, rename, delete, undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from sterna.storage.conversations.saved_names import saved_searches

from .context import CommandContext
from .conversation_argument import saved_search_names
from .output import print_json, title_line

Command = TypeVar("Command", bound=Callable[..., Any])


def saved_search_options(command: Command) -> Command:
    """Add the options."""
    for option in (
        click.option("--undo", is_flag=True, help="Take back the last change of saved searches."),
        click.option("--delete", metavar="NAME", shell_complete=saved_search_names, help="Delete a saved search."),
        click.option(
            "--rename", nargs=2, metavar="NAME NEW", shell_complete=saved_search_names, help="Rename a saved search."
        ),
        click.option("--saved", "listed", is_flag=True, help="List the saved searches."),
        click.option("--save", metavar="NAME", help="Save the words as a search of this name."),
    ):
        command = option(command)
    return command


class SavedSearchChange(NamedTuple):
    """Values of the options."""

    save: str | None = None
    listed: bool = False
    rename: tuple[str, str] | None = None
    delete: str | None = None
    undo: bool = False


def change_saved_searches(context: CommandContext, text: str, change: SavedSearchChange, *, as_json: bool) -> bool:
    """Do what the options want, and return whether they want anything. Raises Invalid, NotFound."""
    save, listed, rename, delete, undo = change
    wanted = [each is not None for each in (save, rename, delete)] + [listed, undo]
    if not any(wanted):
        return False
    if sum(wanted) > 1:
        raise click.UsageError("Use one of --save, --saved, --rename, --delete and --undo.")
    if text and save is None:
        raise click.UsageError("Words are for a search, or for --save. Remove them.")
    if listed:
        with context.history() as store:
            _list(saved_searches(store.db), as_json)
        return True
    with context.store() as store:
        saved = store.saved_searches
        if save is not None:
            name, before = saved.save(save, text)
            instead = f" in the place of “{before}”; to take it back: sterna search --undo" if before else ""
            said = f"Saved{instead}. Repeat it with: sterna search @{name}"
        elif rename is not None:
            said = f"Renamed to @{saved.rename(*rename)}. To take it back: sterna search --undo"
        elif delete is not None:
            said = f"Deleted @{saved.delete(delete)}. To restore it: sterna search --undo"
        elif names := saved.undo():
            said = f"As before: {', '.join(f'@{name}' for name in names)}"
        else:
            raise click.ClickException("Nothing to undo.")
    click.echo(title_line(said))
    return True


def _list(saved: dict[str, str], as_json: bool) -> None:
    for name, text in saved.items():
        if as_json:
            print_json({"name": name, "text": text})
        else:
            click.echo(title_line(f"@{name}  {text}"))
    if not saved and not as_json:
        click.echo("No search is saved yet. To save one: sterna search WORDS --save NAME", err=True)
