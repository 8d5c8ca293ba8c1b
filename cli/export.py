"""``sterna export``: all data as JSON or Markdown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from sterna.storage import Conversation, NotFound, Store, clean, one_line
from sterna.storage.conversations.documents import AttachmentLine, beginning, file_name, texts
from sterna.sync.auth.account_deletion import fetch_export
from sterna.sync.errors import SignInError
from sterna.sync.factory import open_api

from .account_context import current_account, open_accounts
from .context import CommandContext, find_conversation
from .conversation_argument import conversations
from .export_attachments import export_file, is_zip, markdown_line, new_zip
from .history import PAGE, all_messages, conversation_object
from .output import escaped, json_line, write_text
from .output_files import new_file, new_folder


@click.command(short_help="Export conversations as JSON or Markdown.")
@click.argument("names", metavar="[CONVERSATION]...", nargs=-1, shell_complete=conversations)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="Output format.",
)
@click.option("--branches", is_flag=True, help="Include branches that the chat does not show.")
@click.option("--everything", is_flag=True, help="Include the data that the server has of you.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="New file (json), new folder (markdown), or new .zip file."
)
@click.option("--force", is_flag=True, help="Replace the file, or write into the folder, if it exists.")
@click.pass_obj
def export(
    context: CommandContext,
    names: tuple[str, ...],
    form: str,
    branches: bool,
    everything: bool,
    output: Path | None,
    force: bool,
) -> int:
    """Export all data, or the given conversations.

    As json, all data is one object with export_date, user_id, profile, conversations (each: session, messages,
    settings), activity_log, usage_stats, searches and data of this device only (drafts, trash, …), with the column
    names of the database; it has all branches. Given conversations are one object per line, as `sterna show --json`
    prints them.

    With --everything the object has local (the object above) and server: the data that the server has of you, null if
    nobody is signed in. Exit code 1 means that the server could not be reached; local data is exported anyway.

    Given conversations and markdown have the branch that the chat shows, and with --branches all.

    As markdown, the output is one text, or with --output a folder with one file per conversation.

    Attached files are in the folder attachments beside the texts. With an --output that ends in .zip, all of it is one
    zip file, for json too; a json file alone names the attached files.

    The file or folder appears once it is complete; a failed export leaves none.
    """
    if everything and (names or form != "json"):
        raise click.UsageError("--everything exports one JSON object: remove the conversations and --format.")
    if force and output is None:
        raise click.UsageError("--force requires --output.")
    code = 0
    with context.store() as store:
        ids = [find_conversation(store, name) for name in names]
        if form == "json":
            write = partial(_everything, context) if everything else partial(_json, ids, branches)
            if output is not None and is_zip(output):
                with new_zip(output, force=force) as folder:
                    with new_file(folder / "export.json", force=False) as file:
                        code = write(store, file)
                    _copy_attachments(store, ids, folder)
            elif output is None:
                code = write(store, sys.stdout)
            else:
                with new_file(output, force=force) as file:
                    code = write(store, file)
        elif output is None:
            line_of = partial(markdown_line, store.attachment_files, folder=None)
            for session in _sessions(store, ids):
                for line in _document(store, session, branches, line_of):
                    write_text(line)
        elif is_zip(output):
            with new_zip(output, force=force) as folder:
                _write_documents(store, ids, branches, folder, output, force)
        else:
            with new_folder(output, force=force) as folder:
                _write_documents(store, ids, branches, folder, output, force)
    if output is not None:
        click.echo(f"Exported to {output}", err=True)
    return code


def _everything(context: CommandContext, store: Store, file: TextIO) -> int:
    """Write local data and the server's, and return the exit code: 1 if the server could not be reached."""
    file.write('{"local":')
    store.maintenance.export_json(store.user_id, lambda piece: file.write(escaped(piece)))
    accounts = open_accounts(context)
    account, from_server, code = current_account(accounts, store), None, 0
    if account.kind == "sterna" and accounts.is_signed_in(account):
        try:
            from_server = asyncio.run(fetch_export(open_api(accounts, account)))
        except SignInError as error:
            click.echo(clean(f"sterna: The server's data is missing. {error}"), err=True)
            code = 1
    file.write(',"server":' + ("null" if from_server is None else json_line(from_server)) + "}\n")
    return code


def _json(ids: list[str], branches: bool, store: Store, file: TextIO) -> int:
    if not ids:
        store.maintenance.export_json(store.user_id, lambda piece: file.write(escaped(piece)))
    for session_id in ids:
        file.write(json_line(conversation_object(store, store.conversations.get(session_id), whole=branches)) + "\n")
    return 0


def _copy_attachments(store: Store, ids: list[str], folder: Path) -> None:
    used = [item for one in ids for item in store.attachments.used(one)] if ids else store.attachments.used()
    for item in used:
        export_file(store.attachment_files, item.attachment, folder)


def _write_documents(store: Store, ids: list[str], branches: bool, new: Path, shown: Path, force: bool) -> None:
    """Write one file for each conversation into the folder ``new``; errors name ``shown``."""
    line_of = partial(markdown_line, store.attachment_files, folder=new)
    for session in _sessions(store, ids):
        with new_file(new / file_name(session), force=force, folder=shown) as file:
            file.writelines(_document(store, session, branches, line_of))


def _sessions(store: Store, ids: list[str]) -> Iterator[Conversation]:
    if ids:
        yield from map(store.conversations.get, ids)
        return
    for part in ("", "is:archived"):
        offset = 0
        while page := store.conversations.page(offset, PAGE, part):
            for row in page:
                try:
                    yield store.conversations.get(row.id)
                except NotFound:  # its id is not text: it cannot be found before it is repaired
                    title = one_line(row.title, 60)
                    click.echo(f"sterna: Skipped {title}: its id is damaged. Run: sterna doctor repair", err=True)
            offset += len(page)


def _document(store: Store, session: Conversation, branches: bool, attachment_line: AttachmentLine) -> Iterator[str]:
    """Yield the conversation as Markdown, in pieces that end with a line end; texts are unchanged."""
    yield beginning(session)
    yield from texts(all_messages(store, session.id), attachment_line)
    if branches:
        yield from _other_branches(store, session.id, attachment_line)
    yield "\n"


def _other_branches(store: Store, session_id: str, attachment_line: AttachmentLine) -> Iterator[str]:
    """Yield what the other branches have beside the shown one, each message once."""
    written = {message.id for message in all_messages(store, session_id)}
    for end in store.branches.ends(session_id):
        path = list(store.branches.path(end.id))
        rest = [message for message in path if message.id not in written]
        if rest:
            where = path[path.index(rest[0]) - 1] if rest[0] is not path[0] else None
            after = f"after “{one_line(where.content, 60)}”" if where is not None else "from the beginning"
            yield f"\n---\n\n*Another branch, {after}*\n"
            yield from texts(rest, attachment_line)
            written |= {message.id for message in rest}
