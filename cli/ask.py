"""``sterna ask``: send a prompt, and stream the reply to standard output; both are stored as in the chat."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from sterna.chat import OneOffTurn, Reply, Turns, add_discovered, build_catalog, needs_discovery
from sterna.config import Settings
from sterna.providers import Catalog, ProviderError
from sterna.storage import AttachmentFiles, Conversations, Finish, Message, Settled, StoreThread, clean
from sterna.storage.conversations.reply_notes import reply_details, reply_notes

from .account_context import add_server_provider
from .attach_arguments import attach_argument, keep_argument
from .context import CommandContext, find_conversation
from .conversation_argument import conversations
from .exit_codes import BROKEN_PIPE, INTERRUPTED
from .number_types import FiniteRange
from .output import counted, print_json
from .personas import complete_persona, persona_settings
from .reply_stream import Hold, ReplyStream
from .streams import OutputError, read_input, require_output

HANGUP = {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGHUP: 128 + signal.SIGHUP}
GRACE = 1.0
"""Seconds for which the rest of a stopped reply may still be written."""

Begin = Callable[[Turns, str | None], Awaitable[Reply]]
"""Begins a turn in a conversation."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Prompt and options of the command."""

    text: str
    conversation: str | None
    options: dict[str, Any]
    """Options under the names of a conversation's settings."""
    as_json: bool
    attached: tuple[str, ...] = ()
    """Paths of attachments; ``-`` for standard input."""


@click.command(short_help="Ask a model and print its reply.")
@click.argument("prompt", nargs=-1)
@click.option("--model", "-m", help="Model, as provider/model. See: sterna models")
@click.option(
    "--conversation",
    "-c",
    metavar="CONVERSATION",
    shell_complete=conversations,
    help="Continue this conversation (last: the newest).",
)
@click.option(
    "--persona", "-p", metavar="NAME", shell_complete=complete_persona, help="Saved system prompt. See: sterna personas"
)
@click.option("--var", "variables", metavar="NAME=VALUE", multiple=True, help="Variable of the persona (repeatable).")
@click.option("--system", "-s", help="System prompt.")
@click.option(
    "--attach",
    "-a",
    "attached",
    multiple=True,
    metavar="FILE",
    help="Attach a text file, a PDF or an image (- : standard input). Can be repeated.",
)
@click.option("--temperature", "-t", type=FiniteRange(0, 2), help="Randomness: 0 = focused, 2 = creative.")
@click.option("--no-store", is_flag=True, help="Save neither prompt nor reply.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when the reply is complete.")
@click.pass_obj
def ask(
    context: CommandContext,
    prompt: tuple[str, ...],
    model: str | None,
    conversation: str | None,
    persona: str | None,
    variables: tuple[str, ...],
    system: str | None,
    attached: tuple[str, ...],
    temperature: float | None,
    no_store: bool,
    as_json: bool,
) -> int:
    """Ask a model and print its reply. The prompt is the argument, standard input, or both, in this order.

    With --attach the model is sent files too: text, the text of a PDF, and images (PNG, JPEG, WebP, GIF). A file is
    kept with the conversation. With “-” standard input is attached, and is no part of the prompt.

    Prompt and reply are saved as a new conversation, or added to an existing one; --model, --persona, --system and
    --temperature are saved for its next messages. Ctrl+C stops the reply and saves it as far as it came; even if the
    command is killed, at most half a second of text is lost. In a pipe or a file, the first reply of a model may be
    delayed by some seconds, so that unmarked reasoning can be removed.

    With --json the object has: session_id, message_id, model, content, reasoning, finish (done, stopped, interrupted or
    failed), error, input_tokens, output_tokens, total_tokens, elapsed_ms; with --no-store the ids are null. If they
    apply, it also has: finish_reason (length, content_filter, tool_calls …), left_out (number of earlier messages that
    did not fit), without (parameters that the model rejected), notes (the same as sentences), citations, cost,
    cached_tokens and reasoning_tokens.
    """
    if no_store and conversation:
        raise click.UsageError("--no-store cannot continue a conversation. Remove --no-store or --conversation.")
    require_output()
    if attached.count("-") > 1:
        raise click.UsageError("Standard input can be attached once only.")
    text = " ".join(prompt) if "-" in attached else prompt_text(prompt)
    if not text.strip() and not attached:
        raise click.UsageError("The prompt is empty. Enter it as an argument or on standard input.")
    options = {"model": model, "system_prompt": system, "temperature": temperature}
    options = {name: value for name, value in options.items() if value is not None}
    if persona is not None:
        options = persona_settings(context, persona, variables) | options
    elif variables:
        raise click.UsageError("--var requires --persona.")
    settings = context.settings()
    request = Prompt(text, conversation, options, as_json, attached)
    if no_store:
        return asyncio.run(_ask_without_storing(context, settings, request))

    async def begin(turns: Turns, session_id: str | None) -> Reply:
        attachments = [await attach_argument(turns.store, name) for name in attached]
        _, reply = await turns.begin(session_id, text, settings=options, attachments=attachments)
        return reply

    return asyncio.run(run_turn(context, settings, conversation, str(options.get("model", "")), begin, as_json=as_json))


