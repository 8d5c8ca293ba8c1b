"""Any OpenAI-compatible server, asked over HTTP.

A request for a reply is never repeated once it may have arrived, for it may have been billed. Two exceptions: the
connection was never made, or the server refused the request for one of its parameters. Redirects are not followed: a
key must not travel to an address that its owner did not write down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sterna.net import Limits, TooLarge, Unreadable, open_client, parse_json, proxy_for, read_body, read_start

from . import model_list
from .endpoint import Endpoint, Timeouts
from .events import Done, Event, Failed, FailureKind, Model, ProviderError, Request, Without
from .failures import Teller, error_of, looks_like_html, message_of, secrets_of
from .model_cache import Memory
from .network_errors import told
from .options import Options
from .quirks import Quirks
from .reply_reader import read
from .request_body import OWN, body_of, encoded
from .response_chunks import Reading

if TYPE_CHECKING:
    import httpx

LONGEST_ERROR = 256 * 1024
"""Bytes of an error's body that are read."""
LONGEST_LIST = 16 * 1024 * 1024
"""Bytes of a list of models."""
MOST_TRIES = 6
"""Requests for one reply, each without something that the one before was refused for."""
RETRIED = (FailureKind.NETWORK,)
"""Failed connections worth a second try at once; a refusal, an unknown name or a bad certificate stays what it is."""


