"""``sterna ask``: one prompt, its reply on standard output as it comes, both kept as in the chat."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

from sterna.chat import OneOffTurn, Reply, Turns, add_discovered, build_catalog, needs_discovery
from sterna.config import Settings
from sterna.providers import Catalog, ProviderError
from sterna.storage import Conversations, Finish, Message, Settled, StoreThread, clean
from sterna.storage.conversations.reply_notes import reply_details, reply_notes

from .account_prompts import add_server
from .context import Place, find
from .conversation_argument import conversations
from .exit_codes import BROKEN_PIPE, INTERRUPTED
from .number_types import FiniteRange
from .output import counted, print_json
from .reply_stream import Hold, ReplyStream
from .streams import OutputError, read_input, require_output

HANGUP = {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGHUP: 128 + signal.SIGHUP}
GRACE = 1.0
"""Seconds that a reader has, once the reply was stopped, to take what is left."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the person asked for."""

    text: str
    conversation: str | None
    own: dict[str, Any]
    """Under the names of a conversation's settings."""
    as_json: bool


@click.command(short_help="Ask a model; the reply streams to standard output.")
@click.argument("prompt", nargs=-1)
@click.option("--model", "-m", help="Model to ask, as provider/model. See: sterna models")
@click.option(
    "--conversation",
    "-c",
    metavar="CONVERSATION",
    shell_complete=conversations,
    help="Continue this conversation; `last` is the newest.",
)
@click.option("--system", "-s", help="The system prompt.")
@click.option("--temperature", "-t", type=FiniteRange(0, 2), help="From 0 (focused) to 2 (creative).")
@click.option("--no-store", is_flag=True, help="Save neither prompt nor reply.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when the reply is complete.")
@click.pass_obj
def ask(
    place: Place,
    prompt: tuple[str, ...],
    model: str | None,
    conversation: str | None,
    system: str | None,
    temperature: float | None,
    no_store: bool,
    as_json: bool,
) -> int:
    """Ask a model. The prompt is the argument, standard input, or both: then the input follows the argument.

    Prompt and reply are kept as a new conversation, or in the one named; so are --model, --system and --temperature,
    for its next messages. ctrl+c keeps what has come. Even a killed `ask` loses no more than half a second of text. In
    a pipe or a file, the first reply of a model may appear some seconds late, to leave unmarked reasoning out.

    With --json the object has: session_id, message_id, model, content, reasoning, finish (done, stopped, interrupted or
    failed), error, input_tokens, output_tokens, total_tokens, elapsed_ms; with --no-store the ids are null. Where there
    is something to say it also has: finish_reason (length, content_filter, tool_calls …), left_out (earlier messages
    that the model does not take), without (parameters that it refused), notes (the same in sentences), citations, cost,
    cached_tokens and reasoning_tokens.
    """
    if no_store and conversation:
        raise click.UsageError("--no-store keeps no conversation to go on with; leave out one of the two.")
    require_output()
    text = _prompt(prompt)
    if not text.strip():
        raise click.UsageError("There is nothing to ask: give a prompt as an argument or on standard input.")
    own = {"model": model, "system_prompt": system, "temperature": temperature}
    question = Question(text, conversation, {key: value for key, value in own.items() if value is not None}, as_json)
    settings = place.settings()
    work = _ask_once if no_store else _ask_and_keep
    return asyncio.run(work(place, settings, question))


def _prompt(words: tuple[str, ...]) -> str:
    parts = [" ".join(words)] if words else []
    if not sys.stdin.isatty():
        parts.append(_input_text())
    return "\n\n".join(part for part in parts if part.strip()) if len(parts) > 1 else "".join(parts)


def _input_text() -> str:
    """Return standard input as text; bytes that are not UTF-8 are replaced, and that is said."""
    given = read_input()
    text = given.decode("utf-8-sig", "replace")
    if (bad := text.count("\ufffd") - given.count("\ufffd".encode())) > 0:
        places = counted(bad, "place")
        click.echo(f"sterna: Standard input is not UTF-8 text; {places} in it became \ufffd.", err=True)
    return text


async def _ask_and_keep(place: Place, settings: Settings, question: Question) -> int:
    store = StoreThread(place.open)
    try:
        await store.start()
        session_id = await store.run(find, question.conversation) if question.conversation else None
        kept = (await store.run(Conversations.settings, session_id)).get("model") if session_id else ""
        memory = place.folder()
        catalog = build_catalog(settings, store, environ=os.environ, config_dir=place.config_dir, cache_dir=memory)
        turns = Turns(store, catalog, settings=settings)
        try:
            await add_server(catalog, settings, place, store)
            await _ready(catalog, settings, question.own.get("model") or str(kept or ""))
            return await _turn(turns, session_id, question)
        finally:
            await turns.close()
            await catalog.aclose()
    finally:
        await store.close()


async def _ready(catalog: Catalog, settings: Settings, ref: str) -> None:
    """Look around for models only when the answer depends on it. Raises ClickException for a model nobody has."""
    if needs_discovery(catalog, ref):
        await add_discovered(catalog, settings, os.environ, wanted=ref.partition("/")[0] if "/" in ref else "")
    try:
        catalog.resolve(ref)
    except ProviderError as error:
        raise click.ClickException(str(error)) from error