def prompt_text(words: tuple[str, ...]) -> str:
    """Return the words, standard input, or both."""
    parts = [" ".join(words)] if words else []
    if not sys.stdin.isatty():
        parts.append(_input_text())
    return "\n\n".join(part for part in parts if part.strip()) if len(parts) > 1 else "".join(parts)


def _input_text() -> str:
    """Return standard input as text; bytes that are not UTF-8 are replaced and reported."""
    data = read_input()
    text = data.decode("utf-8-sig", "replace")
    if (bad := text.count("\ufffd") - data.count("\ufffd".encode())) > 0:
        errors = counted(bad, "invalid sequence")
        click.echo(f"sterna: Standard input is not UTF-8 text; {errors} replaced by \ufffd.", err=True)
    return text


async def run_turn(
    context: CommandContext, settings: Settings, conversation: str | None, model: str, begin: Begin, *, as_json: bool
) -> int:
    """Begin a turn in a conversation (None: in a new one), print its reply, and return the exit code."""
    store = StoreThread(context.open)
    try:
        await store.start()
        session_id = await store.run(find_conversation, conversation) if conversation else None
        saved_model = (await store.run(Conversations.settings, session_id)).get("model") if session_id else ""
        catalog = build_catalog(
            settings, store, environ=os.environ, config_dir=context.config_dir, cache_dir=context.folder()
        )
        turns = Turns(store, catalog, settings=settings)
        try:
            await add_server_provider(catalog, settings, context, store)
            await _require_model(catalog, settings, model or str(saved_model or ""))
            return await _turn(turns, await begin(turns, session_id), as_json=as_json)
        finally:
            await turns.close()
            await catalog.aclose()
    finally:
        await store.close()


async def _require_model(catalog: Catalog, settings: Settings, ref: str) -> None:
    """Discover providers if the model may be theirs. Raises ClickException for an unknown model."""
    if needs_discovery(catalog, ref):
        await add_discovered(catalog, settings, os.environ, wanted=ref.partition("/")[0] if "/" in ref else "")
    try:
        catalog.resolve(ref)
    except ProviderError as error:
        raise click.ClickException(str(error)) from error


class Stop:
    """Early end of a reply: by a signal, or because the reader closed the pipe."""

    def __init__(self, reply: Reply) -> None:
        self.codes: list[int] = []
        """Exit codes; the first one counts."""
        self.requested = asyncio.Event()
        self.output_error: OutputError | None = None
        """Error of the output, unless the reader closed the pipe."""
        self._reply = reply

    def request(self, code: int) -> None:
        """Stop the reply, which is then saved as far as it came."""
        self.codes.append(code)
        self.requested.set()
        self._reply.stop("interrupted" if code in HANGUP.values() else "stopped")


async def _turn(turns: Turns, reply: Reply, *, as_json: bool) -> int:
    unsubscribe = turns.subscribe(partial(_give_up, turns))
    stop = Stop(reply)
    with _signals(stop):
        if as_json:
            while reply.running:
                await reply.changed(reply.version)
        else:
            await _show(reply, stop)
    unsubscribe()
    message = reply.message
    if message is None:
        if as_json and reply.finish:
            settled = replace(reply.settled(0), error_message=reply.problem)
            print_json({"session_id": reply.session_id, "message_id": None} | _reply_object(settled, settled.finish))
        raise click.ClickException(reply.problem or "The conversation was deleted while the reply arrived.")
    if as_json:
        ids = {"session_id": message.session_id, "message_id": message.id}
        print_json(ids | _reply_object(message, message.finish))
    else:
        _print_notes(message)
    if not stop.codes:
        await turns.titled()
    return _exit_code(stop, message.error_message)


