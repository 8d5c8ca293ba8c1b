"""Reading one answer, streamed or whole, to its end: ``Done``, or the failure that it ended in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, cast

from .chunks import Reading
from .endpoint import Timeouts
from .events import Event, Failed, ProviderError
from .failures import Teller, looks_like_html
from .reaching import told

if TYPE_CHECKING:
    import httpx
    from httpx_sse import ServerSentEvent

LONGEST_LINE = 16 * 1024 * 1024
"""Characters of one event. A stream without line ends must not fill the memory."""
LONGEST_ANSWER = 64 * 1024 * 1024
"""Characters of an answer that is not streamed."""
AFTER_FINISH = 5.0
"""Seconds for token counts to follow the last piece: some servers never close the stream."""
AFTER_DONE = 0.25
"""Seconds for the server to end its body, so that the connection can be used again."""


async def read(response: httpx.Response, teller: Teller, timeouts: Timeouts) -> AsyncGenerator[Event, None]:
    """The events of an answer of status 200; the last is ``Done`` or ``Failed``."""
    import httpx

    reading = Reading()
    failure: Failed | None = None
    ended = False
    try:
        async with aclosing(_chunks(_Body(response), teller, reading)) as chunks:
            async for chunk in chunks:
                for event in reading.take(chunk):
                    yield event
        ended = True
    except ProviderError as error:
        failure = error.failure
    except httpx.HTTPError as error:
        # A reply that has said that it is finished is whole, however the connection ends.
        failure = None if reading.finish_reason else told(error, teller, timeouts, opened=True, began=reading.began)
        ended = failure is None
    for event in reading.rest():
        yield event
    if reading.usage is not None:
        yield reading.usage
    yield failure or _ending(reading, teller, ended)


def _ending(reading: Reading, teller: Teller, ended: bool) -> Event:
    if reading.finish_reason == "error":
        return teller.error({})
    if reading.finish_reason == "content_filter" and not reading.answered:
        return teller.filtered()
    said_so = reading.finish_reason is not None or (reading.complete and reading.began)
    if not ended or not said_so:
        return teller.truncated(reading.began)
    return reading.done()


async def _chunks(body: _Body, teller: Teller, reading: Reading) -> AsyncGenerator[Mapping[str, Any], None]:
    """The JSON objects of the answer."""
    start = await body.start()
    if start.startswith("<"):
        raise ProviderError(teller.page() if looks_like_html(start) else teller.malformed(start))
    if start.startswith(("{", "[")):
        chunk = _object(await body.whole(teller), teller)
        reading.complete = True
        yield chunk
        return
    async with aclosing(_events(body, teller, reading)) as events:
        async for event in events:
            if event.data.strip() == "[DONE]":
                reading.complete = True
                return
            for chunk in _parsed(event, teller, reading):
                yield chunk
    if not reading.any and start:
        raise ProviderError(teller.malformed(start))


async def _events(body: _Body, teller: Teller, reading: Reading) -> AsyncGenerator[ServerSentEvent, None]:
    """Server-sent events until the stream ends, or is silent after the reply has finished."""
    from httpx_sse import EventSource

    body.limit(teller)
    # EventSource reads headers and text of a response, and _Body has both.
    async with aclosing(EventSource(cast("httpx.Response", body)).aiter_sse()) as source:
        while True:
            try:
                async with asyncio.timeout(AFTER_FINISH if reading.finish_reason else None):
                    event = await anext(source)
            except (StopAsyncIteration, TimeoutError):
                return
            if event.data.strip() == "[DONE]":
                await _drain(source)
                yield event
                return
            if event.data.strip():
                yield event


async def _drain(source: AsyncIterator[ServerSentEvent]) -> None:
    """Let the body end, for only then is the connection used again; the reply is whole however that goes."""
    import httpx

    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(AFTER_DONE):
            async for _ in source:
                pass


def _parsed(event: ServerSentEvent, teller: Teller, reading: Reading) -> Iterator[Mapping[str, Any]]:
    """The chunks of one event: one, but for servers that forget the blank line between events."""
    try:
        payloads = [json.loads(event.data)]
    except (ValueError, RecursionError):
        lines = [line.strip() for line in event.data.splitlines() if line.strip()]
        try:
            payloads = [json.loads(line) for line in lines if line != "[DONE]"]
        except (ValueError, RecursionError):
            raise ProviderError(teller.malformed(event.data)) from None
        reading.complete = "[DONE]" in lines
    for payload in payloads:
        if event.event == "error":
            raise ProviderError(teller.error(payload if isinstance(payload, Mapping) else {"message": str(payload)}))
        if not isinstance(payload, Mapping):
            raise ProviderError(teller.malformed(event.data))
        if payload.get("error") or payload.get("object") == "error" or payload.get("type") == "error":
            raise ProviderError(teller.error(payload))
        yield payload


def _object(text: str, teller: Teller) -> Mapping[str, Any]:
    """A whole answer. Raises :class:`ProviderError` when it is none."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        raise ProviderError(teller.malformed(text)) from None
    if isinstance(payload, list) and payload and isinstance(payload[0], Mapping):
        payload = payload[0]
    if not isinstance(payload, Mapping):
        raise ProviderError(teller.malformed(text))
    if payload.get("error") or (not payload.get("choices") and any(map(payload.get, ("message", "detail", "errors")))):
        raise ProviderError(teller.error(payload))
    if not isinstance(payload.get("choices"), list):
        raise ProviderError(teller.malformed(text))
    return payload


class _Body:
    """The text of an answer, of which the beginning is seen before it is decided how to read it."""

    def __init__(self, response: httpx.Response) -> None:
        response.encoding = "utf-8"  # what server-sent events and JSON are, whatever a header claims
        self._pieces = response.aiter_text()
        self._first = ""
        self._teller: Teller | None = None
        self.headers = {"content-type": "text/event-stream"}

    async def start(self) -> str:
        """The beginning, without blanks; "" for an empty body."""
        async for piece in self._pieces:
            self._first = (self._first + piece).lstrip("\ufeff \t\r\n")
            if self._first:
                break
        return self._first

    async def whole(self, teller: Teller) -> str:
        """All of it. Raises :class:`ProviderError` when it is beyond all measure."""
        pieces = [self._first]
        size = len(self._first)
        async for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size > LONGEST_ANSWER:
                raise ProviderError(teller.malformed("an answer without end"))
        return "".join(pieces)

    def limit(self, teller: Teller) -> None:
        """Who tells when a line has no end."""
        self._teller = teller

    async def aiter_text(self) -> AsyncIterator[str]:
        """The text, and a blank line after the last event: some servers leave it out, and it is told only by one."""
        yield self._first
        unbroken = 0
        async for piece in self._pieces:
            unbroken = 0 if "\n" in piece or "\r" in piece else unbroken + len(piece)
            if unbroken > LONGEST_LINE and self._teller is not None:
                raise ProviderError(self._teller.malformed("a line without end"))
            yield piece
        yield "\n\n"
