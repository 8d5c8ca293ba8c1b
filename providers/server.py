"""The connected server as a provider: its key answers, its tiers decide.

An answer is text as it comes, with lines of the server's own between: reasoning, annotations, and at the end the whole
answer once more. An answer without that end is not whole.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
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
from .failures import Teller
from .foreign_text import plain
from .network_errors import told
from .retry_after import wait

if TYPE_CHECKING:
    import httpx

NAME = "server"
REASONING, ANNOTATIONS, FINAL = "__REASONING_CHUNK__", "__ANNOTATIONS_CHUNK__", '{"__FINAL_METADATA__"'
MARKS = (REASONING, ANNOTATIONS, FINAL)
LONGEST_LINE = 16 * 1024 * 1024
"""Characters: the last line has the whole answer once more."""
LONGEST_ANSWER = 64 * 1024 * 1024
LONGEST_ERROR = 256 * 1024

KINDS: Mapping[int, FailureKind] = {
    400: FailureKind.BAD_REQUEST,
    401: FailureKind.AUTH,
    402: FailureKind.FORBIDDEN,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    413: FailureKind.TOO_LONG,
    429: FailureKind.RATE_LIMIT,
}

Token = Callable[[], Awaitable[str]]
"""Gives an access token. Its ``ValueError`` is a sentence for the person."""
ListModels = Callable[[], Awaitable[Sequence[Model]]]
"""Gives the models as they are known. Its ``ValueError`` is a sentence for the person."""


class ServerProvider:
    """A server that somebody is signed in at."""

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
        """What a person calls it."""
        self._url = f"{origin}/api/chat/stream"
        self._local = origin.startswith("http:")
        self._token = token
        self._models = models
        self._timeouts = timeouts or Timeouts()
        self._transport = transport
        self._teller = Teller(Endpoint(NAME, origin, label=host))
        self._client: httpx.AsyncClient | None = None
        self._building = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Events of one reply; the last is ``Done`` or ``Failed``. A request without a model takes the server's."""
        import httpx

        began = False
        try:
            client = await self._connected()
            headers = {"Authorization": f"Bearer {await self._token()}", "Accept-Encoding": "identity"}
            async with client.stream("POST", self._url, json=_body(request), headers=headers) as response:
                if response.status_code != 200:
                    yield self._refused(response, await read_start(response, LONGEST_ERROR))
                    return
                async with aclosing(self._read(response)) as events:
                    async for event in events:
                        began = began or isinstance(event, Delta)
                        yield event
        except (TooLarge, Unreadable):
            yield self._teller.endless(began)
        except ProxyError as error:
            yield self._teller.unusable(str(error))
        except ValueError as error:
            yield Failed(FailureKind.AUTH, str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            yield told(error, self._teller, self._timeouts, opened=began, began=began)

    async def models(self) -> list[Model]:
        """The models of the server, those of higher tiers too. Raises :class:`ProviderError`."""
        try:
            return list(await self._models())
        except ValueError as error:
            raise ProviderError(Failed(FailureKind.UNCONFIGURED, str(error))) from None

    async def aclose(self) -> None:
        """Close connections. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _read(self, response: httpx.Response) -> AsyncGenerator[Event, None]:
        reading = Reading()
        async for piece in _text(response):
            for event in reading.take(piece):
                yield event
            if len(reading.held) > LONGEST_LINE:
                yield self._teller.malformed("a line without end")
                return
        if reading.final is None:
            for event in reading.rest():
                yield event
            yield self._teller.truncated(reading.began)
            return
        came = False
        for event in reading.ending():
            came = came or isinstance(event, Delta)
            if isinstance(event, Done) and not (came or reading.began):
                yield Failed(
                    FailureKind.EMPTY, f"{self._teller.title} sent an empty reply. Retry, or choose another model."
                )
                return
            yield event

    def _refused(self, response: httpx.Response, body: bytes) -> Failed:
        try:
            said = parse_json(body)
        except ValueError:
            said = None
        error = said.get("error") if isinstance(said, Mapping) else None
        if not isinstance(error, str):
            return self._teller.status(response.status_code, response.headers, body)
        from datetime import UTC, datetime

        kind = KINDS.get(response.status_code, FailureKind.SERVER)
        sentence = f"{self._teller.title}: {plain(error)[:500]}"
        if response.status_code == 401:
            sentence = f"{self._teller.title} does not take the sign-in. Sign in again: sterna login"
        return Failed(kind, sentence, wait(response.headers, {}, "", datetime.now(UTC)))

    async def _connected(self) -> httpx.AsyncClient:
        async with self._building:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> httpx.AsyncClient:
        times = self._timeouts
        limits = Limits(connect=times.connect, read=times.read, write=times.write)
        # plain http is for this machine only, and no proxy leads there
        proxy = None if self._local or self._transport is not None else proxy_for(self._url)
        self._teller = replace(self._teller, proxy=proxy.shown if proxy is not None else "")
        return open_client(self._url, limits=limits, proxy=proxy, transport=self._transport)


class Reading:
    """Text of the answer taken apart as it comes."""

    def __init__(self) -> None:
        self.held = ""
        self.began = False
        self.final: Mapping[str, Any] | None = None
        self._told = ""
        self._breaks = ""
        """Line ends that are told once text follows: the last ones are the server's."""

    def take(self, piece: str) -> Iterator[Event]:
        """The events that are whole now."""
        self.held += piece
        while self.held and self.final is None:
            at, mark = min(((place, one) for one in MARKS if (place := self.held.find(one)) >= 0), default=(-1, ""))
            if at < 0:
                whole = len(self.held) - max(_begun(self.held))
                yield from self._text(self.held[:whole])
                self.held = self.held[whole:]
                return
            yield from self._text(self.held[:at])
            self.held = self.held[at:]
            line, end, rest = self.held.partition("\n")
            if not end:
                return
            self.held = rest
            yield from self._marked(line, mark)

    def rest(self) -> Iterator[Event]:
        """What was held back, where no more comes."""
        if not self.held.startswith(MARKS):
            yield from self._text(self.held)
        self.held = ""

    def ending(self) -> Iterator[Event]:
        """The end of the text, the counts, and that it is whole."""
        final = self.final or {}
        response = final.get("response")
        if isinstance(response, str) and response.startswith(self._told) and len(response) > len(self._told):
            yield Delta(response[len(self._told) :])
        usage = final.get("usage")
        counts = [usage.get(f"{name}_tokens") for name in ("prompt", "completion", "total")] if usage else []
        if counts and all(isinstance(one, int) for one in counts) and any(counts):
            yield Usage(*counts)
        texts = [one if isinstance(one := final.get(name), str) else None for name in ("id", "model")]
        reason = final.get("finish_reason")
        yield Done(reason if isinstance(reason, str) and reason else "stop", texts[0], texts[1])

    def _text(self, text: str) -> Iterator[Event]:
        if not text:
            return
        plain_text = text.rstrip("\n")
        if plain_text:
            self.began = True
            told_now = self._breaks + plain_text
            self._breaks = ""
            self._told += told_now
            yield Delta(told_now)
        self._breaks += text[len(plain_text) :]

    def _marked(self, line: str, mark: str) -> Iterator[Event]:
        try:
            said = parse_json(line if mark == FINAL else line[len(mark) :])
        except ValueError:
            yield from self._text(f"{line}\n")  # somebody's own words
            return
        if not isinstance(said, Mapping):
            return
        if mark == FINAL:
            found = said.get("__FINAL_METADATA__")
            self.final = found if isinstance(found, Mapping) else {}
        elif mark == REASONING and isinstance(said.get("data"), str):
            if not self._told:
                self._breaks = ""
            yield Reasoning(said["data"])


def _begun(text: str) -> Iterator[int]:
    """For each mark, how much of its beginning the text ends with."""
    for mark in MARKS:
        yield next((size for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), 0)


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "overrideProfile": True,  # a conversation's own settings, and those of config.toml, go before the profile's
        "messages": [
            {"role": one.role, "content": one.content.encode("utf-8", "replace").decode()} for one in request.messages
        ],
    }
    given = {"model": request.model or None, "temperature": request.temperature}
    given |= {"current_message_id": request.request_id}
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
    return body | {name: value for name, value in given.items() if value is not None}


async def _text(response: httpx.Response) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    async with aclosing(iter_body(response, LONGEST_ANSWER)) as body:
        async for piece in body:
            if text := decoder.decode(piece):
                yield text
    if text := decoder.decode(b"", final=True):
        yield text
