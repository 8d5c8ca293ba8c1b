"""``sterna import``: take histories of other programs into this one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sterna.storage import NotFound, UndoneImport, one_line

from .context import CommandContext
from .exit_codes import FAILED, INTERRUPTED, OK
from .import_account import nothing_found, print_account
from .output import counted, local_time, print_json, title_line

if TYPE_CHECKING:
    from sterna.importers import Reader
    from sterna.importers.files import Files
    from sterna.importers.importing import Batch, Import, Unit
    from sterna.storage import Store

LAST = "last"
LARGEST_RUN = 2**63 - 1
AT_ONCE = 5_000
"""Messages that are added to the search index in one transaction."""


@click.command("import", short_help="Import conversations of other programs.")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--from", "source", metavar="NAME", help="Read with this reader, whatever the files look like.")
@click.option("--list", "list_readers", is_flag=True, help="List what can be read.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and change nothing.")
@click.option("--tag", "-t", "tags", multiple=True, metavar="TAG", help="Tag the conversations that are new.")
@click.option("--restore", is_flag=True, help="Bring back what was deleted here.")
@click.option("--runs", "list_runs", is_flag=True, help="List the imports that took place.")
@click.option(
    "--undo", metavar="[RUN]", is_flag=False, flag_value=LAST, default=None,
    help="Take the last import back, or the one with this number.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def import_(
    context: CommandContext,
    paths: tuple[str, ...],
    source: str | None,
    list_readers: bool,
    dry_run: bool,
    tags: tuple[str, ...],
    restore: bool,
    list_runs: bool,
    undo: str | None,
    as_json: bool,
) -> int:
    """Import conversations from files, folders and zip archives that other programs export or keep.

    What a file is, is recognized by its content. Importing the same again adds nothing twice: what changed there is
    taken over, and what you changed or deleted here stays so. After ctrl+c, the same command goes on.

    Exit code 1 means that a path could not be read, or has no history that Sterna knows.

    With --json the object has: run, dry_run, sources (each: source, label, found, new, updated, unchanged, older,
    deleted, skipped, messages, kept), skipped (each: source, id, where, reason), notes, problems. `older`: a newer
    state is here; `deleted`: deleted here; `kept`: texts and titles that you changed. With --list and --runs it prints
    one object per line.
    """
    if list_readers:
        return _list_readers(as_json)
    if list_runs:
        return _list_runs(context, as_json)
    if undo is not None:
        return _undo(context, undo, as_json)
    if not paths or "" in paths:
        raise click.UsageError("Name a file or a folder to import. See what can be read: sterna import --list")
    return _import(context, paths, _reader(source), tags, dry_run=dry_run, restore=restore, as_json=as_json)


def _reader(name: str | None) -> Reader | None:
    from sterna.importers.registry import readers

    if name is None:
        return None
    if (reader := readers().named(name.lower())) is None:
        raise click.UsageError(f"There is no reader {one_line(name, 40)}. See: sterna import --list")
    return reader


def _import(
    context: CommandContext,
    paths: tuple[str, ...],
    reader: Reader | None,
    tags: tuple[str, ...],
    *,
    dry_run: bool,
    restore: bool,
    as_json: bool,
) -> int:
    from sterna.importers.importing import Account, Import
    from sterna.importers.running import run_import
    from sterna.storage.conversations.tags import tag_name

    tags = tuple(map(tag_name, tags))
    account, code = Account(), OK
    problems: list[str] = []
    with context.store() as store:
        run = 0 if dry_run else store.import_runs.begin([os.path.abspath(os.path.expanduser(path)) for path in paths])
        is_stopped = False
        try:
            for path in paths:
                with _opened(Path(os.path.expanduser(path)), reader, problems) as found:
                    if found is None:
                        code = FAILED
                        continue
                    tree, units = found
                    work = Import(tree, units, now=store.db.clock(), tags=tags)
                    try:
                        with _progress(work, shown=not as_json) as show, _stopped_by_ctrl_c(work):
                            run_import(work, store, run, restore=restore, show=show)
                    finally:
                        account.join(work.account)
                    if reader is not None and work.account.total("found") == work.account.total("skipped"):
                        code = FAILED
                    if work.is_stopped:
                        raise KeyboardInterrupt
            if run:
                _make_searchable(store, shown=not as_json)
        except KeyboardInterrupt:
            is_stopped = True
            code = INTERRUPTED
        finally:
            if run:
                store.import_runs.finish(run, account.counts(), stopped=is_stopped)
    print_account(account, problems, run=run, dry_run=dry_run, as_json=as_json)
    if is_stopped:
        click.echo("Stopped. What is imported stays; the same command goes on from here.", err=True)
    return code


@contextmanager
def _opened(path: Path, reader: Reader | None, problems: list[str]) -> Iterator[tuple[Files, list[Unit]] | None]:
    """Yield the files of a path and what the readers recognize in them; None where that is nothing."""
    from sterna.importers.files import open_tree
    from sterna.importers.registry import find, readers

    try:
        tree = open_tree(path)
    except OSError as error:
        problems.append(_sentence(path, error))
        yield None
        return
    with tree:
        found = find(tree, None if reader is None else [reader])
        problems += [*readers().problems, *found.problems, *tree.problems]
        units = found.units
        if not units and reader is not None and len(tree.paths) == 1:
            units = [(reader, tree.paths[0])]
        if not units:
            problems.append(nothing_found(path, tree, reader))
            yield None
        else:
            yield tree, units


def _sentence(path: Path, error: OSError) -> str:
    reason = f"{path} cannot be read ({error.strerror})." if error.strerror else str(error)
    return one_line(reason, 500)


def _make_searchable(store: Store, *, shown: bool) -> None:
    """Put what was imported into the search index; the chat does it for what is left after ctrl+c."""
    if store.search_index.catch_up(AT_ONCE):
        if shown and sys.stderr.isatty():
            click.echo("Adding to the search index…", err=True)
        while store.search_index.catch_up(AT_ONCE):
            pass


@contextmanager
def _stopped_by_ctrl_c(work: Import) -> Iterator[None]:
    """Let ctrl+c end an import after what is being written, so that the account is true; the second one ends it now."""

    def stop(number: int, frame: object) -> None:
        if work.is_stopped:
            raise KeyboardInterrupt
        work.is_stopped = True

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(work: Import, *, shown: bool) -> Iterator[Callable[[Batch], None]]:
    """Yield a function that shows how far an import is: a bar with rate and estimate, on a terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda batch: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[count]:,} conversations"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0, count=0, rate=0.0)

        def show(batch: Batch) -> None:
            count = work.account.total("found")
            elapsed = progress.tasks[0].elapsed or 0
            progress.update(task, completed=batch.done, count=count, rate=count / elapsed if elapsed else 0.0)

        yield show


