"""``sterna rename``, ``delete`` and ``undo``: change the history."""

from __future__ import annotations

import click

from sterna.storage import Trashed, one_line

from .context import CommandContext, find_conversation, short_id
from .conversation_argument import conversations
from .number_types import ROW_ID
from .output import counted, print_json, title_line
from .streams import is_interactive


@click.command(short_help="Rename a conversation.")
@click.argument("conversation", shell_complete=conversations)
@click.argument("title", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def rename(context: CommandContext, conversation: str, title: tuple[str, ...], as_json: bool) -> None:
    """Set the title of a conversation.

    With --json the object has: id, title.
    """
    with context.store() as store:
        session = store.conversations.rename(find_conversation(store, conversation), " ".join(title))
    if as_json:
        print_json({"id": session.id, "title": session.title})
    else:
        click.echo(f"Renamed {short_id(session.id)}: {title_line(session.title)}")


@click.command(short_help="Delete a conversation.")
@click.argument("conversation", shell_complete=conversations)
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation. Required in scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def delete(context: CommandContext, conversation: str, yes: bool, as_json: bool) -> None:
    """Delete a conversation with all its messages. `sterna undo` restores it within 30 days.

    With --json the object has: token (for undo), sessions, messages, title.
    """
    with context.store() as store:
        session = store.conversations.get(find_conversation(store, conversation))
        if not yes:
            if not is_interactive():
                raise click.UsageError("Confirmation is required. Add --yes to delete without asking.")
            messages = counted(store.messages.count(session.id), "message")
            click.confirm(f"Delete “{one_line(session.title, 60)}” with {messages}?", abort=True, err=True)
        trashed = store.trash.delete_conversation(session.id)
    if as_json:
        print_json(_trashed_object(trashed))
    else:
        messages = counted(trashed.messages, "message")
        click.echo(f"Deleted: {title_line(trashed.title)} ({messages}). To restore it: sterna undo")


@click.command(short_help="Undo the last deletion, edit, pin, archiving or tagging.")
@click.argument("token", type=ROW_ID, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def undo(context: CommandContext, token: int | None, as_json: bool) -> None:
    """Undo the last deletion, made by this program or in the chat; repeat the command to undo earlier ones.

    Pins, archiving, tags and settings of a conversation are undone in the same order. Another version of a reply, an
    edited message, a continued reply and a fork count as deletions: undo shows what was there before. TOKEN selects a
    deletion, as printed by `sterna delete --json`.

    With --json the object has: sessions (their ids), title.
    """
    with context.store() as store:
        trashed = store.trash.latest() if token is None else store.trash.get(token)
        if trashed is None:
            raise click.ClickException("Nothing to undo.")
        before = store.conversations.total()
        restored = store.undo.undo(trashed.token)
        title = store.conversations.get(restored[0]).title if restored else ""
        is_fork = store.conversations.total() < before
    if as_json:
        print_json({"sessions": restored, "title": title})
    else:
        click.echo(f"Removed the fork of {title_line(title)}" if is_fork else _restored(trashed, title, len(restored)))


def _restored(trashed: Trashed, title: str, count: int) -> str:
    """Return the message for an undone deletion."""
    if trashed.kind == "reply":
        return f"Undone: the earlier version is shown again in {title_line(title)}"
    if trashed.kind == "message":
        return f"Message restored in {title_line(title)}"
    more = f" and {count - 1:,} more" if count > 1 else ""
    if trashed.kind in ("labels", "settings"):
        return f"{trashed.kind.capitalize()} as before: {title_line(title)}{more}"
    return f"Restored: {title_line(title)}{more}"


def _trashed_object(trashed: Trashed) -> dict[str, object]:
    return {name: getattr(trashed, name) for name in ("token", "sessions", "messages", "title")}
