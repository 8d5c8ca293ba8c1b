"""The steps of the protocol driven over a real network and a real store.

A request goes to the one origin that the account is bound to, with that origin's credentials, and a redirect is an
answer like any other: followed, it would carry the history to wherever a network's sign-in page likes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sterna.net import TooLarge, Unreadable, accept_encoding, read_body, request_errors
from sterna.storage import StoreError

from ..clock import Timing
from ..errors import SIGN_IN_AGAIN, CannotReach, SignInNeeded
from ..protocol.effects import Ahead, Answer, Http, Now, Point, Reason, Step, Tx, Unreachable
from .client import CONNECT, READ, WRITE, open_client, silence_logging
from .errors import unreachable
from .server_address import Server

if TYPE_CHECKING:
    import httpx

    from sterna.storage import StoreThread

    from ..auth.token_session import TokenSession

T = TypeVar("T")

log = logging.getLogger("sterna.sync")

LARGEST = 32 * 1024 * 1024
"""Bytes of an unpacked answer: a page is a megabyte, or one message, and that can be escaped in full."""
LIMIT = 180.0
"""Seconds for one request, however slowly its answer drips; a request that waits for news has its wait on top."""
LONG_BODY = 64 * 1024
"""An answer from this size on is read in a thread, for it takes longer than a key should wait."""


class Auth(Protocol):
    """Who vouches for the requests. Methods raise :class:`SignInNeeded`, or :class:`CannotReach`."""

    async def headers(self) -> Mapping[str, str]:
        """What a request carries."""
        ...

    async def renewed(self) -> Mapping[str, str]:
        """The same anew, after the server has refused what it was given."""
        ...

    async def heard(self, set_cookies: Sequence[str], now: float) -> bool:
        """An answer set these; False when that ended the sign-in."""
        ...


class Bearer:
    """A token in a header, as a Sterna server takes it. Cookies of an answer are nobody's."""

    def __init__(self, session: TokenSession) -> None:
        self._session = session

    async def headers(self) -> Mapping[str, str]:
        """See :class:`Auth`."""
        return {"authorization": f"Bearer {await self._session.token()}"}

    async def renewed(self) -> Mapping[str, str]:
        """See :class:`Auth`."""
        return {"authorization": f"Bearer {await self._session.refresh()}"}

    async def heard(self, set_cookies: Sequence[str], now: float) -> bool:
        """See :class:`Auth`."""
        return True


class Transport:
    """The connection to one server. httpx is loaded with the first request, in a thread."""

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

    async def send(self, step: Http) -> Answer:
        """The answer. Raises :class:`Unreachable` where none came, and :class:`SignInNeeded`.

        What is refused with 401 is said once more with a new token; a second 401 is an answer.
        """
        answer = await self._once(step, await self._vouched(self._auth.headers))
        if answer.status == 401:
            answer = await self._once(step, await self._vouched(self._auth.renewed))
        return answer

    async def close(self) -> None:
        """End every connection; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def streaming(
        self, path: str, headers: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """An answer that goes on: its head (without a body), and its bytes as they come.

        Raises as :meth:`send` does, and ``Unreachable("timeout")`` after ``silence`` seconds without a byte.
        """
        response = await self._begun(path, headers, silence, await self._vouched(self._auth.headers))
        try:
            if response.status_code == 401:
                await response.aclose()
                response = await self._begun(path, headers, silence, await self._vouched(self._auth.renewed))
            content = self._content(response)
            try:
                yield Answer(response.status_code, lowered(response), b""), content
            finally:
                await content.aclose()
        finally:
            await response.aclose()

    async def _begun(
        self, path: str, headers: Mapping[str, str], silence: float, credentials: Mapping[str, str]
    ) -> httpx.Response:
        step = Http("GET", path, {}, {"accept-encoding": "identity", **headers}, None, silence)
        client = await self._opened()
        async with self._named(client):
            response = await self._timing.limited(
                client.send(self._request(client, step, credentials, read=silence), stream=True), LIMIT
            )
            await self._listen(response)
        return response

    async def _content(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        async with self._named():
            async for some in response.aiter_raw():
                yield some

    async def _once(self, step: Http, credentials: Mapping[str, str]) -> Answer:
        client = await self._opened()
        async with self._named(client):
            return await self._timing.limited(self._exchange(client, step, credentials), LIMIT + step.wait)

    async def _exchange(self, client: httpx.AsyncClient, step: Http, credentials: Mapping[str, str]) -> Answer:
        read = READ + step.wait
        response = await client.send(self._request(client, step, credentials, read=read), stream=True)
        try:
            await self._listen(response)
            return Answer(response.status_code, lowered(response), await read_body(response, self._largest))
        finally:
            await response.aclose()

    def _request(
        self, client: httpx.AsyncClient, step: Http, credentials: Mapping[str, str], *, read: float
    ) -> httpx.Request:
        if not step.path.startswith("/"):
            raise ValueError("a path under the server's address begins with /")
        return client.build_request(
            step.method,
            self.server.url(step.path),
            params=dict(step.query) or None,
            headers={"accept": "application/json", "accept-encoding": accept_encoding(), **step.headers, **credentials},
            content=step.body,
            timeout=(CONNECT, read, WRITE, CONNECT),
        )

    async def _vouched(self, ask: Callable[[], Awaitable[Mapping[str, str]]]) -> Mapping[str, str]:
        try:
            return await ask()
        except CannotReach as error:
            raise Unreachable(_reason(error), str(error)) from None

    async def _listen(self, response: httpx.Response) -> None:
        """What an answer's head says to whoever vouches."""
        if not await self._auth.heard(response.headers.get_list("set-cookie"), self._timing.clock()):
            raise SignInNeeded(f"{self.server.host} has ended the sign-in. {SIGN_IN_AGAIN}")

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                silence_logging()
                # importing it and reading the certificates takes a fifth of a second, and a key does not wait for that
                try:
                    self._client = await asyncio.to_thread(self._opener, self.server)
                except CannotReach as error:
                    raise Unreachable(_reason(error), str(error)) from None
                self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
            return self._client

    @asynccontextmanager
    async def _named(self, client: httpx.AsyncClient | None = None) -> AsyncIterator[None]:
        """Translate errors of the network to :class:`Unreachable`."""
        try:
            yield
        except (TooLarge, Unreadable) as error:
            log.warning("an answer was not read: %s", type(error).__name__)
            raise Unreachable("network") from None
        except RuntimeError:
            if client is None or not client.is_closed:
                raise
            raise Unreachable("network") from None  # closed at this very moment
        except request_errors() as error:
            found = unreachable(self.server, error)
            log.info("no answer: %s (%s)", found.reason, type(error).__name__)
            raise Unreachable(_reason(found), str(found)) from None  # the text of httpx's errors may quote a header


