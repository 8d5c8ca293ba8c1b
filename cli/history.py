"""``sterna list``, ``show`` and ``search``: read the history as text or JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from sterna.exporters.chat import read_chat
from sterna.exporters.formats.json_lines import chat_object
from sterna.storage import NotFound, clean, clip, one_line, size_text
from sterna.storage.conversations.citations import numbered
from sterna.storage.conversations.documents import ROLE_NAMES, heading
from sterna.storage.conversations.quotations import (
    message_passages,
    passages_subject,
    passages_text,
    quote_line,
    reply_quotes,
)
from sterna.storage.conversations.reply_notes import reply_notes, source_lines
from sterna.storage.conversations.tool_calls import ToolCall, tool_calls, with_tool_calls

from .context import CommandContext, find_conversation, short_id
from .conversation_argument import conversations, known_tag, saved_search_names, tag_names
from .excluding_words import ExcludingWords, plain_words
from .number_types import LIMIT
from .output import counted, local_time, paint, print_json, title_line, without_controls, write_text
from .saved_searches import SavedSearchChange, change_saved_searches, saved_search_options

if TYPE_CHECKING:
    from sterna.chat.meaning.ways import Way
    from sterna.storage import ConversationSummary, HistoryReader, Hit, Message

PAGE = 200
UNTITLED = "New conversation"
"""Title of an untitled conversation."""


@click.command("list", short_help="List conversations.")
@click.option("--limit", "-n", type=LIMIT, help="Maximum number (default: 50 on a terminal, else all).")
@click.option("--tag", "-t", "tags", multiple=True, shell_complete=tag_names, help="List those with this tag.")
@click.option("--pinned", is_flag=True, help="List pinned ones.")
@click.option("--archived", is_flag=True, help="List archived ones, which are left out otherwise.")
@click.option("--untagged", is_flag=True, help="List those without a tag.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.argument("words", nargs=-1, shell_complete=saved_search_names)
@click.pass_obj
def list_(
    context: CommandContext,
    limit: int | None,
    tags: tuple[str, ...],
    pinned: bool,
    archived: bool,
    untagged: bool,
    as_json: bool,
    words: tuple[str, ...],
) -> None:
    """List conversations, pinned ones first, then newest first, with short name, time, title and tags.

    With WORDS, list those that have them in title or preview. WORDS may be conditions as in the chat's list: '#work',
    is:pinned, is:archived, is:untagged, from:codex, in:~/src/app, or @NAME for what a saved search finds; for those
    without a tag: sterna list -- -'#work'.

    With --json each line has: id, name, title, at, model, preview, live, waiting (for a provider that cannot be
    reached), unread, failed, pinned, archived, tags, origin (program and project that it was imported from; empty for
    none).
    """
    states = {"is:pinned": pinned, "is:archived": archived, "is:untagged": untagged}
    conditions = [state for state, is_wanted in states.items() if is_wanted]
    if limit is None and sys.stdout.isatty() and not as_json:
        limit = 50
    with context.history() as store:
        conditions += [f"#{known_tag(store, tag)}" for tag in tags]
        text, row = " ".join((*words, *conditions)), None
        for row in _rows(store, limit, text):
            if as_json:
                flags = {"live": row.live, "waiting": row.waiting, "unread": row.unread, "failed": row.failed}
                labels = {"pinned": row.pinned, "archived": row.archived, "tags": row.tags}
                print_json(
                    {"id": row.id, "name": short_id(row.id), "title": row.title, "at": row.at, "model": row.model}
                    | {"preview": row.preview}
                    | flags
                    | labels
                    | {"origin": row.origin}
                )
            else:
                untitled = row.preview.strip() if row.live else ""  # the first message, before it has a reply
                title = title_line((untitled or UNTITLED) if row.untitled else row.title, 255)
                marks = "".join(f"  {mark}" for mark in _marks(row))
                click.echo(_fit(f"{short_id(row.id)}  {local_time(row.at)}  {title}{marks}"))
        if row is None and (problem := store.search_problems.of_filter(text)):
            click.echo(f"sterna: {problem}", err=True)


def _marks(row: ConversationSummary) -> list[str]:
    """Return the labels of a conversation as they are shown behind its title."""
    said = (("(waiting)", row.waiting), ("(pinned)", row.pinned), ("(archived)", row.archived))
    states = [word for word, is_so in said if is_so]
    origin = [title_line(row.origin, 60)] if row.origin else []
    return [*states, *(f"#{title_line(tag)}" for tag in row.tags), *origin]


def _rows(store: HistoryReader, limit: int | None, text: str) -> Iterator[ConversationSummary]:
    offset = 0
    while limit is None or offset < limit:
        page = store.conversations.page(offset, PAGE if limit is None else min(PAGE, limit - offset), text)
        if not page:
            return
        yield from page
        offset += len(page)


def _fit(line: str) -> str:
    """Return ``line`` cut to the width of the terminal; unchanged in a pipe."""
    return clip(line, os.get_terminal_size().columns) if sys.stdout.isatty() else line


@click.command(short_help="Show a conversation.")
@click.argument("conversation", shell_complete=conversations, default="last")
@click.option("--branches", "list_branches", is_flag=True, help="List the branches.")
@click.option("--branch", type=click.IntRange(min=1), metavar="N", help="Show this branch of the list.")
@click.option("--reasoning", is_flag=True, help="Show reasoning, and what tools were asked and returned.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(
    context: CommandContext,
    conversation: str,
    list_branches: bool,
    branch: int | None,
    reasoning: bool,
    as_json: bool,
) -> None:
    """Show the messages of a conversation (default: the newest conversation), on the branch that the chat shows.

    Editing a message and regenerating a reply begin another branch. --branches lists all, the newest first, with the
    number for --branch and a mark at the one that the chat shows. Another one is shown here only.

    With --json the object has: id, name, title, created_at, updated_at, message_count, total_tokens, last_model,
    pinned, archived, tags, settings, messages (each: id, role, content, at, model, finish, error, reasoning,
    input_tokens, output_tokens, total_tokens, elapsed_ms, parent_id, attachments and tool_calls if there are any, and
    what `ask` adds) and live (arriving replies: id, model, content, waiting, tool_calls). A parent_id is the message
    that a message follows: null for the one before it in time, empty for none. With --branches it prints one object per
    line: branch, shown, message_id, at, model, content (of the last message).
    """
    with context.history() as store:
        session = store.conversations.get(find_conversation(store, conversation))
        if list_branches:
            _list_branches(store, session.id, as_json)
            return
        end = _branch_end(store, session.id, branch) if branch is not None else None
        if as_json:
            chat = read_chat(store, session.id)
            print_json(chat_object(chat, chat.shown if end is None else list(all_messages(store, session.id, end))))
            return
        click.echo(paint(f"# {title_line(session.title, 255)}", bold=True))
        for message in all_messages(store, session.id, end):
            click.echo("\n" + paint(heading(message), bold=True))
            if reasoning and message.reasoning:
                write_text(_block_quote(message.reasoning) + "\n\n", dim=True)
            content, calls = numbered(message.content, message.metadata, tool_calls(message.metadata), is_linked=False)
            for piece in with_tool_calls(content, calls):
                if isinstance(piece, str):
                    _print_text(piece)
                else:
                    _print_tool_call(piece, whole=reasoning)
            if passages := message_passages(message.metadata):
                click.echo(paint(f"[sent with {passages_subject(passages)}]", dim=True))
                if reasoning:
                    write_text(_block_quote(passages_text(passages)) + "\n", dim=True)
            for item in message.attachments:
                click.echo(paint(f"[attached: {one_line(item.name, 60)}, {size_text(item.size)}]", dim=True))
            for line in source_lines(message.metadata):
                click.echo(paint(line, dim=True))
            for quote in reply_quotes(message.metadata):
                click.echo(paint(clean(quote_line(quote)), dim=True))
            for note in reply_notes(message.metadata):
                click.echo(paint(f"({clean(note)})", fg="yellow"))
            if message.error_message:
                click.echo(paint(f"({clean(message.error_message)})", fg="red"))
        for reply in store.arriving_replies.of(session.id):
            # a read-only file cannot be settled, and whether the process of the reply still runs is unknown
            state = "arriving" if store.db.read_only is None else "not finished"
            click.echo(f"\n## Reply · {state if reply.waiting is None else 'not sent'}")
            if reply.waiting is not None:
                click.echo(paint(f"({clean(reply.waiting)})", fg="yellow"))
            _print_text(reply.content)


def _print_text(text: str) -> None:
    """Print ``text``, followed by a line end unless it has one."""
    write_text(text if text.endswith("\n") else text + "\n")


def _print_tool_call(call: ToolCall, *, whole: bool) -> None:
    """Print the line that stands for a tool call, with ``whole`` also its arguments and result."""
    state = ": failed" if call.is_error else ""
    click.echo(paint(clean(f"[{call.name}{state}] {one_line(call.subject, 200)}".rstrip()), dim=True))
    for text in (call.arguments_text, call.result or "") if whole else ():
        if text.strip():
            write_text(_block_quote(text) + "\n", dim=True)


def _list_branches(store: HistoryReader, session_id: str, as_json: bool) -> None:
    shown = store.branches.leaf(session_id)
    for number, message in enumerate(store.branches.ends(session_id), start=1):
        if as_json:
            print_json(
                {"branch": number, "shown": message.id == shown, "message_id": message.id}
                | {"at": message.message_timestamp, "model": message.model, "content": message.content}
            )
        else:
            mark = "*" if message.id == shown else " "
            at, text = local_time(message.message_timestamp), one_line(message.content, 200)
            model = f" of {one_line(message.model, 60)}" if message.role == "assistant" and message.model else ""
            click.echo(_fit(f"{mark} {number:>3}  {at}  {ROLE_NAMES[message.role]}{model}: {text}"))


def _branch_end(store: HistoryReader, session_id: str, number: int) -> str:
    """Return the last message of a branch. Raises NotFound."""
    ends = store.branches.ends(session_id)
    if number > len(ends):
        raise NotFound(f"This conversation has {counted(len(ends), 'branch', 'branches')}. See: sterna show --branches")
    return ends[number - 1].id


def all_messages(store: HistoryReader, session_id: str, end: str | None = None) -> Iterator[Message]:
    """Yield the messages of the shown branch, or of the one that ends with ``end``, reading page by page."""
    if end is not None:
        yield from store.branches.path(end)
        return
    page = store.messages.after(session_id, None, PAGE)
    while page:
        yield from page
        page = store.messages.after(session_id, page[-1].key, PAGE)


def _block_quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.rstrip("\n").split("\n"))


@click.command(cls=ExcludingWords, short_help="Search titles and messages.")
@click.argument("words", nargs=-1, shell_complete=saved_search_names)
@saved_search_options
@click.option("--limit", "-n", type=LIMIT, default=20, show_default=True, help="Maximum number of results.")
@click.option(
    "--conversation", "-c", shell_complete=conversations, metavar="CONVERSATION", help="Search this conversation only."
)
@click.option("--words", "way", flag_value="words", help="Find what has all the words only.")
@click.option("--meaning", "way", flag_value="meaning", help="Find by meaning only (so does a ~ before the words).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def search(
    context: CommandContext,
    words: tuple[str, ...],
    limit: int,
    conversation: str | None,
    way: Way | None,
    as_json: bool,
    save: str | None,
    listed: bool,
    rename: tuple[str, str] | None,
    delete: str | None,
    undo: bool,
) -> int:
    """Search titles and messages for WORDS, the last of which may be incomplete.

    Where search by meaning is on (see: sterna meaning), messages of that meaning follow those with all the words.

    Between the words, conditions narrow the search; a minus in front turns one round:

    \b
    '"a phrase"'  -word  C++    these words, without this one, symbols
    role:user  role:assistant   who said it
    model:claude                with which model
    after:2025-03  before:7d    a day, month, year; so many d, w, m, y ago
    has:code                    or attachment, image, tool, link, reasoning
    in:title                    titles only
    tag:work  is:pinned         also is:archived, is:untagged
    from:codex  in:~/src/app    where it was imported from

    Archived conversations are searched too.

    --save keeps the words as a search of that name: `sterna search @NAME` repeats it, alone or among other words, and
    so do the search and the filter of the chat. --saved lists them, --rename and --delete change them, and --undo takes
    the last of these changes back. They are synced with the account.

    Exit code 1 means that nothing was found.

    With --json each line has: session_id, title, message_id (null: the title matched), role, at, snippet, attachment
    (true: the snippet is the name of an attachment), why (words, meaning, meaning and words, some words), similarity
    (of the meaning, up to 1; null where it was found by words). With --saved each line has: name, text.
    """
    text = plain_words(words)
    if change_saved_searches(context, text, SavedSearchChange(save, listed, rename, delete, undo), as_json=as_json):
        return 0
    if not words:
        raise click.UsageError("Enter the words to search for, or use --saved to list the saved searches.")
    from sterna.providers.embedder import EmbedderError

    from .meaning_search import OFF, MeaningSearch

    meaning = MeaningSearch(context)
    with context.history() as store:
        session_id = find_conversation(store, conversation) if conversation else None
        if problem := store.search_problems.of_search(text):
            raise click.UsageError(problem)
        try:
            hits = meaning.search(store, text, limit=limit, session_id=session_id, way=way or "both")
        except EmbedderError as error:
            raise click.ClickException(str(error)) from None
        for hit in hits:
            if as_json:
                print_json(
                    {"session_id": hit.session_id, "title": hit.session_title, "message_id": hit.message_id}
                    | {"role": hit.role, "at": hit.at, "snippet": hit.snippet.translate(MATCH_MARKS)}
                    | {"attachment": hit.is_attachment, "why": hit.why, "similarity": hit.similarity}
                )
            else:
                title = title_line(hit.session_title, 60)
                click.echo(f"{short_id(hit.session_id)}  {local_time(hit.at)}  {paint(title, bold=True)}")
                if hit.message_id is not None:
                    click.echo(f"    {'Attachment: ' if hit.is_attachment else _why(hit)}{_highlighted(hit)}")
        if not hits:
            is_off = text.startswith("~") and not meaning.is_on
            if hint := OFF if is_off else store.search_problems.unknown_name(text):
                click.echo(f"sterna: {hint}", err=True)
    return 0 if hits else 1


MATCH_MARKS = str.maketrans("", "", "\x02\x03")
"""Removes the marks around matches in a snippet."""


def _why(hit: Hit) -> str:
    """Return why a message was found that has not all the words."""
    if hit.why == "words":
        return ""
    percent = f", {hit.similarity:.0%}" if hit.similarity is not None else ""
    return paint(f"({hit.why}{percent}) ", dim=True)


def _highlighted(hit: Hit) -> str:
    """Return the snippet on one line, with highlighted matches on a terminal with colors."""
    pieces = []
    for number, piece in enumerate(hit.snippet.replace("\x03", "\x02").split("\x02")):
        text = clean(piece, newlines=False) if sys.stdout.isatty() else without_controls(piece)
        pieces.append(paint(text, fg="yellow", bold=True) if number % 2 else text)
    return "".join(pieces)
