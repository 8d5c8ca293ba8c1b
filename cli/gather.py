"""``sterna gather``: follow the histories of other programs on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sterna.storage import GatherChoice, SourceChoice, one_line
from sterna.storage.text import size_text

from .context import CommandContext
from .exit_codes import FAILED, OK
from .gather_report import print_preview, print_rounds, source_object
from .output import counted, print_json
from .streams import is_interactive

if TYPE_CHECKING:
    from sterna.importers.gather.places import Places
    from sterna.storage import Store


def _source_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from sterna.importers.gather.sources import SOURCES

    return [name for name in SOURCES if name.startswith(incomplete)]


_sources = click.argument("sources", nargs=-1, metavar="[SOURCE]...", shell_complete=_source_names)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


@click.group(invoke_without_command=True, short_help="Follow the histories of other programs on this machine.")
@_as_json
@click.pass_context
def gather(ctx: click.Context, as_json: bool) -> None:
    """Follow the histories that Claude Code, Codex and other programs keep on this machine.

    Off by default. Without a command it shows what is followed. While the chat is open, what is followed is read as it
    grows; `sterna gather once` reads it at any other time. What such a program deletes stays here.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(status, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"Write --json at the end: sterna gather {ctx.invoked_subcommand} --json")


@gather.command("status", short_help="Show what is followed, and what could be.")
@_sources
@_as_json
@click.pass_obj
def status(context: CommandContext, sources: tuple[str, ...], as_json: bool) -> None:
    """Show what is followed, and what could be.

    With --json each line has: source, label, on, stays_here, excludes, folders, files, bytes, conversations, problem.
    """
    from sterna.importers.gather.places import Places
    from sterna.importers.gather.preview import preview
    from sterna.importers.gather.rounds import projects_for

    names, places = _named(sources), Places()
    with context.store() as store:
        choice, conversations = store.gathered.choice(), store.gathered.conversations()
        for name in names:
            chosen = choice.sources.get(name, SourceChoice())
            found = preview(name, places, chosen, projects_for(store, name))
            is_on, problem = name in choice.sources, store.gathered.problem(name)
            if as_json:
                print_json(source_object(found, chosen, conversations.get(name, 0), problem, is_on=is_on))
            elif is_on or found.files or sources:
                _print_status(found.label, name, is_on, chosen, conversations.get(name, 0), problem)
                click.echo(f"    {counted(found.files, 'file')}, {size_text(found.size)}")
        if not as_json and not choice.sources:
            click.echo("Nothing is followed. Follow what is found with: sterna gather on")


def _print_status(label: str, name: str, is_on: bool, chosen: SourceChoice, count: int, problem: str) -> None:
    state = "followed" if is_on else "not followed"
    stays = ", stays on this machine" if is_on and chosen.stays_here else ""
    here = f", {counted(count, 'conversation')} here" if count else ""
    click.echo(f"{label} ({name}): {state}{stays}{here}")
    if chosen.excludes:
        click.echo(f"    without {one_line(', '.join(chosen.excludes), 300)}")
    if problem:
        click.echo(f"    {one_line(problem, 300)}")


@gather.command("once", short_help="Read what is new in the histories that are followed.")
@_sources
@_as_json
@click.pass_obj
def once(context: CommandContext, sources: tuple[str, ...], as_json: bool) -> int:
    """Read what is new in the histories that are followed, and end.

    Exit code 1 means that something could not be read.

    With --json each line has: source, new, updated, messages, skipped (each: id, where, reason), problems.
    """
    from sterna.importers.gather.places import Places

    names = _named(sources)
    with context.store() as store:
        choice = store.gathered.choice()
        if not choice.sources:
            raise click.ClickException("Nothing is followed. Choose what to follow with: sterna gather on")
        for name in sources:
            if name not in choice.sources:
                raise click.ClickException(f"{name} is not followed. Follow it with: sterna gather on {name}")
        return _round(store, Places(), choice, names, as_json=as_json)


@gather.command("on", short_help="Follow histories.")
@_sources
@click.option("--exclude", "-x", "excludes", multiple=True, metavar="PATTERN",
              help="Leave out files and projects, such as '~/private/*'.")  # fmt: skip