def _reason(error: CannotReach) -> Reason:
    return error.reason if error.reason in ("timeout", "tls") else "network"


def lowered(response: httpx.Response) -> dict[str, str]:
    """Its headers, without what only :class:`Auth` may know."""
    return {name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"}


async def drive(
    work: Generator[Step, Any, T],
    transport: Transport,
    store: StoreThread,
    *,
    timing: Timing,
    seen: Callable[[Step, Any], None] | None = None,
) -> T:
    """Do the steps of ``work`` and give what it returns. ``seen`` is told of each and of what came of it."""
    came: Any = None
    thrown: BaseException | None = None
    requests = Requests(transport)
    try:
        while True:
            ended, value = await _further(work, came, thrown)
            if ended:
                result: T = value
                return result
            came, thrown = None, None
            try:
                came = await _done(value, requests, store, timing)
            except (Unreachable, StoreError, ValueError) as error:
                thrown = error
            if seen is not None and thrown is None:
                seen(value, came)
    finally:
        work.close()
        await requests.forget()


class Requests:
    """Requests, of which one may be on its way before it is asked for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._request: Http | None = None
        self._answer: asyncio.Task[Answer] | None = None

    async def ahead(self, request: Http) -> None:
        """Send it already."""
        await self.forget()
        self._request, self._answer = request, asyncio.create_task(self._transport.send(request), name="sync.ahead")

    async def answer(self, request: Http) -> Answer:
        """What it is answered. Raises Unreachable."""
        if request == self._request and self._answer is not None:
            answer, self._request, self._answer = self._answer, None, None
            return await answer
        await self.forget()
        return await self._transport.send(request)

    async def forget(self) -> None:
        """Nobody asks for that answer any more."""
        answer, self._request, self._answer = self._answer, None, None
        if answer is not None:
            answer.cancel()
            await asyncio.wait((answer,))
            if not answer.cancelled():
                answer.exception()


async def _done(step: Step, requests: Requests, store: StoreThread, timing: Timing) -> Any:
    match step:
        case Http():
            return await requests.answer(step)
        case Ahead():
            await requests.ahead(step.request)
            return None
        case Tx():
            return await store.run(step.method, *step.args, **step.kwargs)
        case Now():
            return timing.now_ms()
        case Point():
            return None


async def _further(work: Generator[Step, Any, T], came: Any, thrown: BaseException | None) -> tuple[bool, Any]:
    """Let ``work`` go on to its next step: (False, step), or (True, what it returned)."""

    def go_on() -> tuple[bool, Any]:
        try:
            return False, work.throw(thrown) if thrown is not None else work.send(came)
        except StopIteration as stop:
            return True, stop.value

    if isinstance(came, Answer) and len(came.body) >= LONG_BODY:
        return await asyncio.to_thread(go_on)
    return go_on()
