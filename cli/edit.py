"""``sterna rename``, ``delete`` and ``undo``."""

from __future__ import annotations

import sys

import click

from sterna.storage import Trashed, one_line

from .context import Place, find, short
from .conversation_argument import conversations
from .number_types import ROW_ID
from .output import counted, print_json, title_line


@click.command(short_help="Give a conversation another title.")
@click.argument("conversation", shell_complete=conversations)
@click.argument("title", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def rename(place: Place, conversation: str, title: tuple[str, ...], as_json: bool) -> None:
    """Give a conversation another title, which then stays. With --json the object has: id, title."""
    with place.store() as store:
        session = store.conversations.rename(find(store, conversation), " ".join(title))
    if as_json:
        print_json({"id": session.id, "title": session.title})
    else:
        click.echo(f"{short(session.id)} is now: {title_line(session.title)}")


@click.command(short_help="Delete a conversation; undo brings it back.")
@click.argument("conversation", shell_complete=conversations)
@click.option("--yes", "-y", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def delete(place: Place, conversation: str, yes: bool, as_json: bool) -> None:
    """Delete a conversation with all its messages. `sterna undo` brings it back within 30 days.

    With --json the object has: token (for undo), sessions, messages, title.
    """
    with place.store() as store:
        session = store.conversations.get(find(store, conversation))
        if not yes:
            if not at_a_terminal():
                raise click.UsageError("Nobody can be asked here; add --yes.")
            messages = counted(store.messages.count(session.id), "message")
            click.confirm(f"Delete “{one_line(session.title, 60)}” with {messages}?", abort=True, err=True)
        gone = store.trash.delete_conversation(session.id)
    if as_json:
        print_json(_object(gone))
    else:
        messages = counted(gone.messages, "message")
        click.echo(f"Deleted: {title_line(gone.title)} ({messages}). To bring it back: sterna undo")


@click.command(short_help="Bring back what was deleted last.")
@click.argument("token", type=ROW_ID, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def undo(place: Place, token: int | None, as_json: bool) -> None:
    """Bring back what was deleted last, by this command or in the chat; again for what was deleted before it.

    A reply that was regenerated counts as deleted: undo shows the earlier reply again.

    TOKEN names a deletion, as `sterna delete --json` gives it. With --json the object has: sessions (their ids), title.
    """
    with place.store() as store:
        trashed = store.trash.latest() if token is None else store.trash.get(token)
        if trashed is None:
            raise click.ClickException("Nothing to undo.")
        back = store.undo.undo(trashed.token)
        title = store.conversations.get(back[0]).title if back else ""
    if as_json:
        print_json({"sessions": back, "title": title})
    else:
        click.echo(_restored(trashed, title, len(back)))


def _restored(trashed: Trashed, title: str, count: int) -> str:
    """Return what was undone."""
    if trashed.kind == "reply":
        return f"Regeneration undone: the earlier reply is shown again in {title_line(title)}"
    if trashed.kind == "message":
        return f"Message restored in {title_line(title)}"
    more = f" and {count - 1:,} more" if count > 1 else ""
    return f"Restored: {title_line(title)}{more}"


def at_a_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


def _object(gone: Trashed) -> dict[str, object]:
    return {"token": gone.token, "sessions": gone.sessions, "messages": gone.messages, "title": gone.title}
