"""Replies of several models to one prompt, printed one after another while all of them arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from sterna.storage import Message, Settled, clean

from .ask_options import require_json
from .context import find_conversation
from .exit_codes import BROKEN_PIPE
from .output import print_json
from .reply_output import Stop, exit_code, print_notes, reply_object, show_reply, stop_signals
from .turn_runner import give_up, open_turns, require_model

if TYPE_CHECKING:
    from sterna.chat import Comparison, OneOffTurn, Reply, Turns
    from sterna.config import Settings

    from .context import CommandContext

Outcome = tuple[str, Message | Settled | None]
"""Requested model, and its reply; None where the conversation was deleted meanwhile."""

_DELETED = "The conversation was deleted while the reply arrived."


async def run_comparison(
    context: CommandContext,
    settings: Settings,
    conversation: str | None,
    models: Sequence[str],
    begin: Callable[[Turns, str | None], Awaitable[Comparison]],
    *,
    as_json: bool,
    has_schema: bool,
    waits: bool,
) -> int:
    """Begin a comparison in a conversation (None: in a new one), print the replies, and return the exit code.

    ``waits``: the prompt waits for providers that cannot be reached.
    """
    async with open_turns(context, settings, models[0], waits=waits) as turns:
        session_id = await turns.store.run(find_conversation, conversation) if conversation else None
        for model in models:
            await require_model(turns.catalog, settings, model)
        comparison = await begin(turns, session_id)
        unsubscribe = turns.subscribe(partial(give_up, turns))
        stop = Stop(*comparison.replies)
        with stop_signals(stop):
            await _show(comparison.replies, stop, as_json=as_json)
        unsubscribe()
        outcomes: list[Outcome] = [(reply.model or "", reply.message) for reply in comparison.replies]
        code = _report(stop, outcomes, comparison.session_id, as_json=as_json, has_schema=has_schema)
        for warning in sorted({reply.warning for reply in comparison.replies if reply.warning}):
            click.echo(f"sterna: {warning}", err=True)
        if not stop.codes:
            await turns.titled()
        return code


async def compare_without_storing(turns: Sequence[OneOffTurn], *, as_json: bool, has_schema: bool) -> int:
    """Send the prompt of each of ``turns``, print the replies, and return the exit code."""
    replies = [turn.reply for turn in turns]
    stop = Stop(*replies)
    with stop_signals(stop):
        running = [asyncio.create_task(turn.run()) for turn in turns]
        await _show(replies, stop, as_json=as_json)
        outcomes: list[Outcome] = [
            (reply.model or "", await task) for reply, task in zip(replies, running, strict=True)
        ]
    return _report(stop, outcomes, None, as_json=as_json, has_schema=has_schema)


async def _show(replies: Sequence[Reply], stop: Stop, *, as_json: bool) -> None:
    """Print the replies, each under its model, until all are settled."""
    for number, reply in enumerate(replies):
        if not as_json and BROKEN_PIPE not in stop.codes:
            gap = "\n" if number else ""
            await show_reply(reply, stop, heading=f"{gap}## {reply.model}\n\n")
        while reply.running:
            await reply.changed(reply.version)


def _report(stop: Stop, outcomes: Sequence[Outcome], session_id: str | None, *, as_json: bool, has_schema: bool) -> int:
    """Print what remains to be said, and return the exit code: 1 if a reply failed."""
    if as_json:
        print_json({"session_id": session_id, "replies": [_reply_object(*outcome) for outcome in outcomes]})
    has_failed = False
    for model, reply in outcomes:
        if reply is not None and not as_json:
            print_notes(reply)
        problem = _DELETED if reply is None else reply.error_message
        if reply is not None and not problem and has_schema:
            problem = _schema_problem(reply.content)
        if problem and not stop.codes:
            has_failed = True
            click.echo(clean(f"sterna: {model}: {problem}"), err=True)
    return exit_code(stop, None) or int(has_failed)


def _reply_object(model: str, reply: Message | Settled | None) -> dict[str, Any]:
    if reply is None:
        return {"message_id": None, "model": model, "error": _DELETED}
    message_id = reply.id if isinstance(reply, Message) and reply.content.strip() else None
    return {"message_id": message_id} | reply_object(reply, reply.finish)


def _schema_problem(content: str) -> str:
    try:
        require_json(content)
    except click.ClickException as error:
        return error.message
    return ""
