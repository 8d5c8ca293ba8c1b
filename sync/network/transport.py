"""HTTP connection to one server.

Requests go to the origin that the account is bound to, with the credentials of that origin. Redirects are not followed:
one of a network's sign-in page would carry the history to another host.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Protocol

from sterna.net import TooLarge, Unreadable, accept_encoding, read_body, request_errors

from ..clock import Timing
from ..errors import SIGN_IN_AGAIN, CannotReach, SignInNeeded
from ..protocol.effects import Reason, Request, Response, Unreachable
from .client import CONNECT, READ, WRITE, open_client, silence_logging
from .errors import unreachable
from .server_address import Server

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("sterna.sync")

LARGEST = 32 * 1024 * 1024
"""Most bytes of a decompressed response: a page has a megabyte or one message, all of which may be escaped."""
LIMIT = 180.0
"""Seconds for one request, however slowly its response arrives; the wait of a long poll is added."""


class Auth(Protocol):
    """Credentials of requests. Methods raise :class:`SignInNeeded`, or :class:`CannotReach`."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers of a request."""
        ...

    async def renew(self) -> Mapping[str, str]:
        """Return new headers after a 401."""
        ...

    async def store_cookies(self, set_cookies: Sequence[str], now: float) -> bool:
        """Store cookies of a response. Return False when they ended the sign-in."""
        ...


class Transport:
    """Connection to one server. httpx is loaded in a thread with the first request."""

    def __init__(
        self,
        server: Server,
        auth: Auth,
        *,
        timing: Timing | None = None,
        opener: Callable[[Server], httpx.AsyncClient] = open_client,
        largest: int = LARGEST,
    ) -> None:
        self.server = server
        self._auth = auth
        self._timing = timing or Timing()
        self._opener = opener
        self._largest = largest
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def send(self, step: Request) -> Response:
        """Return the response. Raises :class:`Unreachable` and :class:`SignInNeeded`.

        After a 401 the request is repeated once with new credentials; a second 401 is returned.
        """
        answer = await self._attempt(step, await self._credentials(self._auth.headers))
        if answer.status == 401:
            answer = await self._attempt(step, await self._credentials(self._auth.renew))
        return answer

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def streaming(
        self, path: str, headers: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """Open a streaming response. Yield it without a body, and its bytes as they arrive.

        Raises as :meth:`send` does, and ``Unreachable("timeout")`` after ``silence`` seconds without a byte.
        """
        response = await self._open_stream(path, headers, silence, await self._credentials(self._auth.headers))
        try:
            if response.status_code == 401:
                await response.aclose()
                response = await self._open_stream(path, headers, silence, await self._credentials(self._auth.renew))
            content = self._content(response)
            try:
                yield Response(response.status_code, lowered(response), b""), content
            finally:
                await content.aclose()
        finally:
            await response.aclose()

    async def _open_stream(
        self, path: str, headers: Mapping[str, str], silence: float, credentials: Mapping[str, str]
    ) -> httpx.Response:
        step = Request("GET", path, {}, {"accept-encoding": "identity", **headers}, None, silence)
        client = await self._opened()
        async with self._translated_errors(client):
            response = await self._timing.limited(
                client.send(self._request(client, step, credentials, read=silence), stream=True), LIMIT
            )
            await self._store_cookies(response)
        return response

    async def _content(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        async with self._translated_errors():
            async for chunk in response.aiter_raw():
                yield chunk

    async def _attempt(self, step: Request, credentials: Mapping[str, str]) -> Response:
        client = await self._opened()
        async with self._translated_errors(client):
            return await self._timing.limited(self._exchange(client, step, credentials), LIMIT + step.wait)

    async def _exchange(self, client: httpx.AsyncClient, step: Request, credentials: Mapping[str, str]) -> Response:
        read = READ + step.wait
        response = await client.send(self._request(client, step, credentials, read=read), stream=True)
        try:
            await self._store_cookies(response)
            return Response(
                response.status_code, lowered(response), await read_body(response, max(self._largest, step.largest))
            )
        finally:
            await response.aclose()

    def _request(
        self, client: httpx.AsyncClient, step: Request, credentials: Mapping[str, str], *, read: float
    ) -> httpx.Request:
        if not step.path.startswith("/"):
            raise ValueError("a path has to begin with /")
        return client.build_request(
            step.method,
            self.server.url(step.path),
            params=dict(step.query) or None,
            headers={"accept": "application/json", "accept-encoding": accept_encoding(), **step.headers, **credentials},
            content=step.body,
            timeout=(CONNECT, read, WRITE, CONNECT),
        )

    async def _credentials(self, ask: Callable[[], Awaitable[Mapping[str, str]]]) -> Mapping[str, str]:
        try:
            return await ask()
        except CannotReach as error:
            raise Unreachable(_reason(error), str(error)) from None

    async def _store_cookies(self, response: httpx.Response) -> None:
        if not await self._auth.store_cookies(response.headers.get_list("set-cookie"), self._timing.clock()):
            raise SignInNeeded(f"{self.server.host} has ended the sign-in. {SIGN_IN_AGAIN}")

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                silence_logging()
                # importing httpx and reading the certificates takes a fifth of a second, too long for the event loop
                try:
                    self._client = await asyncio.to_thread(self._opener, self.server)
                except CannotReach as error:
                    raise Unreachable(_reason(error), str(error)) from None
                self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
            return self._client

    @asynccontextmanager
    async def _translated_errors(self, client: httpx.AsyncClient | None = None) -> AsyncIterator[None]:
        """Translate errors of the network to :class:`Unreachable`."""
        try:
            yield
        except (TooLarge, Unreadable) as error:
            log.warning("an answer was not read: %s", type(error).__name__)
            kind = "is too large" if isinstance(error, TooLarge) else "cannot be decompressed"
            raise Unreachable("network", f"The response of {self.server.host} {kind}.") from None
        except RuntimeError:
            if client is None or not client.is_closed:
                raise
            raise Unreachable("network") from None  # closed while the request was sent
        except request_errors() as error:
            failure = unreachable(self.server, error)
            log.info("no answer: %s (%s)", failure.reason, type(error).__name__)
            raise Unreachable(_reason(failure), str(failure)) from None  # the text of httpx's errors may quote a header


def _reason(error: CannotReach) -> Reason:
    return error.reason if error.reason in ("timeout", "tls") else "network"


def lowered(response: httpx.Response) -> dict[str, str]:
    """Return the headers by lower-case names, without the cookies, which only :class:`Auth` may see."""
    return {name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"}
