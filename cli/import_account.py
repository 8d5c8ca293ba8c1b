"""What an import did, as text or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sterna.storage import one_line

from .output import counted, print_json

if TYPE_CHECKING:
    from sterna.importers import Reader
    from sterna.importers.files import Files
    from sterna.importers.importing import Account, SourceCount

SHOWN = 20
"""Skipped items and notes that are printed as text."""


def print_account(account: Account, problems: list[str], *, run: int, dry_run: bool, as_json: bool) -> None:
    """Print what became of everything, and what could not be read."""
    if as_json:
        print_json(
            {
                "run": run or None,
                "dry_run": dry_run,
                "sources": [{"source": name, **asdict(count)} for name, count in account.sources.items()],
                "skipped": [
                    {"source": name, "id": item.id, "where": item.where, "reason": item.reason}
                    for name, item in account.skipped
                ],
                "notes": account.notes,
                "problems": problems,
            }
        )
        return
    for count in account.sources.values():
        click.echo(_line(count, dry_run=dry_run))
    skipped = [
        ": ".join(
            filter(None, (f"{one_line(item.where, 60)} {one_line(item.id, 40)}".strip(), one_line(item.reason, 300)))
        )
        for _, item in account.skipped
    ]
    _print_some("Skipped:", skipped, account.total("skipped"))
    _print_some("Left out:", [one_line(note, 300) for note in account.notes], len(account.notes))
    for problem in problems:
        click.echo(f"sterna: {one_line(problem, 1_000)}", err=True)
    if run and account.total("new") + account.total("updated"):
        click.echo(f"Take it back with: sterna import --undo {run}", err=True)


def nothing_found(path: Path, tree: Files, reader: Reader | None) -> str:
    """Return a sentence about a path in which nothing was recognized."""
    from sterna.importers.registry import readers

    if not any(map(tree.size, tree.paths)):
        return f"{path} is empty."
    if reader is not None:
        return f"{path} has nothing that looks like {reader.label}. Name one file to read it all the same."
    labels = sorted({reader.label for reader in readers().readers}, key=str.lower)
    return (
        f"{path} has no history that Sterna recognizes. It reads: {', '.join(labels)}."
        " If it is one of these, name it with --from."
    )


def _line(count: SourceCount, *, dry_run: bool) -> str:
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (count.new, "new"),
            (count.updated, "updated"),
            (count.unchanged, "unchanged"),
            (count.older, "older than here"),
            (count.deleted, "deleted here"),
            (count.skipped, "skipped"),
        )
        if number
    ]
    line = f"{one_line(count.label, 40)}: {counted(count.found, 'conversation')}"
    line += f" ({', '.join(parts)})" if parts else ""
    if count.messages:
        line += f", {counted(count.messages, 'message')} {'to add' if dry_run else 'added'}"
    return line + (f", {count.kept:,} kept as changed here" if count.kept else "")


def _print_some(heading: str, lines: list[str], total: int) -> None:
    if total:
        click.echo(heading, err=True)
        for line in lines[:SHOWN]:
            click.echo(f"  {line}", err=True)
        if total > SHOWN:
            click.echo(f"  and {total - SHOWN:,} more: see --json", err=True)
