"""``sterna attachments``: list the files that are attached to messages, and save copies of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sterna.storage import one_line, size_text

from .context import CommandContext, find_conversation, short_id
from .conversation_argument import conversations
from .export_attachments import export_file
from .output import counted, local_time, print_json, title_line
from .output_files import new_folder

if TYPE_CHECKING:
    from sterna.storage import UsedAttachment

SHORT_ID = 12


@click.command(short_help="List attached files, or save copies of them.")
@click.argument("names", metavar="[CONVERSATION]...", nargs=-1, shell_complete=conversations)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Save copies into this new folder.")
@click.option("--force", is_flag=True, help="Write into the folder if it exists.")
@click.pass_obj
def attachments(
    context: CommandContext, names: tuple[str, ...], as_json: bool, output: Path | None, force: bool
) -> int:
    """List the files that are attached to messages, of all conversations or of the given ones, the newest first.

    With --json each line has: id (SHA-256 of the content), name, type, size, session_id, message_id, at, path (null
    while the file has not been downloaded from the server) and refused (why the server does not take it).
    """
    if force and output is None:
        raise click.UsageError("--force requires --output.")
    with context.store() as store:
        ids = [find_conversation(store, name) for name in names]
        listed = [item for one in ids for item in store.attachments.used(one)] if ids else store.attachments.used()
        if output is None:
            for item in listed:
                path = str(store.attachment_files.path(item.attachment.id)) if item.is_here else None
                _print(item, path, as_json)
            return 0
        with new_folder(output, force=force) as folder:
            saved = sum(export_file(store.attachment_files, item.attachment, folder) for item in _distinct(listed))
    click.echo(f"Saved {counted(saved, 'file')} in {output}", err=True)
    return 0


def _distinct(listed: list[UsedAttachment]) -> list[UsedAttachment]:
    return list({item.attachment.id: item for item in reversed(listed)}.values())


def _print(item: UsedAttachment, path: str | None, as_json: bool) -> None:
    attachment = item.attachment
    if as_json:
        row: dict[str, Any] = {"id": attachment.id, "name": attachment.name, "type": attachment.media_type}
        row |= {"size": attachment.size, "session_id": item.session_id, "message_id": item.message_id}
        print_json(row | {"at": item.at, "path": path, "refused": item.refused})
        return
    state = f"  (not synced: {one_line(item.refused, 80)})" if item.refused else ""
    state = state if item.is_here else "  (not on this device yet)"
    click.echo(
        f"{attachment.id[:SHORT_ID]}  {size_text(attachment.size):>8}  {local_time(item.at)}  "
        f"{one_line(attachment.name, 60)}  {short_id(item.session_id)} {title_line(item.session_title, 60)}{state}"
    )
