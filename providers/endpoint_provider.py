"""Provider for any server that speaks one of the protocols.

A request for a reply is never repeated once it may have arrived, since it may have been billed. The exceptions: no
connection was made, the server rejected one of the parameters, or it refused the request for now (429, 5xx).
Redirects are not followed: a key must not be sent to an address that its owner did not configure.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sterna.net import Limits, TooLarge, Unreadable, open_client, parse_json, proxy_for, read_body, read_start

from .endpoint import Endpoint, Timeouts
from .error_context import secrets_of
from .error_payloads import looks_like_html
from .events import Done, Event, Failed, FailureKind, Model, ParametersOmitted, ProviderError, Request, Waiting
from .failures import FailureReporter
from .model_cache import ModelCache
from .network_errors import network_failure
from .options import Options
from .protocols import protocol_named
from .protocols.wire_protocol import WireProtocol
from .quirks import Quirks
from .reachability import answers
from .reply_parser import ReplyParser
from .reply_reader import read_reply
from .request_body import CONVERSATION_PARAMETERS, encode_body, stream_wanted, without_tools
from .request_headers import request_headers
from .retry_delays import wait_before

if TYPE_CHECKING:
    import httpx

    from .downloads import Progress

MAX_ERROR = 256 * 1024
"""Bytes of an error's body that are read."""
MAX_LIST = 16 * 1024 * 1024
"""Most bytes of a list of models."""
MAX_DETAILS = 100
"""Models of a list that are asked for one by one."""
MAX_ATTEMPTS = 6
"""Requests for one reply, each without a parameter that the previous one was rejected for."""
RETRIED = (FailureKind.NETWORK,)
"""Failed connections that are tried again at once; a refusal, an unknown name or a bad certificate would not change."""


def utc_now() -> datetime:
    """Return the current time, for dates in ``Retry-After``."""
    return datetime.now(UTC)


class _Call(NamedTuple):
    """Client, headers with the key, and failure reporter of a request."""

    client: httpx.AsyncClient
    model: str
    headers: Mapping[str, str]
    reporter: FailureReporter
    options: Options
    protocol: WireProtocol


