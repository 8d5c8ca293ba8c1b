"""``sterna edit`` and ``fork``: branches of a conversation."""

from __future__ import annotations

import asyncio
import sys

import click

from sterna.chat import Reply, Turns
from sterna.storage import HistoryReader, Invalid, Message, NotFound

from .ask import prompt_text
from .attach_arguments import STANDARD_INPUT, attach_argument
from .context import CommandContext, find_conversation, short_id
from .conversation_argument import conversations
from .output import print_json, title_line
from .streams import require_output
from .turn_options import model_option
from .turn_runner import run_turn


@click.command(short_help="Edit a message and send it again.")
@click.argument("conversation", shell_complete=conversations)
@click.argument("text", nargs=-1)
@click.option("--message", "message_id", metavar="ID", help="Message to edit (default: your last one).")
@model_option
@click.option(
    "--attach",
    "-a",
    "attached",
    multiple=True,
    metavar="FILE",
    help="Attach another file beside those of the message. Can be repeated.",
)
@click.option("--no-attachments", is_flag=True, help="Send it without the files of the old message.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when the reply is complete.")
@click.pass_obj
def edit(
    context: CommandContext,
    conversation: str,
    text: tuple[str, ...],
    message_id: str | None,
    model: str | None,
    attached: tuple[str, ...],
    no_attachments: bool,
    as_json: bool,
) -> int:
    """Edit one of your messages, send it again, and print the reply.

    The new text is the argument, standard input, or both, in this order; without any, the editor opens with the old
    text. The old message and what followed it stay as another branch: see `sterna show --branches`. `sterna undo` shows
    it again.

    With --json the object is that of `sterna ask`. Ids of messages are in `sterna show --json`.
    """
    require_output()
    if STANDARD_INPUT in attached:
        raise click.UsageError("Standard input is the text here, and cannot be attached.")
    with context.store() as store:
        session_id = find_conversation(store, conversation)
        message = _own_message(store, session_id, message_id)
    new = prompt_text(text) if text or not sys.stdin.isatty() else click.edit(message.content)
    if new is None:
        raise click.ClickException("The message was not changed. Nothing was sent.")
    new = new.rstrip("\n") if not text else new
    if not new.strip():
        raise click.UsageError("The message is empty. Enter it as an argument or on standard input.")

    async def begin(turns: Turns, _: str | None) -> Reply:
        own = () if no_attachments else message.attachments
        files = [*own, *[await attach_argument(turns.store, name) for name in attached]]
        return (await turns.edit(message.id, new, model=model, attachments=files))[1]

    return asyncio.run(run_turn(context, context.settings(), session_id, model or "", begin, as_json=as_json))


@click.command(short_help="Copy a conversation up to a message.")
@click.argument("conversation", shell_complete=conversations)
@click.option("--message", "message_id", metavar="ID", help="Last message to copy (default: the last one shown).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def fork(context: CommandContext, conversation: str, message_id: str | None, as_json: bool) -> None:
    """Copy a conversation, up to a message, into a new one.

    With --json the object has: id, title, messages (their number). Ids of messages are in `sterna show --json`.
    """
    with context.store() as store:
        session_id = find_conversation(store, conversation)
        if message_id is None:
            message_id = store.branches.leaf(session_id)
        if message_id is None:
            raise Invalid("This conversation has no messages.")
        new = store.branch_changes.fork(_message(store, session_id, message_id).id)
        count = store.messages.count(new.id)
    if as_json:
        print_json({"id": new.id, "title": new.title, "messages": count})
    else:
        click.echo(f"Forked {short_id(session_id)} to {short_id(new.id)}: {title_line(new.title)}")


def _own_message(store: HistoryReader, session_id: str, message_id: str | None) -> Message:
    """Return the message to edit. Raises NotFound, and Invalid for a reply."""
    if message_id is not None:
        message = _message(store, session_id, message_id)
        if message.role != "user":
            raise Invalid("Only your own messages can be edited and sent again.")
        return message
    own = (message for message in store.messages.newest_first(session_id, None) if message.role == "user")
    if (found := next(own, None)) is None:
        raise NotFound("This conversation has no message of yours.")
    return found


def _message(store: HistoryReader, session_id: str, message_id: str) -> Message:
    message = store.messages.get(message_id)
    if message.session_id != session_id:
        raise NotFound("That message is in another conversation.")
    return message
