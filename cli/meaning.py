"""``sterna meaning``: search by meaning, what it takes and how far it is."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from sterna.storage import Meaning, clean, one_line, remove_vectors, size_text

from .context import CommandContext
from .exit_codes import OK
from .meaning_search import OFF, embedder_of, run_in
from .meaning_state import vectors_state
from .output import counted, print_json
from .streams import is_interactive

if TYPE_CHECKING:
    from sterna.storage import Store


@click.group(
    invoke_without_command=True, short_help="Search by meaning: turn it on, build its vectors, show its state."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def meaning(ctx: click.Context, as_json: bool) -> None:
    """Find messages by their meaning, also where they have other words than you search for.

    Off by default. It needs the packages of sterna[semantic]. Vectors of all messages that are not private are made in
    the background while the chat is open, and kept in a file beside the history. They never leave this device.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(status, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"Write --json at the end: sterna meaning {ctx.invoked_subcommand} --json")


@meaning.command("status", short_help="Show whether it is on, and how far the vectors are.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(context: CommandContext, as_json: bool) -> None:
    """Show whether search by meaning is on, with which model, and how far the vectors are.

    With --json the object has: enabled, model, made_by (the model of the vectors that are there), done (0 to 1), parts
    (vectors), bytes, path.
    """
    settings = context.read_settings().meaning
    from sterna.chat.meaning.ways import percent

    with context.history() as history:
        found = vectors_state(history)
    if as_json:
        print_json({"enabled": settings.enabled, "model": settings.model, **found})
        return
    if not settings.enabled:
        click.echo(OFF)
        return
    click.echo(f"Search by meaning is on, with the model {one_line(settings.model, 200)}.")
    if found["made_by"]:
        click.echo(f"{percent(found['done'])} of the messages are read: {counted(found['parts'], 'vector')}.")
        click.echo(clean(f"{size_text(found['bytes'])} in {found['path']}"))
    else:
        click.echo("No vectors are made yet. They are made while the chat is open, or now with: sterna meaning build")


@meaning.command("on", short_help="Turn it on.")
@click.option("--model", "-m", help="Model: package, a folder, or provider/model. Default: that of the settings.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask whether messages may be sent to the provider.")
@click.pass_obj
def on(context: CommandContext, model: str | None, yes: bool) -> None:
    """Turn search by meaning on, after a try of the model; say what it takes. Vectors of another model are deleted.

    The default model is small and part of sterna[semantic]. Another one is a folder with a static model
    (model.safetensors and tokenizer.json), or an embedding model of a provider, which gets every message that is not
    private, and what you search for.
    """
    from sterna.chat.meaning.embedders import is_remote
    from sterna.chat.meaning.needs import needs
    from sterna.config import save_value

    model = model or context.settings().meaning.model
    with context.history() as history:
        messages = history.meaning.size()
    if is_remote(model) and not yes:
        shown = counted(messages, "message")
        what = f"All messages that are not private, now up to {shown}, and what you search for are sent to the provider"
        click.echo(clean(f"{what} of {one_line(model, 200)}."), err=True)
        if not is_interactive():
            raise click.ClickException("Nothing was changed. Confirm with --yes where nobody can be asked.")
        if not click.confirm("Turn it on?", err=True):
            raise click.Abort
    key = asyncio.run(_try(context, model))
    save_value("meaning.model", model, context.config_dir)
    save_value("meaning.enabled", True, context.config_dir)
    with context.store() as store:
        if vectors_state(store)["made_by"] not in ("", key):
            _remove(store)
            click.echo("The vectors of the model before are deleted.")
    click.echo(f"Search by meaning is on. {needs(messages, remote=is_remote(model))}")
    click.echo("The vectors are made while the chat is open, or now with: sterna meaning build")


@meaning.command("off", short_help="Turn it off and delete the vectors.")
@click.pass_obj
def off(context: CommandContext) -> None:
    """Turn search by meaning off and delete the vectors, which can be made anew at any time."""
    from sterna.config import save_value

    save_value("meaning.enabled", None, context.config_dir)
    with context.store() as store:
        was_there = _remove(store)
    click.echo("Search by meaning is off." + (" Its vectors are deleted." if was_there else ""))


@meaning.command("build", short_help="Make the vectors now.")
@click.pass_obj
def build(context: CommandContext) -> int:
    """Make the vectors that are missing, now. What is made stays when you end it with ctrl+c."""
    settings = context.settings().meaning
    if not settings.enabled:
        raise click.ClickException(OFF)
    with context.store() as store:
        parts = asyncio.run(_build(context, store, settings.model))
    click.echo(f"All messages are read: {counted(parts, 'vector')}.")
    return OK


def _remove(store: Store) -> bool:
    store.meaning.end()
    return remove_vectors(store.db.path)


async def _try(context: CommandContext, model: str) -> str:
    """Return the key of a model that makes vectors. Raises ClickException."""
    from sterna.providers.embedder import EmbedderError
    from sterna.providers.unrelated_texts import measure

    try:
        async with embedder_of(context, model) as embedder:
            await measure(embedder)
            return embedder.key
    except EmbedderError as error:
        raise click.ClickException(f"Nothing was changed. {error}") from None


async def _build(context: CommandContext, store: Store, model: str) -> int:
    from sterna.chat.meaning.builder import AlreadyBuilding, Builder
    from sterna.providers.embedder import EmbedderError

    path = store.call(Meaning.path)
    is_shown = sys.stderr.isatty()
    try:
        async with embedder_of(context, model) as embedder:
            builder = Builder(run_in(store), embedder, path, gently=False)
            try:
                await builder.open()
                while await builder.step():
                    if is_shown:
                        click.echo(f"\r{builder.done:6.1%} ", nl=False, err=True)
                return await builder.count()
            finally:
                await builder.close()
                if is_shown:
                    click.echo("\r        \r", nl=False, err=True)
    except AlreadyBuilding:
        raise click.ClickException(
            "Another Sterna makes the vectors now. `sterna meaning` shows how far it is."
        ) from None
    except EmbedderError as error:
        raise click.ClickException(f"{error} What was made stays.") from None
