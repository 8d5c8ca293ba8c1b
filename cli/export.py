"""``sterna export``: the history, or some conversations, in one of several formats."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from sterna.exporters.files import StoredFiles
from sterna.exporters.format import Format, Options
from sterna.exporters.json_text import escaped, json_line
from sterna.exporters.registry import FORMATS, make
from sterna.storage import Store, clean
from sterna.storage.conversations.documents import file_name
from sterna.sync.auth.account_deletion import fetch_export
from sterna.sync.errors import SignInError
from sterna.sync.factory import open_api

from .account_context import current_account, open_accounts
from .context import CommandContext
from .conversation_argument import conversations, tag_names
from .export_attachments import export_file, is_zip, new_zip
from .export_selection import chats, selected
from .output import write_text
from .output_files import new_binary, new_file, new_folder

SQLITE = "sqlite"
MEMBERS = {"json": "export.json", "chatgpt": "conversations.json", "html": "conversations.html"}
"""Names of the text in a zip file."""


@click.command(short_help="Export conversations: JSON, Markdown, HTML and others.")
@click.argument("names", metavar="[CONVERSATION]...", nargs=-1, shell_complete=conversations)
@click.option(
    "--format",
    "-f",
    "form",
    type=click.Choice([*FORMATS, SQLITE]),
    default="json",
    show_default=True,
    help="Output format.",
)
@click.option("--search", "words", metavar="WORDS", help="Export conversations that `sterna search WORDS` finds.")
@click.option("--tag", "-t", "tags", multiple=True, shell_complete=tag_names, help="Export those with this tag.")
@click.option("--branches", is_flag=True, help="Include branches that the chat does not show.")
@click.option("--only-complete", is_flag=True, help="jsonl: leave out failed and stopped replies.")
@click.option("--everything", is_flag=True, help="Include the data that the server has of you.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="New file, new folder (markdown), or new .zip file."
)
@click.option("--force", is_flag=True, help="Replace the file, or write into the folder, if it exists.")
@click.pass_obj
def export(
    context: CommandContext,
    names: tuple[str, ...],
    form: str,
    words: str | None,
    tags: tuple[str, ...],
    branches: bool,
    only_complete: bool,
    everything: bool,
    output: Path | None,
    force: bool,
) -> int:
    """Export all data, or the conversations that are given, found or tagged.

    \b
    json      all data as one object, or the chosen conversations one a line
    markdown  one document (-o notes.md), or one a conversation in a folder
    html      one page with search and pictures, which loads nothing else
    jsonl     messages as for fine-tuning, one conversation a line
    chatgpt   conversations.json as ChatGPT's export has it
    sqlite    a copy of the file with all data, without sign-ins

    As json, all data is one object with export_date, schema_version, user_id, profile, conversations (each: session,
    messages, settings), activity_log, usage_stats, searches and data of this device only (drafts, trash, …), with the
    column names of the database; it has all branches. Chosen conversations are one object per line, as
    `sterna show --json` prints them, with schema_version. docs/export.md describes each format, and what it lacks.

    With --everything the object has local (the object above) and server: the data that the server has of you, null if
    nobody is signed in. Exit code 1 means that the server could not be reached; local data is exported anyway.

    Chosen conversations and markdown have the branch that the chat shows, and with --branches all. chatgpt has all,
    html and jsonl the shown one.

    Attached files are in the folder attachments beside the texts of a folder. With an --output that ends in .zip, all
    of it is one zip file, for each format; a file alone names the attached files, and html contains them.

    The file or folder appears once it is complete; a failed export leaves none.
    """
    chosen = bool(names) or words is not None or bool(tags)
    if names and (words is not None or tags):
        raise click.UsageError("Give either conversations, or --search and --tag.")
    _require_sense(form, chosen, only_complete, everything, output, force)
    code = 0
    with context.store() as store:
        ids = selected(store, names, words, tags)
        options = Options(branches, only_complete)
        if form == SQLITE and output is not None:
            with new_binary(output, force=force) as copy:
                store.maintenance.copy_to(copy)
        elif form == "json" and ids is None:
            code = _all_data(store, partial(_everything, context) if everything else _local, output, force)
        else:
            _export(store, make(form), ids, options, output, force)
    if output is not None:
        click.echo(f"Exported to {output}", err=True)
    return code


def _require_sense(
    form: str, chosen: bool, only_complete: bool, everything: bool, output: Path | None, force: bool
) -> None:
    if everything and (chosen or form != "json"):
        raise click.UsageError("--everything exports one JSON object: remove the conversations and --format.")
    if force and output is None:
        raise click.UsageError("--force requires --output.")
    if only_complete and form != "jsonl":
        raise click.UsageError("--only-complete requires --format jsonl.")
    if form == SQLITE and (chosen or output is None or is_zip(output)):
        raise click.UsageError("--format sqlite copies the whole file: give --output FILE.db, and no conversations.")


def _all_data(store: Store, write: Callable[[Store, TextIO], int], output: Path | None, force: bool) -> int:
    if output is None:
        return write(store, sys.stdout)
    if not is_zip(output):
        with new_file(output, force=force) as file:
            return write(store, file)
    with new_zip(output, force=force) as folder:
        with new_file(folder / MEMBERS["json"], force=False) as file:
            code = write(store, file)
        for item in store.attachments.used():
            export_file(store.attachment_files, item.attachment, folder)
    return code


def _local(store: Store, file: TextIO) -> int:
    store.maintenance.export_json(store.user_id, lambda piece: file.write(escaped(piece)))
    return 0


def _everything(context: CommandContext, store: Store, file: TextIO) -> int:
    """Write local data and the server's, and return the exit code: 1 if the server could not be reached."""
    file.write('{"local":')
    _local(store, file)
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


def _export(
    store: Store, form: Format, ids: list[str] | None, options: Options, output: Path | None, force: bool
) -> None:
    """Write conversations in one format to standard output, a file, a folder or a zip file."""
    files = StoredFiles(store.attachment_files)
    if output is None:
        for piece in form.pieces(chats(store, ids), files, options):
            write_text(piece)
    elif is_zip(output):
        with new_zip(output, force=force) as folder:
            if form.name == "markdown":
                _write_documents(store, form, ids, options, folder, output, force)
            else:
                inside = StoredFiles(store.attachment_files, folder)
                with new_file(folder / MEMBERS.get(form.name, f"export{form.suffix}"), force=False) as file:
                    file.writelines(form.pieces(chats(store, ids), inside, options))
    elif form.name == "markdown" and output.suffix.lower() not in (".md", ".markdown"):
        with new_folder(output, force=force) as folder:
            _write_documents(store, form, ids, options, folder, output, force)
    else:
        with new_file(output, force=force) as file:
            file.writelines(form.pieces(chats(store, ids), files, options))


def _write_documents(
    store: Store, form: Format, ids: Iterable[str] | None, options: Options, new: Path, shown: Path, force: bool
) -> None:
    """Write one file for each conversation into the folder ``new``; errors name ``shown``."""
    files = StoredFiles(store.attachment_files, new)
    for chat in chats(store, None if ids is None else list(ids)):
        with new_file(new / file_name(chat.conversation), force=force, folder=shown) as file:
            file.writelines(form.pieces([chat], files, options))
