"""News of the server's head: by a stream; where none comes through, by long questions; else by asking now and then.

Only a number comes, never content, so a stream that somebody buffers or repeats does no harm. It is read by hand: what
a library for such streams keeps of a line that never ends has no limit.
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
from .protocol.effects import Answer, Http, Unreachable

log = logging.getLogger("sterna.sync")

PATH = "/api/chat/sync/head"
SYNC = "/api/chat/sync"

SILENCE = 70.0
"""Seconds without a byte after which a stream is dead: its heart beats every 25."""
RECONNECT = 30.0
"""Seconds over which the clients of a server that was away spread their return."""
LONG = 55.0
SOON = 5.0
"""A long question that is answered with nothing before this was not waited for."""
MISSES = 3
"""Ways that give nothing so often in a row are left for the next one."""
BETTER = 3600.0
"""Seconds after which the best way is tried again."""
LONGEST_LINE = 4096

Way = Literal["stream", "long", "poll"]


class Events:
    """Cuts the bytes of an event stream into the heads that it tells."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._told: list[str] = []

    def feed(self, some: bytes) -> list[int]:
        """Heads that are complete now. Raises :class:`TooLarge`."""
        *lines, self._rest = (self._rest + some).replace(b"\r\n", b"\n").split(b"\n")
        if len(self._rest) > LONGEST_LINE or any(len(one) > LONGEST_LINE for one in lines):
            raise TooLarge
        found = []
        for line in lines:
            if not line:
                if self._event == "head" and (seq := _seq("\n".join(self._told))) is not None:
                    found.append(seq)
                self._event, self._told = "", []
                continue
            name, _, value = line.decode("utf-8", "replace").partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._event = value
            elif name == "data":
                self._told = [*self._told[-1:], value]
        return found


class Listener(Protocol):
    """Who wants the news."""

    async def online(self) -> None:
        """Until the server is known to answer."""
        ...

    async def look(self) -> None:
        """Sync now, and come back when it has worked: there is news, or something is the matter."""
        ...

    def head(self, seq: int) -> None:
        """The server's history has come this far."""
        ...

    async def cursor(self) -> int:
        """How far it is known here."""
        ...

    def idle(self) -> bool:
        """Whether nothing has happened for a while."""
        ...


class Heads:
    """Tells a :class:`Listener` of every change of the head, for as long as :meth:`run` runs."""

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
        """``every``: seconds between two looks where no other way goes, in use and idle."""
        self._transport = transport
        self._listener = listener
        self._best: Way = "stream" if streams else "long"
        self._headers = headers
        self._timing = timing
        self._rng = rng
        self._every = every
        self.way: Way = self._best

    async def run(self) -> None:
        """Until it is cancelled."""
        ways: Mapping[Way, Callable[[], Awaitable[bool | None]]] = {"stream": self._stream, "long": self._ask_long}
        misses, left = 0, self._timing.monotonic()
        while True:
            await self._listener.online()
            if self.way != self._best and self._timing.monotonic() - left >= BETTER:
                self.way = self._best
            if self.way == "poll":
                await self._timing.sleep(self._every[self._listener.idle()])
                await self._listener.look()
                continue
            worked = await ways[self.way]()
            misses = 0 if worked else misses + 1
            if worked is None or misses >= MISSES:
                misses, left = 0, self._timing.monotonic()
                self.way = "long" if self.way == "stream" else "poll"
                log.info("news of the server come by: %s", self.way)

    async def _stream(self) -> bool | None:
        """Whether anything came; None where the server, or what stands before it, has no streams."""
        came = False
        try:
            headers = {"accept": "text/event-stream", "cache-control": "no-store", **self._headers}
            async with self._transport.streaming(PATH, headers, silence=2 * SILENCE) as (answer, content):
                if answer.status in (404, 405, 406, 501):
                    return None
                if _is_stream(answer):
                    events, chunks = Events(), aiter(content)
                    while True:
                        some = await self._timing.limited(anext(chunks), SILENCE)
                        for seq in events.feed(some):
                            came = True
                            self._listener.head(seq)
        except (Unreachable, TimeoutError, StopAsyncIteration, TooLarge, SignInError):
            pass
        await self._again(came)
        return came

    async def _again(self, came: bool) -> None:
        await self._timing.sleep(self._rng.uniform(0.0, RECONNECT))
        if not came:
            await self._listener.look()  # it says what is the matter, and waits as long as that takes

    async def _ask_long(self) -> bool | None:
        cur = await self._listener.cursor()
        query = {"since": str(cur), "max_bytes": "1", "wait": str(int(LONG))}
        began = self._timing.monotonic()
        try:
            answer = await self._transport.send(Http("GET", SYNC, query, self._headers, None, LONG))
        except (Unreachable, SignInError):
            await self._again(came=False)
            return False
        if answer.status in (400, 404, 405, 422, 501):
            return None
        is_news = _is_news(answer, cur)
        if is_news is None or (not is_news and self._timing.monotonic() - began < SOON):
            await self._again(came=False)
            return False
        if is_news:
            await self._listener.look()
        return True


def _is_stream(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return answer.status == 200 and kind == "text/event-stream"


def _is_news(answer: Answer, cur: int) -> bool | None:
    """Whether there is anything beyond ``cur``; None where that is no answer of a server of ours."""
    try:
        told = json.loads(answer.body)["sync"] if answer.status == 200 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    return bool(told.get("rows") or told.get("more") or told.get("resync") or told.get("cur", cur) != cur)


def _seq(told: str) -> int | None:
    try:
        seq = json.loads(told)["seq"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and seq >= 0 else None
