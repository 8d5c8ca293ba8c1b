"""Reader of one response, streamed or whole, up to its end: ``Done`` or the failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from sterna.net import Event as ServerEvent
from sterna.net import EventReader, TooLarge, Unreadable, iter_body, parse_json

from .endpoint import Timeouts
from .error_payloads import looks_like_html
from .events import Done, Event, Failed, ProviderError, ToolRequests
from .failures import FailureReporter
from .network_errors import network_failure
from .protocols import protocol_named
from .protocols.wire_protocol import Translator, WireProtocol
from .reply_parser import ReplyParser

if TYPE_CHECKING:
    import httpx

MAX_EVENT = 16 * 1024 * 1024
"""Most bytes of one event: an image inside one takes a few million."""
MAX_WHOLE = 32 * 1024 * 1024
"""Most bytes of a reply that is not streamed."""
MAX_STREAM = 512 * 1024 * 1024
"""Most bytes of a stream: a piece of four letters comes in an event of three hundred bytes."""
MAX_REPLY = 16 * 1024 * 1024
"""Most characters of a reply with its reasoning: more than any model writes, and what a client can store."""
FIRST_BYTES = (b"d", b"e", b"i", b"r", b":", b"{", b"[")
"""First bytes of a valid response: a field of an event, a comment, or JSON."""
MAX_QUOTED = 2000
"""Bytes of any other response that are read for the error."""
AFTER_FINISH = 5.0
"""Seconds to wait for token counts after the last piece: some servers never close the stream."""
AFTER_DONE = 0.25
"""Seconds to wait for the end of the body, so that the connection can be reused."""


async def read_reply(
    response: httpx.Response,
    reporter: FailureReporter,
    timeouts: Timeouts,
    parser: ReplyParser | None = None,
    protocol: WireProtocol | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield the events of a response with status 200; the last is ``Done`` or ``Failed``."""
    import httpx

    parser = parser or ReplyParser()
    protocol = protocol or protocol_named("openai")
    translator = protocol.translator()
    failure: Failed | None = None
    ended = False
    try:
        async with aclosing(_chunks(response, reporter, parser, translator, is_lines=protocol.is_lines)) as chunks:
            async for chunk in chunks:
                for event in parser.feed(chunk):
                    yield event
                if parser.size > MAX_REPLY:
                    raise TooLarge
                if parser.error is not None:
                    raise ProviderError(reporter.error({"error": parser.error}))
        ended = True
    except ProviderError as error:
        failure = error.failure
    except TooLarge:
        failure = reporter.endless(parser.began)
    except Unreadable:
        failure = reporter.malformed("a body that cannot be decompressed")
    except httpx.HTTPError as error:
        # a reply with a finish reason is complete, however the connection ends
        failure = (
            None
            if parser.finish_reason
            else network_failure(error, reporter, timeouts, opened=True, began=parser.began)
        )
        ended = failure is None
    for event in parser.finish():
        yield event
    if parser.usage is not None:
        yield parser.usage
    ending = failure or _ending(parser, reporter, ended)
    if isinstance(ending, Done) and (calls := parser.requests()):
        yield ToolRequests(calls, translator.opaque)
    yield ending


def _ending(parser: ReplyParser, reporter: FailureReporter, ended: bool) -> Done | Failed:
    if parser.finish_reason == "error":
        return reporter.error({})
    has_end = parser.finish_reason is not None or (parser.complete and parser.has_chunks)
    if not ended or not has_end:
        return reporter.truncated(parser.began)
    if not parser.answered and not parser.requests():
        return reporter.filtered() if parser.finish_reason == "content_filter" else reporter.empty(parser)
    return parser.done()


