"""What would be gathered and what was, as text or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sterna.storage import SourceChoice, one_line
from sterna.storage.text import size_text

from .output import counted, print_json

if TYPE_CHECKING:
    from sterna.importers.gather.preview import SourcePreview
    from sterna.importers.gather.rounds import SourceRound

MOST_FOLDERS = 12
"""Folders of one source that are listed."""


def print_preview(found: SourcePreview, chosen: SourceChoice) -> None:
    """Print what would be read of a source, by folder."""
    stays = ", stays on this machine" if chosen.stays_here else ""
    click.echo(f"{found.label} ({found.name}): {counted(found.files, 'file')}, {size_text(found.size)}{stays}")
    listed = sorted(found.folders, key=lambda folder: -folder.size)
    for folder in listed[:MOST_FOLDERS]:
        click.echo(f"    {one_line(folder.path, 100)}  {counted(folder.files, 'file')}, {size_text(folder.size)}")
    if len(listed) > MOST_FOLDERS:
        click.echo(f"    and {counted(len(listed) - MOST_FOLDERS, 'more folder')}")
    if chosen.excludes:
        click.echo(f"    without {one_line(', '.join(chosen.excludes), 300)}")
    for problem in found.problems:
        click.echo(f"    {one_line(problem, 300)}")


def print_rounds(rounds: Sequence[SourceRound], *, as_json: bool) -> None:
    """Print what was read."""
    for done in rounds:
        if as_json:
            print_json(
                {
                    "source": done.name,
                    "new": done.new,
                    "updated": done.updated,
                    "messages": done.messages,
                    "skipped": [{"id": one.id, "where": one.where, "reason": one.reason} for one in done.skipped],
                    "problems": done.problems,
                }
            )
        elif done.new or done.updated or done.problem:
            click.echo(
                f"{done.name}: {done.new:,} new, {done.updated:,} continued, {counted(done.messages, 'message')}"
            )
            if done.problem:
                click.echo(f"sterna: {one_line(done.problem, 300)}", err=True)
    if not as_json and not any(done.new or done.updated for done in rounds):
        click.echo("Nothing new.")


def source_object(
    found: SourcePreview, chosen: SourceChoice, conversations: int, problem: str, *, is_on: bool
) -> dict[str, Any]:
    """Return the state of a source as JSON."""
    return {
        "source": found.name,
        "label": found.label,
        "on": is_on,
        "stays_here": chosen.stays_here,
        "excludes": list(chosen.excludes),
        "folders": list(chosen.folders),
        "files": found.files,
        "bytes": found.size,
        "conversations": conversations,
        "problem": problem or None,
    }