class EndpointProvider:
    """Endpoint as a :class:`Provider`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], datetime] = utc_now,
        cache: ModelCache | None = None,
        retries: int = 0,
    ) -> None:
        """Create a provider. ``retries``: how often a request is repeated that was refused for now."""
        self.name = endpoint.name
        self.endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._transport = transport
        self._clock = clock
        self._cache = cache or ModelCache()
        self._retries = retries
        self._client: httpx.AsyncClient | None = None
        self._proxy = ""
        self._client_lock = asyncio.Lock()
        self._toolless: set[str] = set()
        """Models that refused tools; unlike other quirks this often is an option of the server, so it is not kept."""

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one reply. A request without a model uses the first in the list."""
        try:
            if not request.model:
                request = request._replace(model=await self._first_model())
            call = await self._call(request.model)
        except ProviderError as error:
            yield error.failure
            return
        saved = quirks = self._cache.quirks(self._cache_key, request.model)
        if request.tools and (request.model in self._toolless or "tools" in (*quirks.omit, *call.options.omit)):
            request = without_tools(request)
            yield ParametersOmitted(("tools",))
        repeated = 0
        for is_last in (False,) * (MAX_ATTEMPTS + self._retries) + (True,):
            body = call.protocol.body(request, call.options, quirks)
            parser = ReplyParser(thinks_first=quirks.thinks_first, offered=[tool.name for tool in request.tools])
            stream = stream_wanted(call.options, quirks)
            async with aclosing(self._attempt(call, body, parser, stream=stream)) as events:
                rejection = None
                async for event in events:
                    is_rejection = isinstance(event, Failed) and parser.rejection is not None and not parser.began
                    if isinstance(event, Failed) and is_rejection and not is_last:
                        rejection = event
                        break
                    if quirks != saved:
                        self._cache.save_quirks(self._cache_key, request.model, quirks)
                        if new := _omitted(call.protocol, request, quirks, saved):
                            yield ParametersOmitted(new)
                        saved = quirks
                    if isinstance(event, Done) and parser.answered and parser.thinks_first != quirks.thinks_first:
                        # before the event: many readers stop at the end of the reply
                        saved = quirks = quirks._replace(thinks_first=parser.thinks_first)
                        self._cache.save_quirks(self._cache_key, request.model, quirks)
                    yield event
            if rejection is None:
                break
            status, payload = parser.rejection or (0, {})
            from .parameter_rejections import updated_quirks  # patterns, which a reply without an error does not need

            updated = updated_quirks(quirks, status, payload, body)
            if request.tools and updated is not None and "tools" in updated.omit:
                self._toolless.add(request.model)
                request = without_tools(request)
                yield ParametersOmitted(("tools",))
                continue
            if updated is None and repeated < self._retries:
                repeated += 1
                if (seconds := wait_before(repeated, status, rejection)) is not None:
                    yield Waiting(seconds, rejection.message)
                    await asyncio.sleep(seconds)
                    continue
            if updated is None:
                if rejection.limit is not None:
                    self._cache.save_context_length(self._cache_key, request.model, rejection.limit)
                yield rejection
                return
            quirks = updated

    async def _attempt(
        self, call: _Call, body: Mapping[str, Any], parser: ReplyParser, *, stream: bool
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of one request. A rejection, as a status or as the first event, is set in ``parser``."""
        try:
            path = call.protocol.reply_path(call.model, stream=stream)
            response = await self._send(call, path, encode_body(body))
        except ProviderError as error:
            yield error.failure
            return
        try:
            if not 200 <= response.status_code < 300:
                content = await read_start(response, MAX_ERROR)
                parser.rejection = (response.status_code, content)
                yield call.reporter.status(response.status_code, response.headers, content)
                return
            reading = read_reply(response, call.reporter, self._timeouts, parser, call.protocol)
            async with aclosing(reading) as events:
                async for event in events:
                    yield event
        finally:
            await response.aclose()

    @property
    def _cache_key(self) -> str:
        return self.endpoint.url

    async def models(self) -> list[Model]:
        """Return the models that chat. Raises :class:`ProviderError`."""
        if self.endpoint.models:
            return [
                Model(self.name, model, context_length=self.endpoint.context_length_for(model))
                for model in self.endpoint.models
            ]
        call = await self._call("")
        try:
            async with asyncio.timeout(self._timeouts.listing):
                code, headers, body = await self._get(call, call.protocol.list_path)
        except TimeoutError:
            limit = f"{self._timeouts.listing:g} s"
            message = f"{call.reporter.title} did not list its models within {limit}. Check that it runs, then refresh."
            raise ProviderError(Failed(FailureKind.TIMEOUT, message, unreached=True)) from None
        if not 200 <= code < 300:
            raise ProviderError(call.reporter.status(code, headers, body))
        try:
            payload = parse_json(body)
        except ValueError:
            raise ProviderError(_not_a_list(call.reporter, headers, body)) from None
        models = call.protocol.models(self.endpoint, payload)
        if models is None:
            is_error = isinstance(payload, Mapping) and (payload.get("error") or payload.get("detail"))
            raise ProviderError(call.reporter.error(payload) if is_error else _not_a_list(call.reporter, headers, body))
        models = await self._with_details(call, models)
        self._cache.save_list(self._cache_key, models)
        lengths = {model.id: self.endpoint.context_length_for(model.id) for model in models}
        return [replace(model, context_length=lengths[model.id] or model.context_length) for model in models]

    async def _with_details(self, call: _Call, models: list[Model]) -> list[Model]:
        """Return the models with what one more request for each says, where there is such a request and a response."""
        requests = [call.protocol.details(model) for model in models[:MAX_DETAILS]]
        if not any(requests):
            return models

        described = {model.id: model for model in models}

        async def describe(model: Model, path: str, body: Mapping[str, Any]) -> None:
            with suppress(ProviderError, ValueError):
                code, _, content = await self._get(call, path, body)
                if code == 200 and isinstance(payload := parse_json(content), Mapping):
                    described[model.id] = call.protocol.with_details(model, payload)

        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeouts.listing), asyncio.TaskGroup() as tasks:
                for model, request in zip(models, requests, strict=False):
                    if request is not None:
                        tasks.create_task(describe(model, *request))
        return list(described.values())

    async def embeddings(self, model: str, texts: Sequence[str]) -> object:
        """Return the JSON of the vectors of some texts, unchecked. Raises :class:`ProviderError`."""
        call = await self._call(model)
        if not (path := call.protocol.embeddings_path):
            message = f"{call.reporter.title} offers no embeddings. Name a model of another provider."
            raise ProviderError(Failed(FailureKind.UNCONFIGURED, message))
        body = {"model": model, "input": list(texts), "encoding_format": "float"}
        try:
            async with asyncio.timeout(self._timeouts.head):
                code, headers, content = await self._get(call, path, body)
        except TimeoutError:
            message = f"{call.reporter.title} did not answer within {self._timeouts.head:g} s."
            raise ProviderError(Failed(FailureKind.TIMEOUT, message)) from None
        if not 200 <= code < 300:
            raise ProviderError(call.reporter.status(code, headers, content))
        try:
            return parse_json(content)
        except ValueError:
            raise ProviderError(call.reporter.malformed(content[:200].decode("utf-8", "replace"))) from None

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Yield how far the server is with downloading a model, until it has it. Raises :class:`ProviderError`."""
        from .downloads import pull_model

        call = await self._call(model)
        url = _address(self.endpoint, call.protocol, call.protocol.pull_path)
        pulling = pull_model(call.client, url, call.headers, model, reporter=call.reporter, timeouts=self._timeouts)
        async with aclosing(pulling) as steps:
            async for progress in steps:
                yield progress

    async def prepare(self) -> None:
        """Do what the first request would wait for, except to connect; its errors are those of the request."""
        with suppress(ValueError, OSError, ImportError):
            await self._connected()

    async def is_reachable(self) -> bool:
        """Return whether the server answers; settings that allow no request are the request's error."""
        try:
            client = await self._connected()
            protocol = protocol_named(self.endpoint.protocol, self.endpoint.host)
            return await answers(client, _address(self.endpoint, protocol, ""), proxied=bool(self._proxy))
        except (ValueError, OSError, ImportError):
            return True

    async def aclose(self) -> None:
        """Close all connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _first_model(self) -> str:
        models = await self.models()
        if models:
            return models[0].id
        advice = "Download one, as in “ollama pull llama3.2”" if self.endpoint.port == 11434 else "Load one there"
        message = f"{self.endpoint.title} has no model yet. {advice}, then retry."
        raise ProviderError(Failed(FailureKind.NOT_FOUND, message))

    async def _call(self, model: str) -> _Call:
        """Return everything for a request. Raises :class:`ProviderError` for settings that allow none."""
        options = self.endpoint.options_for(model)
        without_key = FailureReporter(
            self.endpoint, model, (*self.endpoint.headers.values(), *options.headers.values()), self._clock
        )
        try:
            self.endpoint.address()
            key = await asyncio.to_thread(self.endpoint.key)
            key = (key or "").strip() or None
            protocol = protocol_named(self.endpoint.protocol, self.endpoint.host)
            headers = request_headers({**self.endpoint.headers, **options.headers}, key, protocol)
            client = await self._connected()
            secrets = (*secrets_of(self.endpoint, key), *filter(None, options.headers.values()))
            reporter = FailureReporter(self.endpoint, model, secrets, self._clock, self._proxy)
        except (ValueError, OSError, ImportError) as error:
            raise ProviderError(without_key.unusable(str(error))) from None
        return _Call(client, model, headers, reporter, options, protocol)

    async def _connected(self) -> httpx.AsyncClient:
        """Return the client, created in a thread: importing httpx and reading certificates take longer than a frame."""
        async with self._client_lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open_client)
            return self._client

    def _open_client(self) -> httpx.AsyncClient:
        url = self.endpoint.address()
        # this computer is reached directly
        proxy = None if self.endpoint.local or self._transport is not None else proxy_for(url)
        self._proxy = proxy.shown if proxy is not None else ""
        timeouts = self._timeouts
        limits = Limits(connect=timeouts.connect, read=timeouts.read, write=timeouts.write)
        return open_client(url, limits=limits, proxy=proxy, transport=self._transport)

    async def _send(self, call: _Call, path: str, body: bytes) -> httpx.Response:
        import httpx

        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",  # a compressed stream may be delayed until a block is full
        }
        for is_last in (False, True):
            try:
                request = call.client.build_request(
                    "POST",
                    _address(self.endpoint, call.protocol, path),
                    headers={**headers, **call.headers},
                    content=body,
                )
                async with asyncio.timeout(self._timeouts.head):
                    return await call.client.send(request, stream=True)
            except TimeoutError:  # interim responses without end, or a byte now and then
                raise ProviderError(network_failure(httpx.ReadTimeout(""), call.reporter, self._timeouts)) from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = network_failure(error, call.reporter, self._timeouts)
                if is_last or not isinstance(error, httpx.ConnectError) or failure.kind not in RETRIED:
                    raise ProviderError(failure) from None
        raise AssertionError("unreachable")

    async def _get(
        self, call: _Call, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of a request that is not for a reply; with a body it is a POST."""
        import httpx

        try:
            request = call.client.build_request(
                "GET" if body is None else "POST",
                _address(self.endpoint, call.protocol, path),
                headers=call.headers,
                json=body,
            )
            response = await call.client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderError(network_failure(error, call.reporter, self._timeouts)) from None
        try:
            if not 200 <= response.status_code < 300:
                return response.status_code, response.headers, await read_start(response, MAX_ERROR)
            return response.status_code, response.headers, await read_body(response, MAX_LIST)
        except httpx.HTTPError as error:
            raise ProviderError(network_failure(error, call.reporter, self._timeouts, opened=True)) from None
        except (TooLarge, Unreadable):
            raise ProviderError(_not_a_list(call.reporter, response.headers, b"")) from None
        finally:
            await response.aclose()


def _not_a_list(reporter: FailureReporter, headers: Mapping[str, str], body: bytes) -> Failed:
    if looks_like_html(body[:1000].decode("utf-8", "replace"), headers.get("content-type", "")):
        return reporter.page()
    message = f"{reporter.title} sent something that is not a list of models. Check {reporter.setting}."
    return Failed(FailureKind.MALFORMED, message)


def _address(endpoint: Endpoint, protocol: WireProtocol, path: str) -> str:
    return endpoint.address(path, default_path=protocol.default_path, dropped=protocol.dropped)


def _omitted(protocol: WireProtocol, request: Request, quirks: Quirks, saved: Quirks) -> tuple[str, ...]:
    """Return the parameters of a person that are left out since ``saved``."""
    left_out = [protocol.renamed.get(name, name) for name in quirks.omit if name not in saved.omit]
    return tuple(name for name in (*CONVERSATION_PARAMETERS, *request.parameters) if name in left_out)
