"""Reading one answer, streamed or whole, to its end: ``Done``, or the failure that it ended in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from sterna.net import Event as Sent
from sterna.net import EventReader, TooLarge, Unreadable, iter_body, parse_json

from .endpoint import Timeouts
from .events import Event, Failed, ProviderError
from .failures import Teller, looks_like_html
from .network_errors import told
from .response_chunks import Reading

if TYPE_CHECKING:
    import httpx

LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of one event: an image inside of one takes a few million."""
LONGEST_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer that is not streamed."""
LONGEST_STREAM = 512 * 1024 * 1024
"""Bytes of a stream: a piece of text of four letters comes in an event of three hundred."""
LONGEST_REPLY = 16 * 1024 * 1024
"""Characters of a reply with its reasoning: more than any model writes, and what a client can keep."""
BEGINNINGS = (b"d", b"e", b"i", b"r", b":", b"{", b"[")
"""First bytes of an answer: of the fields of an event, of a comment, of JSON."""
QUOTED = 2000
"""Bytes of anything else that are looked at."""
AFTER_FINISH = 5.0
"""Seconds for token counts to follow the last piece: some servers never close the stream."""
AFTER_DONE = 0.25
"""Seconds for the server to end its body, so that the connection can be used again."""


async def read(
    response: httpx.Response, teller: Teller, timeouts: Timeouts, reading: Reading | None = None
) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer of status 200; the last is ``Done`` or ``Failed``."""
    import httpx

    reading = reading or Reading()
    failure: Failed | None = None
    ended = False
    try:
        async with aclosing(_chunks(response, teller, reading)) as chunks:
            async for chunk in chunks:
                for event in reading.take(chunk):
                    yield event
                if reading.size > LONGEST_REPLY:
                    raise TooLarge
                if reading.error is not None:
                    raise ProviderError(teller.error({"error": reading.error}))
        ended = True
    except ProviderError as error:
        failure = error.failure
    except TooLarge:
        failure = teller.endless(reading.began)
    except Unreadable:
        failure = teller.malformed("a body that cannot be decompressed")
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
    said_so = reading.finish_reason is not None or (reading.complete and reading.any)
    if not ended or not said_so:
        return teller.truncated(reading.began)
    if not reading.answered:
        return teller.filtered() if reading.finish_reason == "content_filter" else teller.empty(reading)
    return reading.done()


async def _chunks(
    response: httpx.Response, teller: Teller, reading: Reading
) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the JSON objects of the answer."""
    async with aclosing(iter_body(response, LONGEST_STREAM)) as body:
        start = b""
        async for piece in body:
            start = (start + piece).removeprefix(b"\xef\xbb\xbf").lstrip()
            if start and not b"\xef\xbb\xbf".startswith(start):
                break
        if start and start[:1] not in BEGINNINGS:
            async for piece in body:
                start += piece
                if len(start) > QUOTED:
                    break
            text = start[:QUOTED].decode("utf-8", "replace")
            raise ProviderError(teller.page() if looks_like_html(text) else teller.malformed(text))
        if start.startswith((b"{", b"[")):
            for chunk in _whole(await _rest(start, body), teller, reading):
                yield chunk
            return
        async with aclosing(_events(start, body, reading)) as events:
            async for event in events:
                for chunk in _parsed(event, teller, reading):
                    yield chunk
        if not reading.any and start and not reading.complete and not start.startswith(b":"):
            raise ProviderError(teller.malformed(start.decode("utf-8", "replace")))


async def _rest(start: bytes, body: AsyncGenerator[bytes, None]) -> bytes:
    """Return the whole body. Raises :class:`TooLarge`."""
    found = bytearray(start)
    async for piece in body:
        found += piece
        if len(found) > LONGEST_ANSWER:
            raise TooLarge
    return bytes(found)


async def _events(start: bytes, body: AsyncGenerator[bytes, None], reading: Reading) -> AsyncGenerator[Sent, None]:
    """Yield server-sent events until the stream ends, or is silent after the reply has finished."""
    reader = EventReader(LONGEST_EVENT)
    piece = start
    while True:
        for event in reader.feed(piece):
            if event.data.strip() == "[DONE]":
                reading.complete = True
                await _drain(body)
                return
            if event.data.strip():
                yield event
        try:
            async with asyncio.timeout(AFTER_FINISH if reading.only_counts_follow else None):
                piece = await anext(body)
        except TimeoutError:
            return
        except StopAsyncIteration:
            break
    for event in reader.finish():
        if event.data.strip() == "[DONE]":
            reading.complete = True
        elif event.data.strip():
            yield event


async def _drain(body: AsyncGenerator[bytes, None]) -> None:
    """Let the body end, for only then is the connection used again; the reply is whole however that goes."""
    import httpx

    with suppress(TimeoutError, httpx.HTTPError, TooLarge, Unreadable):
        async with asyncio.timeout(AFTER_DONE):
            async for _ in body:
                pass


def _parsed(event: Sent, teller: Teller, reading: Reading) -> Iterator[Mapping[str, Any]]:
    """Yield the chunks of one event: one, but for servers that forget the blank line between events."""
    try:
        payloads = [parse_json(event.data)]
    except ValueError:
        payloads, rest = _by_line(event.data, reading)
        if rest is not None:
            for payload in payloads:
                yield _checked(event, payload, teller, reading)
            if event.whole or not rest.startswith(("{", "[")):
                raise ProviderError(teller.malformed(rest)) from None
            raise ProviderError(teller.truncated(reading.began)) from None
    for payload in payloads:
        yield _checked(event, payload, teller, reading)


def _by_line(data: str, reading: Reading) -> tuple[list[Any], str | None]:
    """Return the values of an event that has one on each line, and the line that is none."""
    payloads = []
    for line in data.splitlines():
        line = line.strip()
        if line == "[DONE]":
            reading.complete = True
        elif line:
            try:
                payloads.append(parse_json(line))
            except ValueError:
                return payloads, line
    return payloads, None


def _checked(event: Sent, payload: Any, teller: Teller, reading: Reading) -> Mapping[str, Any]:
    if event.name == "error":
        reading.refusal = (400, payload)
        raise ProviderError(teller.error(payload if isinstance(payload, Mapping) else {"message": str(payload)}))
    if not isinstance(payload, Mapping):
        raise ProviderError(teller.malformed(event.data))
    if payload.get("error") or payload.get("object") == "error" or payload.get("type") == "error":
        reading.refusal = (400, payload)
        raise ProviderError(teller.error(payload))
    return payload


def _whole(body: bytes, teller: Teller, reading: Reading) -> Iterator[Mapping[str, Any]]:
    """Yield the one object of an answer that is not streamed, or its lines where each is one."""
    text = body.decode("utf-8", "replace")
    try:
        payloads = [parse_json(text)]
    except ValueError:
        payloads, rest = _by_line(text, reading)
        if rest is not None or not payloads:
            raise ProviderError(teller.malformed(text)) from None
    for payload in payloads:
        if isinstance(payload, list) and payload and isinstance(payload[0], Mapping):
            payload = payload[0]
        if not isinstance(payload, Mapping):
            raise ProviderError(teller.malformed(text))
        is_error = not payload.get("choices") and any(map(payload.get, ("message", "detail", "errors")))
        if payload.get("error") or is_error:
            reading.refusal = (400, payload)
            raise ProviderError(teller.error(payload))
        if not isinstance(payload.get("choices"), list):
            raise ProviderError(teller.malformed(text))
        yield payload
    reading.complete = True
