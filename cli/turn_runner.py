"""Turns on the command line: the history and the models opened, and a reply printed while it arrives."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import click

from sterna.chat import Reply, Turns, add_discovered, build_catalog, needs_discovery
from sterna.config import OfflineSettings, Settings
from sterna.providers import Catalog, ProviderError
from sterna.storage import Conversations, StoreThread

from .account_context import add_server_provider
from .ask_options import require_json
from .context import CommandContext, find_conversation
from .output import print_json
from .reply_output import Stop, exit_code, print_notes, reply_object, show_reply, stop_signals
from .terminal_tools import terminal_tools

Begin = Callable[[Turns, str | None], Awaitable[Reply]]
"""Begins a turn in a conversation."""


@asynccontextmanager
async def open_turns(
    context: CommandContext, settings: Settings, model: str = "", *, waits: bool = False
) -> AsyncIterator[Turns]:
    """Open the history and the configured models; the provider of ``model`` prepares its first request meanwhile.

    ``waits``: prompts wait for a provider that cannot be reached, instead of failing at once.
    """
    waiting = settings.offline if settings.offline.wait else OfflineSettings()
    settings = settings._replace(offline=waiting if waits else OfflineSettings(wait=0))
    async with AsyncExitStack() as stack:
        store = StoreThread(context.open)
        stack.push_async_callback(store.close)
        catalog = build_catalog(
            settings, store, environ=os.environ, config_dir=context.config_dir, cache_dir=context.folder()
        )
        stack.push_async_callback(catalog.aclose)
        turns = Turns(store, catalog, settings=settings)
        turns.tools, toolbox = terminal_tools(context, settings)
        stack.push_async_callback(toolbox.aclose)
        stack.push_async_callback(turns.close)
        catalog.prepare(model)
        await store.start()
        await add_server_provider(catalog, settings, context, store)
        yield turns


async def run_turn(
    context: CommandContext,
    settings: Settings,
    conversation: str | None,
    model: str,
    begin: Begin,
    *,
    as_json: bool,
    has_schema: bool = False,
    waits: bool = False,
) -> int:
    """Begin a turn in a conversation (None: in a new one), print its reply, and return the exit code.

    ``waits``: the prompt waits for a provider that cannot be reached.

    Raises ClickException for a failed reply, and for one that is not JSON if the request ``has_schema``.
    """
    async with open_turns(context, settings, model, waits=waits) as turns:
        session_id = await turns.store.run(find_conversation, conversation) if conversation else None
        saved_model = (await turns.store.run(Conversations.settings, session_id)).get("model") if session_id else ""
        await require_model(turns.catalog, settings, model or str(saved_model or ""))
        return await print_reply(turns, await begin(turns, session_id), as_json=as_json, has_schema=has_schema)


async def require_model(catalog: Catalog, settings: Settings, ref: str) -> None:
    """Discover providers if the model may be theirs. Raises ClickException for an unknown model."""
    if needs_discovery(catalog, ref):
        await add_discovered(catalog, settings, os.environ, wanted=ref.partition("/")[0] if "/" in ref else "")
    try:
        catalog.resolve(ref)
    except ProviderError as error:
        raise click.ClickException(str(error)) from error


async def print_reply(turns: Turns, reply: Reply, *, as_json: bool = False, has_schema: bool = False) -> int:
    """Print a reply while it arrives, and return the exit code.

    Raises ClickException for a failed reply, and for one that is not JSON if the request ``has_schema``.
    """
    unsubscribe = turns.subscribe(partial(give_up, turns))
    stop = Stop(reply)
    with stop_signals(stop):
        if as_json:
            while reply.running:
                await reply.changed(reply.version)
        else:
            await show_reply(reply, stop)
    unsubscribe()
    message = reply.message
    if message is None:
        if as_json and reply.finish:
            settled = reply.settled(0)._replace(error_message=reply.problem)
            print_json({"session_id": reply.session_id, "message_id": None} | reply_object(settled, settled.finish))
        raise click.ClickException(reply.problem or "The conversation was deleted while the reply arrived.")
    if as_json:
        ids = {"session_id": message.session_id, "message_id": message.id}
        print_json(ids | reply_object(message, message.finish))
    else:
        print_notes(message)
    if reply.warning:
        click.echo(f"sterna: {reply.warning}", err=True)
    if not stop.codes:
        await turns.titled()
    code = exit_code(stop, message.error_message)
    if has_schema and code == 0:
        require_json(message.content)
    return code


def give_up(turns: Turns, reply: Reply) -> None:
    """Interrupt a reply that cannot be saved: a script does not wait until the disk has room again."""
    if reply.problem and reply.finish and reply.running:
        turns.end_all()
