"""Output of a reply that arrives, until it has ended or is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import click

from sterna.chat import Reply
from sterna.storage import Finish, Message, Settled, clean
from sterna.storage.conversations.documents import short_name
from sterna.storage.conversations.quotations import quote_line, reply_quotes
from sterna.storage.conversations.reply_notes import reply_details, reply_notes, source_lines
from sterna.storage.conversations.tool_calls import TOOL_CALLS, tool_calls

from .exit_codes import BROKEN_PIPE, INTERRUPTED
from .reply_stream import Hold, ReplyStream
from .streams import OutputError

HANGUP = {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGHUP: 128 + signal.SIGHUP}
GRACE = 1.0
"""Seconds for which the rest of a stopped reply may still be written."""


class Stop:
    """Early end of a reply, or of several: by a signal, or because the reader closed the pipe."""

    def __init__(self, *replies: Reply) -> None:
        self.codes: list[int] = []
        """Exit codes; the first one counts."""
        self.requested = asyncio.Event()
        self.output_error: OutputError | None = None
        """Error of the output, unless the reader closed the pipe."""
        self._replies = replies
        for reply in replies:
            reply.on_waiting = partial(_print_waiting, f"{reply.model}: " if len(replies) > 1 else "")

    def request(self, code: int) -> None:
        """Stop what is arriving, which is then saved as far as it came."""
        self.codes.append(code)
        self.requested.set()
        for reply in self._replies:
            reply.stop("interrupted" if code in HANGUP.values() else "stopped")


async def show_reply(reply: Reply, stop: Stop, *, heading: str = "") -> None:
    """Print the reply as it arrives, until it is settled and written, or stopped without a reader."""
    stream, shown, reclassifications, had_reasoning, calls = ReplyStream(), 0, 0, False, 0
    stream.write(heading)
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
            if len(reply.details.get(TOOL_CALLS, ())) > calls:
                calls = len(reply.details[TOOL_CALLS])
                if shown:
                    stream.make_room()
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


def _print_waiting(of: str, sentence: str) -> None:
    click.echo(clean(f"sterna: {of}{sentence}"), err=True)


async def _stop_on_failure(stream: ReplyStream, stop: Stop) -> None:
    await stream.failed.wait()
    stop.request(BROKEN_PIPE)


@contextmanager
def stop_signals(stop: Stop) -> Iterator[None]:
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


def print_notes(reply: Message | Settled) -> None:
    """Print the notes on the reply on standard error, its sources, and where its quotes are from."""
    for line in source_lines(reply.metadata):
        click.echo(line, err=True)
    for quote in reply_quotes(reply.metadata):
        command = f" (sterna show {short_name(quote.session_id)})" if quote.is_found else ""
        click.echo(clean(f"{quote_line(quote)}{command}"), err=True)
    for note in reply_notes(reply.metadata):
        click.echo(clean(f"sterna: {note}"), err=True)


def exit_code(stop: Stop, error: str | None) -> int:
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


def reply_object(reply: Message | Settled, finish: Finish) -> dict[str, Any]:
    values = {
        "model": reply.model,
        "content": reply.content,
        "reasoning": reply.reasoning or "",
        "finish": finish,
        "error": reply.error_message,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "total_tokens": reply.total_tokens,
        "elapsed_ms": reply.elapsed_ms,
    }
    calls = {TOOL_CALLS: reply.metadata[TOOL_CALLS]} if tool_calls(reply.metadata) else {}
    return values | calls | reply_details(reply.metadata)
