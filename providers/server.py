"""Provider for the relay of the server that the user is signed in to, which has its own API key, tiers and quotas.

A reply is streamed text with control lines between: reasoning, annotations, and at the end the metadata with the whole
reply. A reply without that end is incomplete.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sterna.net import (
    Limits,
    ProxyError,
    TooLarge,
    Unreadable,
    iter_body,
    open_client,
    parse_json,
    proxy_for,
    read_start,
)

from .endpoint import Endpoint, Timeouts
from .events import Delta, Done, Event, Failed, FailureKind, Model, ProviderError, Reasoning, Request, Usage
from .failures import FailureReporter
from .network_errors import network_failure
from .reachability import answers
from .request_body import data_uri
from .retry_after import seconds_to_wait
from .untrusted_text import single_line

if TYPE_CHECKING:
    import httpx

NAME = "server"
REASONING, ANNOTATIONS, FINAL = "__REASONING_CHUNK__", "__ANNOTATIONS_CHUNK__", '{"__FINAL_METADATA__"'
MARKS = (REASONING, ANNOTATIONS, FINAL)
MAX_LINE = 16 * 1024 * 1024
"""Most characters of a line: the last one has the whole reply."""
MAX_REPLY = 64 * 1024 * 1024
MAX_ERROR = 256 * 1024

FAILURE_KINDS: Mapping[int, FailureKind] = {
    400: FailureKind.BAD_REQUEST,
    401: FailureKind.AUTH,
    402: FailureKind.FORBIDDEN,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    413: FailureKind.TOO_LONG,
    429: FailureKind.RATE_LIMIT,
}

Token = Callable[[], Awaitable[str]]
"""Returns an access token. The message of its ``ValueError``, and of its ``ConnectionError`` while nobody can be asked
for one, is a sentence for the user."""
ListModels = Callable[[], Awaitable[Sequence[Model]]]
"""Returns the models of the server. The message of its ``ValueError`` is a sentence for the user."""


class ServerProvider:
    """Relay of a Sterna server as a :class:`Provider`."""

    takes_images: bool | None = None
    """False once it is known that the server passes on text only."""
    takes_tools = False
    """The relay passes no tools on."""
    name = NAME

    def __init__(
        self,
        origin: str,
        host: str,
        token: Token,
        models: ListModels,
        *,
        timeouts: Timeouts | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.title = host
        """Name for sentences."""
        self._url = f"{origin}/api/chat/stream"
        self._is_local = origin.startswith("http:")
        self._token = token
        self._models = models
        self._timeouts = timeouts or Timeouts()
        self._transport = transport
        self._reporter = FailureReporter(Endpoint(NAME, origin, label=host))
        self._client: httpx.AsyncClient | None = None
        self._client_lock = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one reply. A request without a model uses the server's default."""
        import httpx

        began = False
        if self.takes_images is not True and any(message.images for message in request.messages):
            yield Failed(FailureKind.BAD_REQUEST, f"{self.title} passes no images on. Send the text without them.")
            return
        try:
            client = await self._connected()
            headers = {"Authorization": f"Bearer {await self._token()}", "Accept-Encoding": "identity"}
            async with client.stream("POST", self._url, json=_body(request), headers=headers) as response:
                if response.status_code != 200:
                    yield self._rejected(response, await read_start(response, MAX_ERROR))
                    return
                async with aclosing(self._read(response)) as events:
                    async for event in events:
                        began = began or isinstance(event, Delta)
                        yield event
        except (TooLarge, Unreadable):
            yield self._reporter.endless(began)
        except ProxyError as error:
            yield self._reporter.unusable(str(error))
        except ConnectionError as error:  # no access token could be had; the sentence is the sign-in's
            yield Failed(FailureKind.NETWORK, str(error), unreached=True)
        except ValueError as error:
            yield Failed(FailureKind.AUTH, str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            yield network_failure(error, self._reporter, self._timeouts, opened=began, began=began)

    async def models(self) -> list[Model]:
        """Return the models of the server, including those of higher tiers. Raises :class:`ProviderError`."""
        try:
            models = list(await self._models())
        except ValueError as error:
            raise ProviderError(Failed(FailureKind.UNCONFIGURED, str(error))) from None
        self.takes_images = any("image" in model.traits.input_modalities for model in models)
        return models

    async def is_reachable(self) -> bool:
        """Return whether the server answers."""
        try:
            return await answers(await self._connected(), self._url, proxied=bool(self._reporter.proxy))
        except (ProxyError, OSError):
            return True

    async def aclose(self) -> None:
        """Close all connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _read(self, response: httpx.Response) -> AsyncGenerator[Event, None]:
        parser = RelayParser()
        async for piece in _decoded(response):
            for event in parser.feed(piece):
                yield event
            if len(parser.held) > MAX_LINE:
                yield self._reporter.malformed("a line without end")
                return
        if parser.final is None:
            for event in parser.flush():
                yield event
            yield self._reporter.truncated(parser.began)
            return
        has_text = parser.began
        for event in parser.finish():
            has_text = has_text or isinstance(event, Delta)
            if isinstance(event, Done) and not has_text:
                yield Failed(
                    FailureKind.EMPTY, f"{self._reporter.title} sent an empty reply. Retry, or choose another model."
                )
                return
            yield event

    def _rejected(self, response: httpx.Response, body: bytes) -> Failed:
        try:
            payload = parse_json(body)
        except ValueError:
            payload = None
        error = payload.get("error") if isinstance(payload, Mapping) else None
        if not isinstance(error, str):
            return self._reporter.status(response.status_code, response.headers, body)
        from datetime import UTC, datetime

        kind = FAILURE_KINDS.get(response.status_code, FailureKind.SERVER)
        sentence = f"{self._reporter.title}: {single_line(error)[:500]}"
        if response.status_code == 401:
            sentence = f"{self._reporter.title} rejected the sign-in. Sign in again: sterna login"
        return Failed(kind, sentence, seconds_to_wait(response.headers, {}, "", datetime.now(UTC)))

    async def _connected(self) -> httpx.AsyncClient:
        async with self._client_lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open_client)
            return self._client

    def _open_client(self) -> httpx.AsyncClient:
        timeouts = self._timeouts
        limits = Limits(connect=timeouts.connect, read=timeouts.read, write=timeouts.write)
        # plain http is for this computer only, which is reached directly
        proxy = None if self._is_local or self._transport is not None else proxy_for(self._url)
        self._reporter = self._reporter._replace(proxy=proxy.shown if proxy is not None else "")
        return open_client(self._url, limits=limits, proxy=proxy, transport=self._transport)


class RelayParser:
    """Incremental parser of a reply."""

    def __init__(self) -> None:
        self.held = ""
        self.began = False
        self.final: Mapping[str, Any] | None = None
        self._text_so_far = ""
        self._breaks = ""
        """Line ends held back until text follows: the last ones belong to the format."""

    def feed(self, piece: str) -> Iterator[Event]:
        """Yield the events that ``piece`` completes."""
        self.held += piece
        while self.held and self.final is None:
            found = ((position, mark) for mark in MARKS if (position := self.held.find(mark)) >= 0)
            position, mark = min(found, default=(-1, ""))
            if position < 0:
                complete = len(self.held) - max(_partial_marks(self.held))
                yield from self._text(self.held[:complete])
                self.held = self.held[complete:]
                return
            yield from self._text(self.held[:position])
            self.held = self.held[position:]
            line, end, rest = self.held.partition("\n")
            if not end:
                return
            self.held = rest
            yield from self._control_line(line, mark)

    def flush(self) -> Iterator[Event]:
        """Yield the text that was held back, at the end of an incomplete reply."""
        if not self.held.startswith(MARKS):
            yield from self._text(self.held)
        self.held = ""

    def finish(self) -> Iterator[Event]:
        """Yield the rest of the text, the token counts, and the end of a complete reply."""
        final = self.final or {}
        response = final.get("response")
        if (
            isinstance(response, str)
            and response.startswith(self._text_so_far)
            and len(response) > len(self._text_so_far)
        ):
            yield Delta(response[len(self._text_so_far) :])
        usage = final.get("usage")
        counts = [usage.get(f"{name}_tokens") for name in ("prompt", "completion", "total")] if usage else []
        if counts and all(isinstance(count, int) for count in counts) and any(counts):
            yield Usage(*counts)
        texts = [value if isinstance(value := final.get(name), str) else None for name in ("id", "model")]
        reason = final.get("finish_reason")
        yield Done(reason if isinstance(reason, str) and reason else "stop", texts[0], texts[1])

    def _text(self, text: str) -> Iterator[Event]:
        if not text:
            return
        plain_text = text.rstrip("\n")
        if plain_text:
            self.began = True
            piece = self._breaks + plain_text
            self._breaks = ""
            self._text_so_far += piece
            yield Delta(piece)
        self._breaks += text[len(plain_text) :]

    def _control_line(self, line: str, mark: str) -> Iterator[Event]:
        try:
            payload = parse_json(line if mark == FINAL else line[len(mark) :])
        except ValueError:
            yield from self._text(f"{line}\n")  # the mark is part of the text
            return
        if not isinstance(payload, Mapping):
            return
        if mark == FINAL:
            metadata = payload.get("__FINAL_METADATA__")
            self.final = metadata if isinstance(metadata, Mapping) else {}
        elif mark == REASONING and isinstance(payload.get("data"), str):
            if not self._text_so_far:
                self._breaks = ""
            yield Reasoning(payload["data"])


def _partial_marks(text: str) -> Iterator[int]:
    """Yield, for each mark, the length of its beginning that the text ends with."""
    for mark in MARKS:
        yield next((size for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), 0)


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "overrideProfile": True,  # settings of the conversation and of config.toml take precedence over the profile's
        "messages": [
            {"role": message.role, "content": message.content.encode("utf-8", "replace").decode()}
            | ({"images": [data_uri(image) for image in message.images]} if message.images else {})
            for message in request.messages
        ],
    }
    optional = {"model": request.model or None, "temperature": request.temperature}
    optional |= {"current_message_id": request.request_id}
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
    return body | {name: value for name, value in optional.items() if value is not None}


async def _decoded(response: httpx.Response) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    async with aclosing(iter_body(response, MAX_REPLY)) as body:
        async for piece in body:
            if text := decoder.decode(piece):
                yield text
    if text := decoder.decode(b"", final=True):
        yield text
