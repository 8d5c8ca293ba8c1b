"""``sterna export``: how to leave, with everything."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from sterna.storage import Message, NotFound, Session, Store, clean, one_line
from sterna.sync.auth.account_deletion import export_of
from sterna.sync.errors import SignInError
from sterna.sync.factory import open_service

from .account_prompts import accounts_of, current
from .context import Place, find, short
from .conversation_argument import conversations
from .history import PAGE, all_messages, conversation_object, heading
from .output import escaped, json_line, local_time, without_controls, write_text
from .output_files import new_file, new_folder

_UNFIT = re.compile(r"[^\w-]+")


@click.command(short_help="Everything, as JSON or Markdown.")
@click.argument("names", metavar="[CONVERSATION]...", nargs=-1, shell_complete=conversations)
@click.option("--format", "form", type=click.Choice(["json", "markdown"]), default="json", show_default=True)
@click.option("--everything", is_flag=True, help="With what the server holds of you.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A new file (json) or a new folder (markdown).")
@click.option("--force", is_flag=True, help="Replace the file, or write into the folder, if it exists.")
@click.pass_obj
def export(place: Place, names: tuple[str, ...], form: str, everything: bool, output: Path | None, force: bool) -> int:
    """Everything that is kept, or the conversations named.

    As json: of everything, one object with export_date, user_id, profile, conversations (each: session, messages,
    settings), activity_log, usage_stats, searches and what only this machine has (drafts, trash, …), columns named as
    in the database; of named conversations, one object a line, as `sterna show --json` prints it.

    With --everything: one object with local (the object of before) and server, what your server holds of you, null when
    nobody is signed in. Exit code 1 when it could not be asked; what is here is written all the same.

    As markdown: one text, or with --output a folder with one file a conversation.

    A file or a new folder stands at its place once it is complete; an export that fails leaves none.
    """
    if everything and (names or form != "json"):
        raise click.UsageError("--everything is one JSON object: leave the names and --format out.")
    if force and output is None:
        raise click.UsageError("--force is for the file or folder of --output.")
    code = 0
    with place.store() as store:
        ids = [find(store, name) for name in names]
        if form == "json":
            write = partial(_everything, place) if everything else partial(_json, ids)
            if output is None:
                code = write(store, sys.stdout)
            else:
                with new_file(output, force=force) as file:
                    code = write(store, file)
        elif output is None:
            for session in _sessions(store, ids):
                for line in _document(session, all_messages(store, session.id)):
                    write_text(line)
        else:
            _folder(store, ids, output, force)
    if output is not None:
        click.echo(f"Written: {output}", err=True)
    return code


def _everything(place: Place, store: Store, file: TextIO) -> int:
    """Write both parts; 1 when the server could not be asked."""
    file.write('{"local":')
    store.maintenance.export_json(store.user_id, lambda piece: file.write(escaped(piece)))
    accounts = accounts_of(place)
    account, told, code = current(accounts, store), None, 0
    if account.kind == "sterna" and accounts.is_signed_in(account):
        try:
            told = asyncio.run(export_of(open_service(accounts, account)))
        except SignInError as error:
            click.echo(clean(f"sterna: The server's part is missing. {error}"), err=True)
            code = 1
    file.write(',"server":' + ("null" if told is None else json_line(told)) + "}\n")
    return code


def _json(ids: list[str], store: Store, file: TextIO) -> int:
    if not ids:
        store.maintenance.export_json(store.user_id, lambda piece: file.write(escaped(piece)))
    for session_id in ids:
        file.write(json_line(conversation_object(store, store.conversations.get(session_id))) + "\n")
    return 0


def _folder(store: Store, ids: list[str], folder: Path, force: bool) -> None:
    with new_folder(folder, force=force) as place:
        for session in _sessions(store, ids):
            title = _UNFIT.sub("-", one_line(session.title)).strip("-")[:60]
            name = "-".join(part for part in (session.created_at[:10], title, short(session.id)) if part)
            with new_file(place / f"{name}.md", force=force, folder=folder) as file:
                file.writelines(_document(session, all_messages(store, session.id)))


def _sessions(store: Store, ids: list[str]) -> Iterator[Session]:
    if ids:
        yield from map(store.conversations.get, ids)
        return
    offset = 0
    while page := store.conversations.page(offset, PAGE):
        for row in page:
            try:
                yield store.conversations.get(row.id)
            except NotFound:  # its id is no text: nothing is found by it before it is repaired
                title = one_line(row.title, 60)
                click.echo(f"sterna: Left out: {title}. Its id is damaged. Run: sterna doctor repair", err=True)
        offset += len(page)


def _document(session: Session, messages: Iterable[Message]) -> Iterator[str]:
    """Yield the conversation as Markdown, in pieces that end with a line end; each text as it was written."""
    yield f"# {without_controls(session.title).strip()}\n\n"
    yield f"{local_time(session.created_at)} · {session.id}\n"
    for message in messages:
        yield f"\n{heading(message)}\n\n"
        if message.content:
            yield message.content if message.content.endswith("\n") else message.content + "\n"
        if message.error_message:
            yield f"*({one_line(message.error_message)})*\n"
    yield "\n"
