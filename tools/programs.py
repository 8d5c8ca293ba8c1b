"""MCP servers that are programs: their process, and messages over its standard input and output.

The transport of the package ``mcp`` reads lines of any length at any speed and gives standard error to a file; hence
this one, which has limits and a log.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from sterna.config import McpServerSettings

from .errors import ToolError
from .server_log import ServerLog
from .throttle import Throttle

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams

LONGEST_MESSAGE = 8 * 1024 * 1024
MOST_VALUES = 1_000_000
VALUES = 1_000
"""Values in a message that count as much as another message."""
FLUSH_SECONDS = 0.3
LAST_WORDS_SECONDS = 0.5
"""Time for the rest of standard error after the end of a program."""
PATIENCE_SECONDS = 1.0
"""Time for a server to end after its input has ended, and again after SIGTERM; then it is killed."""

_groups: set[int] = set()
"""Process groups that run."""


@asynccontextmanager
async def program_streams(
    server: McpServerSettings, environ: Mapping[str, str], throttle: Throttle, ended: Callable[[str], None]
) -> AsyncGenerator[TransportStreams]:
    """Start the program of a server and yield the streams of its messages; end it and all that it started.

    ``ended`` is called with a sentence when its output ends. Raises ToolError if it cannot be started.
    """
    process = await _started(server, environ)
    _groups.add(process.pid)
    log = ServerLog(server.name)
    incoming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    written = asyncio.Event()
    is_closing = False

    def told(sentence: str) -> None:
        if not is_closing:
            ended(sentence)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read, server.name, process, incoming, log, throttle, told)
        tasks.start_soon(_write, process, outgoing, written)
        assert process.stderr is not None
        tasks.start_soon(log.read, process.stderr)
        try:
            yield read_stream, write_stream
        finally:
            is_closing = True
            with anyio.CancelScope(shield=True):
                write_stream.close()
                with anyio.move_on_after(FLUSH_SECONDS):
                    await written.wait()
                await _end(process)
            tasks.cancel_scope.cancel()
            for stream in (incoming, read_stream, outgoing):
                stream.close()


async def _started(server: McpServerSettings, environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    passed = {name: environ[name] for name in server.pass_env if name in environ}
    command = _expanded(server.command)
    folder = Path(_expanded(server.cwd)) if server.cwd else None
    try:
        return await asyncio.create_subprocess_exec(
            command,
            *server.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=get_default_environment() | passed | dict(server.env),
            cwd=folder,
            limit=LONGEST_MESSAGE,
            start_new_session=True,
        )
    except OSError as error:
        if folder is not None and not folder.is_dir():
            raise ToolError(f"{server.name} does not start: there is no folder {folder}.") from error
        reason = "it is not found" if isinstance(error, FileNotFoundError) else error.strerror or "it cannot be run"
        raise ToolError(
            f"{server.name} does not start: {server.command}: {reason}. Check command in [mcp.{server.name}]."
        ) from error


def _expanded(path: str) -> str:
    return os.path.expanduser(path)


async def _read(
    name: str,
    process: asyncio.subprocess.Process,
    incoming: MemoryObjectSendStream[SessionMessage | Exception],
    log: ServerLog,
    throttle: Throttle,
    ended: Callable[[str], None],
) -> None:
    """Pass on the messages of a program; what is none goes to the log."""
    assert process.stdout is not None
    sentence = ""
    async with incoming:
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                sentence = f"{name} was ended: it sent a message of more than {LONGEST_MESSAGE // 2**20} MB."
                break
            if not line:
                break
            # each value takes time to be read, in which nothing else runs
            values = sum(map(line.count, (b"[", b"{", b",")))
            await throttle.spend(1 + values // VALUES, len(line))
            if values > MOST_VALUES:
                sentence = f"{name} was ended: it sent a message of more than a million values."
                break
            try:
                if not line.lstrip().startswith(b"{"):
                    raise ValueError  # without a list of all that is wrong with it
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                log.add(line)
                continue
            try:
                await incoming.send(SessionMessage(message))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return
        if not sentence:
            await _exit(process)
            with anyio.move_on_after(LAST_WORDS_SECONDS):
                await log.is_complete.wait()
            code = "" if process.returncode is None else f" (exit code {process.returncode})"
            sentence = f"{name} has ended{code}{f': {log.last}' if log.last else '.'}"
        ended(sentence)


async def _write(
    process: asyncio.subprocess.Process, outgoing: MemoryObjectReceiveStream[SessionMessage], written: asyncio.Event
) -> None:
    assert process.stdin is not None
    try:
        async with outgoing:
            async for each in outgoing:
                text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(text.encode("utf-8", "replace") + b"\n")
                await process.stdin.drain()
    except OSError:
        pass  # the program has ended, as the reader finds out
    finally:
        written.set()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and what it started: its input ends first, as the protocol says, then signals follow."""
    assert process.stdin is not None
    process.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        if await _exit(process):
            break
        _signal(process.pid, number)
    _signal(process.pid, signal.SIGKILL)
    await _exit(process)
    _groups.discard(process.pid)
    # a child that has left the group may hold the pipes; nothing else closes them
    getattr(process, "_transport").close()  # noqa: B009 - not public


async def _exit(process: asyncio.subprocess.Process) -> bool:
    """Return whether a program ends soon. ``Process.wait`` would wait for the end of its pipes, too."""
    with anyio.move_on_after(PATIENCE_SECONDS):
        while process.returncode is None:  # noqa: ASYNC110 - nothing else tells
            await anyio.sleep(0.01)
    return process.returncode is not None


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


@atexit.register
def _end_all() -> None:
    for group in _groups:
        _signal(group, signal.SIGTERM)