async def _chunks(
    response: httpx.Response,
    reporter: FailureReporter,
    parser: ReplyParser,
    translator: Translator,
    *,
    is_lines: bool,
) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the chunks of the response in the form of the chat API."""
    async with aclosing(iter_body(response, MAX_STREAM)) as body:
        start = b""
        async for piece in body:
            start = (start + piece).removeprefix(b"\xef\xbb\xbf").lstrip()
            if start and not b"\xef\xbb\xbf".startswith(start):
                break
        if start and start[:1] not in FIRST_BYTES:
            async for piece in body:
                start += piece
                if len(start) > MAX_QUOTED:
                    break
            text = start[:MAX_QUOTED].decode("utf-8", "replace")
            raise ProviderError(reporter.page() if looks_like_html(text) else reporter.malformed(text))
        if start.startswith((b"{", b"[")) and not is_lines:
            for chunk in _whole(await _rest(start, body), reporter, parser, translator):
                yield chunk
            return
        source = _lines(start, body) if is_lines else _server_events(start, body, parser)
        async with aclosing(source) as events:
            async for event in events:
                for payload in _parsed(event, reporter, parser):
                    for chunk in translator.chunks(payload):
                        yield chunk
                if translator.is_complete:
                    parser.complete = True
                    await _drain(body)
                    return
        if not parser.has_chunks and start and not parser.complete and not start.startswith(b":"):
            raise ProviderError(reporter.malformed(start.decode("utf-8", "replace")))


async def _rest(start: bytes, body: AsyncGenerator[bytes, None]) -> bytes:
    """Return the whole body. Raises :class:`TooLarge`."""
    content = bytearray(start)
    async for piece in body:
        content += piece
        if len(content) > MAX_WHOLE:
            raise TooLarge
    return bytes(content)


async def _server_events(
    start: bytes, body: AsyncGenerator[bytes, None], parser: ReplyParser
) -> AsyncGenerator[ServerEvent, None]:
    """Yield server-sent events until the stream ends, or stays silent after the reply has finished."""
    reader = EventReader(MAX_EVENT)
    piece = start
    while True:
        for event in reader.feed(piece):
            if event.data.strip() == "[DONE]":
                parser.complete = True
                await _drain(body)
                return
            if event.data.strip():
                yield event
        try:
            async with asyncio.timeout(AFTER_FINISH if parser.is_finished else None):
                piece = await anext(body)
        except TimeoutError:
            return
        except StopAsyncIteration:
            break
    for event in reader.finish():
        if event.data.strip() == "[DONE]":
            parser.complete = True
        elif event.data.strip():
            yield event


async def _lines(start: bytes, body: AsyncGenerator[bytes, None]) -> AsyncGenerator[ServerEvent, None]:
    """Yield each line as an event. Raises :class:`TooLarge`."""
    rest = bytearray(start)
    while True:
        *lines, last = rest.split(b"\n")
        for line in lines:
            if line.strip():
                yield ServerEvent("", line.decode("utf-8", "replace"))
        rest = bytearray(last)
        if len(rest) > MAX_EVENT:
            raise TooLarge
        try:
            rest += await anext(body)
        except StopAsyncIteration:
            break
    if rest.strip():
        yield ServerEvent("", rest.decode("utf-8", "replace"), whole=False)


async def _drain(body: AsyncGenerator[bytes, None]) -> None:
    """Wait for the end of the body, so that the connection can be reused; the reply is already complete."""
    import httpx

    with suppress(TimeoutError, httpx.HTTPError, TooLarge, Unreadable):
        async with asyncio.timeout(AFTER_DONE):
            async for _ in body:
                pass


def _parsed(event: ServerEvent, reporter: FailureReporter, parser: ReplyParser) -> Iterator[Mapping[str, Any]]:
    """Yield the chunks of one event: more than one if a server omits the blank lines between events."""
    try:
        payloads = [parse_json(event.data)]
    except ValueError:
        payloads, rest = _by_line(event.data, parser)
        if rest is not None:
            for payload in payloads:
                yield _checked(event, payload, reporter, parser)
            if event.whole or not rest.startswith(("{", "[")):
                raise ProviderError(reporter.malformed(rest)) from None
            raise ProviderError(reporter.truncated(parser.began)) from None
    for payload in payloads:
        yield _checked(event, payload, reporter, parser)


def _by_line(data: str, parser: ReplyParser) -> tuple[list[Any], str | None]:
    """Return the values of an event that has one on each line, and the first line that is not JSON."""
    payloads = []
    for line in data.splitlines():
        line = line.strip()
        if line == "[DONE]":
            parser.complete = True
        elif line:
            try:
                payloads.append(parse_json(line))
            except ValueError:
                return payloads, line
    return payloads, None


def _checked(event: ServerEvent, payload: Any, reporter: FailureReporter, parser: ReplyParser) -> Mapping[str, Any]:
    if event.name == "error":
        parser.rejection = (400, payload)
        raise ProviderError(reporter.error(payload if isinstance(payload, Mapping) else {"message": str(payload)}))
    if not isinstance(payload, Mapping):
        raise ProviderError(reporter.malformed(event.data))
    if payload.get("error") or payload.get("object") == "error" or payload.get("type") == "error":
        parser.rejection = (400, payload)
        raise ProviderError(reporter.error(payload))
    return payload


def _whole(
    body: bytes, reporter: FailureReporter, parser: ReplyParser, translator: Translator
) -> Iterator[Mapping[str, Any]]:
    """Yield the object of a response that is not streamed, or its lines if each is an object."""
    text = body.decode("utf-8", "replace")
    try:
        payloads = [parse_json(text)]
    except ValueError:
        payloads, rest = _by_line(text, parser)
        if rest is not None or not payloads:
            raise ProviderError(reporter.malformed(text)) from None
    for payload in payloads:
        if isinstance(payload, list) and payload and isinstance(payload[0], Mapping):
            payload = payload[0]
        if not isinstance(payload, Mapping):
            raise ProviderError(reporter.malformed(text))
        is_error = translator.whole(payload) is None and any(map(payload.get, ("message", "detail", "errors")))
        if payload.get("error") or is_error:
            parser.rejection = (400, payload)
            raise ProviderError(reporter.error(payload))
        chunk = translator.whole(payload)
        if chunk is None:
            raise ProviderError(reporter.malformed(text))
        yield chunk
    parser.complete = True