@click.option("--folder", "folders", multiple=True, metavar="FOLDER", help="Look in this folder, too.")
@click.option("--stay-here", is_flag=True, help="Keep these conversations on this machine: they are not synced.")
@click.option("--install", is_flag=True, help="Also gather while no chat is open, by a timer of the system.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def on(
    context: CommandContext,
    sources: tuple[str, ...],
    excludes: tuple[str, ...],
    folders: tuple[str, ...],
    stay_here: bool,
    install: bool,
    yes: bool,
) -> int:
    """Follow histories from now on: those that are named, or all that are found.

    First it shows what would be taken, by source and folder, and asks.
    """
    from sterna.importers.gather.places import Places
    from sterna.importers.gather.preview import preview
    from sterna.importers.gather.rounds import projects_for

    names, places = _named(sources), Places()
    folders = tuple(map(_there, folders))
    if not all(excludes):
        raise click.UsageError("--exclude takes a pattern, such as '~/private/*'.")
    with context.store() as store:
        choice = store.gathered.choice()
        wanted: dict[str, SourceChoice] = {}
        for name in names:
            old = choice.sources.get(name, SourceChoice())
            new = SourceChoice(
                _joined(old.excludes, excludes), _joined(old.folders, folders), stay_here or old.stays_here
            )
            found = preview(name, places, new, projects_for(store, name))
            if found.files or sources:
                wanted[name] = new
                print_preview(found, new)
        if not wanted:
            click.echo("No history of another program was found on this machine.")
            return FAILED
        if not yes and not _agreed():
            click.echo("Nothing was changed.", err=True)
            return FAILED
        choice = GatherChoice({**choice.sources, **wanted})
        store.gathered.choose(choice)
        code = _round(store, places, choice, list(wanted), as_json=False)
        if not sources:
            _name_more(store, places, choice)
    if install:
        _install(context, places)
    return code


@gather.command("off", short_help="Follow histories no longer.")
@_sources
@click.option("--install", is_flag=True, help="Also remove the timer of the system.")
@click.pass_obj
def off(context: CommandContext, sources: tuple[str, ...], install: bool) -> None:
    """Follow histories no longer: those that are named, or none at all. What was gathered stays."""
    from sterna.importers.gather.places import Places

    names = _named(sources)
    with context.store() as store:
        choice = store.gathered.choice()
        rest = {name: chosen for name, chosen in choice.sources.items() if sources and name not in names}
        store.gathered.choose(GatherChoice(rest))
        stopped = len(choice.sources) - len(rest)
    click.echo(f"{counted(stopped, 'source')} less. What was gathered stays." if stopped else "Nothing was followed.")
    if install:
        _uninstall(context, Places())


def _name_more(store: Store, places: Places, choice: GatherChoice) -> None:
    """Name what was found in the projects of the conversations that are here now."""
    from sterna.importers.gather.preview import preview
    from sterna.importers.gather.rounds import projects_for

    for name in _named(()):
        if name not in choice.sources and (projects := projects_for(store, name)):
            found = preview(name, places, SourceChoice(), projects)
            if found.files:
                click.echo(f"In these projects there is more, of {found.label}: sterna gather on {name}")


def _named(sources: tuple[str, ...]) -> list[str]:
    """Return the names of sources; all of them if none is given."""
    from sterna.importers.gather.work import available

    known = available()
    for name in sources:
        if name not in known:
            raise click.UsageError(f"There is no source {one_line(name, 40)}. There are: {', '.join(known)}.")
    return list(sources) or known


def _there(folder: str) -> str:
    """Return the whole path of a folder, which is looked at from other folders later."""
    path = os.path.abspath(os.path.expanduser(folder))
    if not folder or not os.path.isdir(path):
        raise click.UsageError(f"There is no folder {one_line(folder, 200)}.")
    return path


def _joined(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def _agreed() -> bool:
    if not is_interactive():
        raise click.ClickException("Nothing was changed. Confirm with --yes where nobody can be asked.")
    return click.confirm("Follow these from now on?", err=True)


def _round(store: Store, places: Places, choice: GatherChoice, names: list[str], *, as_json: bool) -> int:
    from sterna.importers.gather.rounds import gather_round

    rounds = gather_round(store, places, choice, names)
    print_rounds(rounds, as_json=as_json)
    return FAILED if any(done.problem for done in rounds) else OK


def _command(context: CommandContext) -> list[str]:
    import sys

    command = [sys.executable, "-m", "sterna"]
    if context.data_dir is not None:
        command += ["--data-dir", str(context.data_dir.absolute())]
    if context.config_dir is not None:
        command += ["--config-dir", str(context.config_dir.absolute())]
    return [*command, "gather", "once"]


def _install(context: CommandContext, places: Places) -> None:
    from sterna.importers.gather.timer import install, run_quietly, timer

    wanted = timer(places, _command(context))
    is_running = install(wanted, run_quietly)
    for path in wanted.files:
        click.echo(f"Written: {path}")
    if not is_running:
        shown = "\n".join(" ".join(command) for command in wanted.start)
        click.echo(f"The timer could not be started. Start it with:\n{shown}", err=True)


def _uninstall(context: CommandContext, places: Places) -> None:
    from sterna.importers.gather.timer import run_quietly, timer, uninstall

    is_gone = uninstall(timer(places, _command(context)), run_quietly)
    click.echo("The timer is removed." if is_gone else "There is no timer.")
