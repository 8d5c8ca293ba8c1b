"""``sterna pin``, ``unpin``, ``archive``, ``unarchive``, ``tag`` and ``tags``: labels of conversations."""

from __future__ import annotations

import click

from sterna.storage import LabelChange, Store

from .context import CommandContext, find_conversation, short_id
from .conversation_argument import conversations
from .output import counted, print_json, title_line

_names = click.argument("names", metavar="CONVERSATION...", nargs=-1, required=True, shell_complete=conversations)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


@click.command(short_help="Keep conversations at the top of the list.")
@_names
@_as_json
@click.pass_obj
def pin(context: CommandContext, names: tuple[str, ...], as_json: bool) -> None:
    """Keep conversations at the top of the list.

    With --json each line has: id, pinned, archived, tags.
    """
    _change(context, names, LabelChange(pinned=True), "Pinned", as_json)


@click.command(short_help="Take conversations from the top of the list.")
@_names
@_as_json
@click.pass_obj
def unpin(context: CommandContext, names: tuple[str, ...], as_json: bool) -> None:
    """Take conversations from the top of the list, back to their place by time.

    With --json each line has: id, pinned, archived, tags.
    """
    _change(context, names, LabelChange(pinned=False), "Unpinned", as_json)


@click.command(short_help="Take conversations out of the list, without deleting them.")
@_names
@_as_json
@click.pass_obj
def archive(context: CommandContext, names: tuple[str, ...], as_json: bool) -> None:
    """Take conversations out of the list, without deleting them. Search finds them, `sterna list --archived` too.

    With --json each line has: id, pinned, archived, tags.
    """
    _change(context, names, LabelChange(archived=True), "Archived", as_json)


@click.command(short_help="Put archived conversations back into the list.")
@_names
@_as_json
@click.pass_obj
def unarchive(context: CommandContext, names: tuple[str, ...], as_json: bool) -> None:
    """Put archived conversations back into the list.

    With --json each line has: id, pinned, archived, tags.
    """
    _change(context, names, LabelChange(archived=False), "Back in the list", as_json)


def _change(context: CommandContext, names: tuple[str, ...], change: LabelChange, what: str, as_json: bool) -> None:
    with context.store() as store:
        ids = [find_conversation(store, name) for name in names]
        store.labels.change(ids, change)
        for session_id in ids:
            if as_json:
                _print_labels(store, session_id)
            else:
                click.echo(f"{what}: {short_id(session_id)}  {title_line(store.conversations.get(session_id).title)}")


@click.command(
    short_help="Add tags to a conversation, or take them away.",
    # -h would be the beginning of a tag to take away
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("conversation", shell_complete=conversations)
@click.argument("tags", metavar="[+TAG|-TAG]...", nargs=-1, type=click.UNPROCESSED)
@_as_json
@click.pass_obj
def tag(context: CommandContext, conversation: str, tags: tuple[str, ...], as_json: bool) -> None:
    """Add tags to a conversation (+work), or take them away (-work), and print those that it has.

    A tag is one word of letters, digits and - _ . + & @ in lower case. It is made when the first conversation gets it,
    and gone when no conversation has it any more.

    With --json the object has: id, pinned, archived, tags.
    """
    for text in tags:
        if text[:1] not in ("+", "-"):
            raise click.UsageError(f"Write +{text} to add this tag, or -{text} to take it away.")
    change = LabelChange(
        add=tuple(text[1:] for text in tags if text[0] == "+"),
        remove=tuple(text[1:] for text in tags if text[0] == "-"),
    )
    with context.store() as store:
        session_id = find_conversation(store, conversation)
        if tags:
            store.labels.change([session_id], change)
        if as_json:
            _print_labels(store, session_id)
        elif names := store.labels.of(session_id).tags:
            click.echo(" ".join(f"#{title_line(name)}" for name in names))
        else:
            click.echo("No tags.")


@click.command(short_help="List tags.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def tags(context: CommandContext, as_json: bool) -> None:
    """List every tag with the number of conversations that have it, archived ones included.

    With --json each line has: tag, conversations.
    """
    with context.history() as store:
        for found in store.tags.all():
            if as_json:
                print_json({"tag": found.name, "conversations": found.conversations})
            else:
                click.echo(f"#{title_line(found.name)}  {counted(found.conversations, 'conversation')}")


def _print_labels(store: Store, session_id: str) -> None:
    labels = store.labels.of(session_id)
    print_json({"id": session_id, "pinned": labels.pinned, "archived": labels.archived, "tags": list(labels.tags)})