def _list_readers(as_json: bool) -> int:
    from sterna.importers.registry import readers

    found = readers()
    for reader in sorted(found.readers, key=lambda each: each.label.lower()):
        if as_json:
            print_json({"name": reader.name, "label": reader.label})
        else:
            click.echo(f"{reader.name:<18}  {one_line(reader.label, 60)}")
    for problem in found.problems:
        click.echo(f"sterna: {one_line(problem, 500)}", err=True)
    return OK


def _list_runs(context: CommandContext, as_json: bool) -> int:
    with context.store() as store:
        for run in store.import_runs.recent():
            if as_json:
                print_json(
                    {"run": run.id, "at": run.began_at, "state": run.state, "paths": list(run.paths)}
                    | {"counts": dict(run.counts)}
                )
            else:
                names = ", ".join(title_line(Path(path).name or path, 60) for path in run.paths)
                new, updated = run.counts.get("new", 0), run.counts.get("updated", 0)
                state = {"done": "", "running": " (not finished)", "stopped": " (stopped)", "undone": " (taken back)"}
                click.echo(
                    f"{run.id:>4}  {local_time(run.began_at)}  {new:,} new, {updated:,} updated"
                    f"{state[run.state]}  {names}"
                )
    return OK


def _undo(context: CommandContext, name: str, as_json: bool) -> int:
    if name != LAST and not name.isdecimal():
        raise click.UsageError("--undo takes the number of an import. See: sterna import --runs")
    with context.store() as store:
        if name != LAST and int(name) > LARGEST_RUN:
            raise NotFound(f"There is no import {name} to take back.")
        undone = store.import_runs.undo(None if name == LAST else int(name))
    if as_json:
        print_json({"run": undone.run, "removed": undone.removed, "restored": undone.restored, "kept": undone.kept})
    else:
        click.echo(undo_text(undone))
        if undone.removed:
            click.echo("Bring them back with: sterna undo", err=True)
    return OK


def undo_text(undone: UndoneImport) -> str:
    """Return what the undo of an import did, in a sentence."""
    parts = [f"{counted(undone.removed, 'conversation')} moved to the trash"]
    if undone.restored:
        parts.append(f"{undone.restored:,} as before the import")
    if undone.kept:
        parts.append(f"{undone.kept:,} kept, because of later changes")
    return f"Import {undone.run} taken back: {', '.join(parts)}."