def _give_up(turns: Turns, reply: Reply) -> None:
    """Interrupt a reply that cannot be saved: a script does not wait until the disk has room again."""
    if reply.problem and reply.finish and reply.running:
        turns.end_all()


async def _show(reply: Reply, stop: Stop) -> None:
    """Print the reply as it arrives, until it is settled and written, or stopped without a reader."""
    stream, shown, reclassifications, had_reasoning = ReplyStream(), 0, 0, False
    hold = Hold(asyncio.get_running_loop().time, reply.model)
    failure = asyncio.create_task(_stop_on_failure(stream, stop))
    try:
        while True:
            version, running, content = reply.version, reply.running, reply.content
            if reply.reclassifications != reclassifications:
                had_reasoning = bool(shown)
                stream.write("\n\n" if shown else "")
                shown, reclassifications = 0, reply.reclassifications
            if not hold.holds(reply):
                stream.write(content[shown:])
                shown = len(content)
            if not running:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(hold.seconds_left if shown < len(content) else None):
                    await reply.changed(version)
        stream.end(newline=bool(shown) and not content.endswith("\n"))
        writing, stopped = asyncio.create_task(stream.close()), asyncio.create_task(stop.requested.wait())
        await asyncio.wait((writing, stopped), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((writing,), timeout=GRACE)
        stopped.cancel()
        writing.cancel()
        if had_reasoning:
            click.echo("sterna: The beginning is reasoning that the provider did not mark as such.", err=True)
    finally:
        failure.cancel()
    stop.output_error = stream.error


async def _stop_on_failure(stream: ReplyStream, stop: Stop) -> None:
    await stream.failed.wait()
    stop.request(BROKEN_PIPE)


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Stop the reply on Ctrl+C, a closed terminal or a shutdown."""
    loop = asyncio.get_running_loop()
    codes = {signal.SIGINT: INTERRUPTED, **HANGUP}
    for number, code in codes.items():
        loop.add_signal_handler(number, stop.request, code)
    try:
        yield
    finally:
        for number in codes:
            loop.remove_signal_handler(number)


async def _ask_without_storing(context: CommandContext, settings: Settings, prompt: Prompt) -> int:
    """Send the prompt without opening the history."""
    catalog = build_catalog(settings, None, environ=os.environ, config_dir=context.config_dir)
    folder = ExitStack()
    try:
        await _require_model(catalog, settings, prompt.options.get("model", ""))
        files = AttachmentFiles(Path(folder.enter_context(TemporaryDirectory(prefix="sterna-"))) / "unsaved.db")
        attachments = [keep_argument(files, name) for name in prompt.attached]
        text = prompt.text if prompt.text.strip() else ", ".join(item.name for item in attachments)
        turn = OneOffTurn(catalog, settings, text, own=prompt.options, files=files, attachments=attachments)
        stop = Stop(turn.reply)
        with _signals(stop):
            running = asyncio.create_task(turn.run())
            if not prompt.as_json:
                await _show(turn.reply, stop)
            settled = await running
    finally:
        await catalog.aclose()
        folder.close()
    if prompt.as_json:
        print_json({"session_id": None, "message_id": None} | _reply_object(settled, settled.finish))
    else:
        _print_notes(settled)
    return _exit_code(stop, settled.error_message)


def _print_notes(reply: Message | Settled) -> None:
    """Print the notes on the reply on standard error."""
    for note in reply_notes(reply.metadata):
        click.echo(clean(f"sterna: {note}"), err=True)


def _exit_code(stop: Stop, error: str | None) -> int:
    """Return the exit code.

    Raises OutputError if the reply could not be written, and ClickException if it failed without being stopped.
    """
    if stop.output_error:
        raise stop.output_error
    if stop.codes:
        return stop.codes[0]
    if error:
        raise click.ClickException(error)
    return 0


def _reply_object(reply: Message | Settled, finish: Finish) -> dict[str, Any]:
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
