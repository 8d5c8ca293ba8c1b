"""Change feed: notifications that the server's history has grown, by an event stream, long polling or polling.

A notification is a number without content, so a proxy that buffers or repeats the stream does no harm. The stream is
parsed here, because libraries for event streams put no limit on the length of a line.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

from sterna.net import TooLarge

from .clock import Timing
from .errors import SignInError
from .network.transport import Transport
from .protocol.effects import Request, Response, Unreachable

log = logging.getLogger("sterna.sync")

PATH = "/api/chat/sync/head"
SYNC = "/api/chat/sync"

SILENCE = 70.0
"""Seconds without a byte after which a stream counts as dead; a comment comes every 25."""
RECONNECT = 30.0
"""Seconds over which clients spread their reconnects."""
LONG_POLL = 55.0
"""Seconds that the server may hold a long poll."""
TOO_SOON = 5.0
"""Seconds before which an empty response means that long polling is not supported."""
MISSES = 3
"""Failures in a row after which the next method is used."""
UPGRADE = 3600.0
"""Seconds after which the best method is tried again."""
LONGEST_LINE = 4096

Method = Literal["stream", "long_poll", "poll"]


class HeadParser:
    """Parser of an event stream with heads: numbers of the newest change."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[str] = []

    def feed(self, some: bytes) -> list[int]:
        """Return the heads that are complete with ``some``. Raises :class:`TooLarge` for an endless line."""
        *lines, self._rest = (self._rest + some).replace(b"\r\n", b"\n").split(b"\n")
        if len(self._rest) > LONGEST_LINE or any(len(line) > LONGEST_LINE for line in lines):
            raise TooLarge
        heads = []
        for line in lines:
            if not line:
                if self._event == "head" and (seq := _seq("\n".join(self._data))) is not None:
                    heads.append(seq)
                self._event, self._data = "", []
                continue
            name, _, value = line.decode("utf-8", "replace").partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._event = value
            elif name == "data":
                self._data = [*self._data[-1:], value]
        return heads


class Listener(Protocol):
    """Receiver of the notifications."""

    async def wait_until_online(self) -> None:
        """Wait until the server is known to answer."""
        ...

    async def sync_and_wait(self) -> None:
        """Sync now, and return once that has succeeded: something changed, or the feed has failed."""
        ...

    def on_head(self, seq: int) -> None:
        """Note that the newest change of the server has the number ``seq``."""
        ...

    async def cursor(self) -> int:
        """Return the number up to which the history is known here."""
        ...

    def is_idle(self) -> bool:
        """Return whether nothing was changed for a while."""
        ...


class ChangeFeed:
    """Feed that notifies a :class:`Listener` of every change, for as long as :meth:`run` runs."""

    def __init__(
        self,
        transport: Transport,
        listener: Listener,
        *,
        streams: bool,
        headers: Mapping[str, str],
        timing: Timing,
        rng: random.Random,
        every: tuple[float, float] = (60.0, 300.0),
    ) -> None:
        """``every``: seconds between two polls where nothing better works, in use and idle."""
        self._transport = transport
        self._listener = listener
        self._best: Method = "stream" if streams else "long_poll"
        self._headers = headers
        self._timing = timing
        self._rng = rng
        self._every = every
        self.method: Method = self._best

    async def run(self) -> None:
        """Notify the listener until cancelled."""
        methods: Mapping[Method, Callable[[], Awaitable[bool | None]]] = {
            "stream": self._stream,
            "long_poll": self._long_poll,
        }
        misses, left = 0, self._timing.monotonic()
        while True:
            await self._listener.wait_until_online()
            if self.method != self._best and self._timing.monotonic() - left >= UPGRADE:
                self.method = self._best
            if self.method == "poll":
                await self._timing.sleep(self._every[self._listener.is_idle()])
                await self._listener.sync_and_wait()
                continue
            worked = await methods[self.method]()
            misses = 0 if worked else misses + 1
            if worked is None or misses >= MISSES:
                misses, left = 0, self._timing.monotonic()
                self.method = "long_poll" if self.method == "stream" else "poll"
                log.info("changes of the server are found by: %s", self.method)

    async def _stream(self) -> bool | None:
        """Return whether a head came; None where the server, or a proxy before it, has no streams."""
        received = False
        try:
            headers = {"accept": "text/event-stream", "cache-control": "no-store", **self._headers}
            async with self._transport.streaming(PATH, headers, silence=2 * SILENCE) as (answer, content):
                if answer.status in (404, 405, 406, 501):
                    return None
                if _is_stream(answer):
                    parser, chunks = HeadParser(), aiter(content)
                    while True:
                        some = await self._timing.limited(anext(chunks), SILENCE)
                        for seq in parser.feed(some):
                            received = True
                            self._listener.on_head(seq)
        except (Unreachable, TimeoutError, StopAsyncIteration, TooLarge, SignInError):
            pass
        await self._pause(failed=not received)
        return received

    async def _pause(self, *, failed: bool) -> None:
        await self._timing.sleep(self._rng.uniform(0.0, RECONNECT))
        if failed:
            await self._listener.sync_and_wait()  # shows what is wrong, and returns when it is over

    async def _long_poll(self) -> bool | None:
        """Return whether the server waited or answered with changes; None where it has no long polling."""
        cur = await self._listener.cursor()
        query = {"since": str(cur), "max_bytes": "1", "wait": str(int(LONG_POLL))}
        began = self._timing.monotonic()
        try:
            answer = await self._transport.send(Request("GET", SYNC, query, self._headers, None, LONG_POLL))
        except (Unreachable, SignInError):
            await self._pause(failed=True)
            return False
        if answer.status in (400, 404, 405, 422, 501):
            return None
        has_changes = _has_changes(answer, cur)
        if has_changes is None or (not has_changes and self._timing.monotonic() - began < TOO_SOON):
            await self._pause(failed=True)
            return False
        if has_changes:
            await self._listener.sync_and_wait()
        return True


def _is_stream(answer: Response) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return answer.status == 200 and kind == "text/event-stream"


def _has_changes(answer: Response, cur: int) -> bool | None:
    """Return whether a response has anything after ``cur``; None where it is no response of a Sterna server."""
    try:
        page = json.loads(answer.body)["sync"] if answer.status == 200 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(page, dict):
        return None
    return bool(page.get("rows") or page.get("more") or page.get("resync") or page.get("cur", cur) != cur)


def _seq(data: str) -> int | None:
    try:
        seq = json.loads(data)["seq"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and seq >= 0 else None
