"""Any OpenAI-compatible server, asked over HTTP.

A request for a reply is never repeated once it may have arrived, for it may have been billed. Two exceptions: the
connection was never made, or the server refused the request for its ``stream_options``. Redirects are not followed: a
key must not travel to an address that its owner did not write down.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import listing
from .endpoint import Endpoint, Timeouts
from .events import Event, Failed, FailureKind, Model, ProviderError, Request
from .failures import Teller, looks_like_html, secrets_of
from .reaching import told
from .reply import read

if TYPE_CHECKING:
    import httpx

LONGEST_ERROR = 256 * 1024
"""Bytes of an error's body that are read."""
LONGEST_LIST = 32 * 1024 * 1024
"""Bytes of a list of models."""
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


class OpenAIProvider:
    """One endpoint as a :class:`Provider`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = endpoint.name
        self.endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._transport = transport
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._building = asyncio.Lock()
        self._counts = True
        """Whether the server takes ``stream_options``, which ask for token counts."""

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Events of one reply; the last is ``Done`` or ``Failed``. A request without a model takes the first listed."""
        try:
            if not request.model:
                request = replace(request, model=await self._any_model())
            call = await self._call(request.model)
            response = await self._post(call, request)
        except ProviderError as error:
            yield error.failure
            return
        try:
            async with aclosing(read(response, call.teller, self._timeouts)) as events:
                async for event in events:
                    yield event
        finally:
            await response.aclose()

    async def models(self) -> list[Model]:
        """The models that chat. Raises :class:`ProviderError`."""
        if self.endpoint.models:
            return [Model(self.name, one, context_length=self.endpoint.context_length) for one in self.endpoint.models]
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
            found = listing.models(self.name, json.loads(body), self.endpoint.context_length)
        except (ValueError, RecursionError):
            found = None
        if found is None:
            raise ProviderError(_no_list(call.teller, headers, body))
        return found

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
        plain_teller = Teller(self.endpoint, model, tuple(self.endpoint.headers.values()), self._clock)
        try:
            self.endpoint.address()
            key = await asyncio.to_thread(self.endpoint.key)
            key = (key or "").strip() or None
            teller = Teller(self.endpoint, model, secrets_of(self.endpoint, key), self._clock)
            headers = _headers(self.endpoint, key)
            client = await self._connected()
        except (ValueError, OSError, ImportError) as error:
            raise ProviderError(plain_teller.unusable(str(error))) from None
        return _Call(client, headers, teller)

    async def _connected(self) -> httpx.AsyncClient:
        """The client, built in a thread: importing httpx and reading certificates takes longer than a frame."""
        async with self._building:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> httpx.AsyncClient:
        import httpx

        for name in ("httpx", "httpcore"):
            # Their logs hold addresses and answers' headers, in either of which a key may be.
            logging.getLogger(name).setLevel(logging.WARNING)
        limits = self._timeouts
        near = self.endpoint.local  # no proxy leads to this machine, and no certificate is needed
        return httpx.AsyncClient(
            transport=self._transport,
            timeout=httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.write, pool=limits.connect),
            headers={"User-Agent": "sterna"},
            follow_redirects=False,
            trust_env=not near,
            verify=not (near and self.endpoint.url.startswith("http:")),
        )

    async def _post(self, call: _Call, request: Request) -> httpx.Response:
        """The open answer of status 200. Raises :class:`ProviderError`."""
        response = await self._send(call, _body(request, counts=self._counts))
        if self._counts and response.status_code in (400, 422):
            refusal = await _limited(response)
            if b"stream_options" not in refusal:
                raise ProviderError(call.teller.status(response.status_code, response.headers, refusal))
            self._counts = False
            response = await self._send(call, _body(request, counts=False))
        if 200 <= response.status_code < 300:
            return response
        raise ProviderError(call.teller.status(response.status_code, response.headers, await _limited(response)))

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
                return await call.client.send(made, stream=True)
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
        body = await _limited(response, LONGEST_LIST)
        return response.status_code, response.headers, body


def _no_list(teller: Teller, headers: Mapping[str, str], body: bytes) -> Failed:
    if looks_like_html(body[:1000].decode("utf-8", "replace"), headers.get("content-type", "")):
        return teller.page()
    message = f"{teller.title} sent something that is not a list of models. Check {teller.setting}."
    return Failed(FailureKind.MALFORMED, message)


def _headers(endpoint: Endpoint, key: str | None) -> dict[str, str]:
    """Raises ``ValueError`` with a sentence for what HTTP cannot carry."""
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "Its key has characters that keys do not have. Copy the key again, without spaces or line ends."
        )
    for name, value in endpoint.headers.items():
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ValueError(f"The header “{name}” in config.toml has a name that HTTP does not allow.")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"The header “{name}” in config.toml has characters that HTTP does not allow.")
    given = {name.lower() for name in endpoint.headers}
    bearer = {"Authorization": f"Bearer {key}"} if key is not None and "authorization" not in given else {}
    return bearer | dict(endpoint.headers)


def _body(request: Request, *, counts: bool) -> bytes:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        "stream": True,
    }
    if counts:
        body["stream_options"] = {"include_usage": True}
    for name in ("temperature", "max_tokens", "reasoning_effort"):
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    # A lone surrogate has no form in UTF-8; it must not keep the rest from being sent.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _limited(response: httpx.Response, limit: int = LONGEST_ERROR) -> bytes:
    """The beginning of a body, as much of it as comes; closes the response."""
    import httpx

    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > limit:
                break
    except httpx.HTTPError:
        pass  # the status says more than how its explanation broke off
    finally:
        await response.aclose()
    return bytes(body[:limit])