def utc_now() -> datetime:
    """The time, for dates in ``Retry-After``."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Call:
    """What every request of one moment shares: the client, the headers with the key, and who tells its failures."""

    client: httpx.AsyncClient
    headers: Mapping[str, str]
    teller: Teller
    options: Options


class OpenAIProvider:
    """One endpoint as a :class:`Provider`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], datetime] = utc_now,
        memory: Memory | None = None,
    ) -> None:
        self.name = endpoint.name
        self.endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._transport = transport
        self._clock = clock
        self._memory = memory or Memory()
        self._client: httpx.AsyncClient | None = None
        self._proxy = ""
        self._building = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Events of one reply; the last is ``Done`` or ``Failed``. A request without a model takes the first listed."""
        try:
            if not request.model:
                request = replace(request, model=await self._any_model())
            call = await self._call(request.model)
        except ProviderError as error:
            yield error.failure
            return
        known = quirks = self._memory.quirks(self.place, request.model)
        for last in (False,) * MOST_TRIES + (True,):
            body = body_of(request, call.options, quirks)
            reading = Reading(thinks_first=quirks.thinks_first)
            async with aclosing(self._once(call, body, reading)) as events:
                refused = None
                async for event in events:
                    if isinstance(event, Failed) and reading.refusal is not None and not reading.began and not last:
                        refused = event
                        break
                    if quirks != known:
                        self._memory.keep_quirks(self.place, request.model, quirks)
                        if without := tuple(one for one in OWN if one in quirks.omit and one not in known.omit):
                            yield Without(without)
                        known = quirks
                    if isinstance(event, Done) and reading.answered and reading.thinks_first != quirks.thinks_first:
                        # before the event: many readers leave at the end of the reply
                        known = quirks = replace(quirks, thinks_first=reading.thinks_first)
                        self._memory.keep_quirks(self.place, request.model, quirks)
                    yield event
            if refused is None:
                break
            status, payload = reading.refusal or (0, {})
            learned = _learned(quirks, status, payload, body)
            if learned is None:
                if refused.limit is not None:
                    self._memory.keep_limit(self.place, request.model, refused.limit)
                yield refused
                return
            quirks = learned

    async def _once(self, call: _Call, body: Mapping[str, Any], reading: Reading) -> AsyncGenerator[Event, None]:
        """Events of one request. A refusal of it, by a status or by the first event, is noted in ``reading``."""
        try:
            response = await self._send(call, encoded(body))
        except ProviderError as error:
            yield error.failure
            return
        try:
            if not 200 <= response.status_code < 300:
                said = await read_start(response, LONGEST_ERROR)
                reading.refusal = (response.status_code, said)
                yield call.teller.status(response.status_code, response.headers, said)
                return
            async with aclosing(read(response, call.teller, self._timeouts, reading)) as events:
                async for event in events:
                    yield event
        finally:
            await response.aclose()

    @property
    def place(self) -> str:
        """The name under which things are remembered of this server."""
        return self.endpoint.url

    async def models(self) -> list[Model]:
        """The models that chat. Raises :class:`ProviderError`."""
        if self.endpoint.models:
            return [Model(self.name, one, context_length=self._length(one)) for one in self.endpoint.models]
        call = await self._call("")
        try:
            async with asyncio.timeout(self._timeouts.listing):
                code, headers, body = await self._get(call)
        except TimeoutError:
            limit = f"{self._timeouts.listing:g} s"
            message = f"{call.teller.title} did not list its models within {limit}. Check that it runs, then refresh."
            raise ProviderError(Failed(FailureKind.TIMEOUT, message)) from None
        if not 200 <= code < 300:
            raise ProviderError(call.teller.status(code, headers, body))
        try:
            payload = parse_json(body)
        except ValueError:
            raise ProviderError(_no_list(call.teller, headers, body)) from None
        found = model_list.models(self.name, payload, self.endpoint.context_length)
        if found is None:
            is_error = isinstance(payload, Mapping) and (payload.get("error") or payload.get("detail"))
            raise ProviderError(call.teller.error(payload) if is_error else _no_list(call.teller, headers, body))
        self._memory.keep_list(self.place, found)
        return [replace(one, context_length=self._length(one.id) or one.context_length) for one in found]

    def _length(self, model: str) -> int | None:
        return self.endpoint.length_for(model)

    async def aclose(self) -> None:
        """Close connections. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _any_model(self) -> str:
        found = await self.models()
        if found:
            return found[0].id
        advice = "Fetch one, as in “ollama pull llama3.2”" if self.endpoint.port == 11434 else "Load one there"
        message = f"{self.endpoint.title} has no model yet. {advice}, then retry."
        raise ProviderError(Failed(FailureKind.NOT_FOUND, message))

    async def _call(self, model: str) -> _Call:
        """Everything for a request, or :class:`ProviderError` when the settings do not make one."""
        options = self.endpoint.options_for(model)
        plain_teller = Teller(
            self.endpoint, model, (*self.endpoint.headers.values(), *options.headers.values()), self._clock
        )
        try:
            self.endpoint.address()
            key = await asyncio.to_thread(self.endpoint.key)
            key = (key or "").strip() or None
            headers = _headers({**self.endpoint.headers, **options.headers}, key)
            client = await self._connected()
            secrets = (*secrets_of(self.endpoint, key), *filter(None, options.headers.values()))
            teller = Teller(self.endpoint, model, secrets, self._clock, self._proxy)
        except (ValueError, OSError, ImportError) as error:
            raise ProviderError(plain_teller.unusable(str(error))) from None
        return _Call(client, headers, teller, options)

    async def _connected(self) -> httpx.AsyncClient:
        """The client, built in a thread: importing httpx and reading certificates takes longer than a frame."""
        async with self._building:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> httpx.AsyncClient:
        url = self.endpoint.address()
        # no proxy leads to this machine
        proxy = None if self.endpoint.local or self._transport is not None else proxy_for(url)
        self._proxy = proxy.shown if proxy is not None else ""
        times = self._timeouts
        limits = Limits(connect=times.connect, read=times.read, write=times.write)
        return open_client(url, limits=limits, proxy=proxy, transport=self._transport)

    async def _send(self, call: _Call, body: bytes) -> httpx.Response:
        import httpx

        streamed = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",  # compressed, a stream may be held back until a block is full
        }
        for last in (False, True):
            try:
                made = call.client.build_request(
                    "POST",
                    self.endpoint.address("/chat/completions"),
                    headers={**streamed, **call.headers},
                    content=body,
                )
                async with asyncio.timeout(self._timeouts.head):
                    return await call.client.send(made, stream=True)
            except TimeoutError:  # interim answers without end, or a byte now and then
                raise ProviderError(told(httpx.ReadTimeout(""), call.teller, self._timeouts)) from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = told(error, call.teller, self._timeouts)
                if last or not isinstance(error, httpx.ConnectError) or failure.kind not in RETRIED:
                    raise ProviderError(failure) from None
        raise AssertionError("unreachable")

    async def _get(self, call: _Call) -> tuple[int, Mapping[str, str], bytes]:
        import httpx

        try:
            made = call.client.build_request("GET", self.endpoint.address("/models"), headers=call.headers)
            response = await call.client.send(made, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderError(told(error, call.teller, self._timeouts)) from None
        try:
            if not 200 <= response.status_code < 300:
                return response.status_code, response.headers, await read_start(response, LONGEST_ERROR)
            return response.status_code, response.headers, await read_body(response, LONGEST_LIST)
        except httpx.HTTPError as error:
            raise ProviderError(told(error, call.teller, self._timeouts, opened=True)) from None
        except (TooLarge, Unreadable):
            raise ProviderError(_no_list(call.teller, response.headers, b"")) from None
        finally:
            await response.aclose()


def _learned(quirks: Quirks, status: int, refusal: bytes | object, body: Mapping[str, Any]) -> Quirks | None:
    """What a refusal teaches of the model."""
    payload = refusal
    if isinstance(refusal, bytes):
        try:
            payload = parse_json(refusal)
        except ValueError:
            payload = {"message": refusal.decode("utf-8", "replace")}
    error = error_of(payload)
    words = " ".join((message_of(error), str(error.get("code") or ""), str(error.get("param") or "")))
    return quirks.learned(status, error, words[:20_000], body)


def _no_list(teller: Teller, headers: Mapping[str, str], body: bytes) -> Failed:
    if looks_like_html(body[:1000].decode("utf-8", "replace"), headers.get("content-type", "")):
        return teller.page()
    message = f"{teller.title} sent something that is not a list of models. Check {teller.setting}."
    return Failed(FailureKind.MALFORMED, message)


def _headers(own: Mapping[str, str], key: str | None) -> dict[str, str]:
    """Raises ``ValueError`` with a sentence for what HTTP cannot carry."""
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "Its key has characters that keys do not have. Copy the key again, without spaces or line ends."
        )
    for name, value in own.items():
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ValueError(f"The header “{name}” in config.toml has a name that HTTP does not allow.")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"The header “{name}” in config.toml has characters that HTTP does not allow.")
    given = {name.lower() for name in own}
    bearer = {"Authorization": f"Bearer {key}"} if key is not None and "authorization" not in given else {}
    return bearer | dict(own)