class Stop:
    """What ends a reply before its own end: a signal, or a reader who left."""

    def __init__(self, reply: Reply) -> None:
        self.codes: list[int] = []
        """Exit codes, the first of which counts."""
        self.came = asyncio.Event()
        self.output_error: OutputError | None = None
        """Why nothing more could be written, unless the reader left."""
        self._reply = reply

    def now(self, code: int) -> None:
        """End the reply, which is then kept with what has come."""
        self.codes.append(code)
        self.came.set()
        self._reply.stop("interrupted" if code in HANGUP.values() else "stopped")


async def _turn(turns: Turns, session_id: str | None, question: Question) -> int:
    _, reply = await turns.begin(session_id, question.text, settings=question.own)
    forget = turns.subscribe(partial(_give_up, turns))
    stop = Stop(reply)
    with _signals(stop):
        if question.as_json:
            while reply.running:
                await reply.changed(reply.version)
        else:
            await _show(reply, stop)
    forget()
    message = reply.message
    if message is None:
        if question.as_json and reply.finish:
            settled = replace(reply.settled(0), error_message=reply.problem)
            print_json({"session_id": reply.session_id, "message_id": None} | _said(settled, settled.finish))
        raise click.ClickException(reply.problem or "The conversation was deleted while the reply came.")
    if question.as_json:
        ids = {"session_id": message.session_id, "message_id": message.id}
        print_json(ids | _said(message, message.finish))
    else:
        _note(message)
    return _code(stop, message.error_message)


def _give_up(turns: Turns, reply: Reply) -> None:
    """A script does not wait for a disk to have room again: the reply is tried once more and left in its live row."""
    if reply.problem and reply.finish and reply.running:
        turns.end_all()


async def _show(reply: Reply, stop: Stop) -> None:
    """Print the reply while it comes, until it is settled and written, or has been stopped and nobody reads."""
    stream, shown, moves, thought = ReplyStream(), 0, 0, False
    hold = Hold(asyncio.get_running_loop().time, reply.model)
    gone = asyncio.create_task(_when_failed(stream, stop))
    try:
        while True:
            version, running, content = reply.version, reply.running, reply.content
            if reply.reclassifications != moves:
                thought = bool(shown)
                stream.write("\n\n" if shown else "")
                shown, moves = 0, reply.reclassifications
            if not hold.holds(reply):
                stream.write(content[shown:])
                shown = len(content)
            if not running:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(hold.seconds_left if shown < len(content) else None):
                    await reply.changed(version)
        stream.end(newline=bool(shown) and not content.endswith("\n"))
        writing, stopped = asyncio.create_task(stream.close()), asyncio.create_task(stop.came.wait())
        await asyncio.wait((writing, stopped), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((writing,), timeout=GRACE)
        stopped.cancel()
        writing.cancel()
        if thought:
            click.echo("sterna: The beginning is reasoning, which the server did not mark as such.", err=True)
    finally:
        gone.cancel()
    stop.output_error = stream.error


async def _when_failed(stream: ReplyStream, stop: Stop) -> None:
    await stream.failed.wait()
    stop.now(BROKEN_PIPE)


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """ctrl+c, a closed terminal and a shutdown end the reply, which is then kept with what has come."""
    loop = asyncio.get_running_loop()
    codes = {signal.SIGINT: INTERRUPTED, **HANGUP}
    for number, code in codes.items():
        loop.add_signal_handler(number, stop.now, code)
    try:
        yield
    finally:
        for number in codes:
            loop.remove_signal_handler(number)


async def _ask_once(place: Place, settings: Settings, question: Question) -> int:
    """The same without a file."""
    catalog = build_catalog(settings, None, environ=os.environ, config_dir=place.config_dir)
    try:
        await _ready(catalog, settings, question.own.get("model", ""))
        once = OneOffTurn(catalog, settings, question.text, own=question.own)
        stop = Stop(once.reply)
        with _signals(stop):
            running = asyncio.create_task(once.run())
            if not question.as_json:
                await _show(once.reply, stop)
            settled = await running
    finally:
        await catalog.aclose()
    if question.as_json:
        print_json({"session_id": None, "message_id": None} | _said(settled, settled.finish))
    else:
        _note(settled)
    return _code(stop, settled.error_message)


def _note(reply: Message | Settled) -> None:
    """Say on standard error what is missing of the reply or of the request."""
    for note in reply_notes(reply.metadata):
        click.echo(clean(f"sterna: {note}"), err=True)


def _code(stop: Stop, error: str | None) -> int:
    """Return the exit code.

    Raises OutputError when the reply could not be written, and ClickException when it failed and nobody had ended it.
    """
    if stop.output_error:
        raise stop.output_error
    if stop.codes:
        return stop.codes[0]
    if error:
        raise click.ClickException(error)
    return 0


def _said(reply: Message | Settled, finish: Finish) -> dict[str, Any]:
    return {
        "model": reply.model,
        "content": reply.content,
        "reasoning": reply.reasoning or "",
        "finish": finish,
        "error": reply.error_message,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "total_tokens": reply.total_tokens,
        "elapsed_ms": reply.elapsed_ms,
    } | reply_details(reply.metadata)
