"""A server from start to end: PostgreSQL found or started, the schema in it, HTTP in front, and all of it put away.

A database that is away is no reason not to start: requests are answered 503 until it comes, and the schema is
installed then. What cannot come right by waiting is a ServeError, with a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from subprocess import SubprocessError

import psycopg
import uvicorn
from starlette.types import ASGIApp

from . import garbage_collection
from .app import Application, create_app
from .database import embedded
from .database.migrations import MigrationError
from .http.connections import Connections, max_connections
from .http.header_limits import LimitedProtocol
from .http.rate_limit_store import redis_storage
from .settings import ServerSettings
from .setup import ServeError, found, install

SWITCH_SECONDS = 0.001
"""How long a thread that works beside the event loop may keep it waiting at once."""
RETRY_SECONDS = 1.0
"""Between looks at a database that is away, and at whether the embedded one still runs."""

__all__ = ["Announcing", "Ending", "ServeError", "address_of", "migrate_only", "serve"]

log = logging.getLogger("sterna.server")


def migrate_only(settings: ServerSettings) -> None:
    """Install the schema and nothing else. Raises ServeError."""
    settings = found(settings)
    try:
        install(settings)
    except MigrationError as error:
        raise ServeError(str(error)) from error
    except psycopg.OperationalError as error:
        raise ServeError(f"The database does not answer: {_reason(error)}") from error


def serve(settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Serve until a signal ends it; ``announce`` is told the address once requests are taken. Raises ServeError."""
    is_embedded = not settings.database_url
    _check_redis(settings)
    settings = found(settings)
    secret = ""
    try:
        secret = install(settings)
    except MigrationError as error:
        raise ServeError(str(error)) from error
    except psycopg.OperationalError as error:
        log.warning("the database does not answer yet: %s", _reason(error))
    listening = _listen(settings)
    # a secret that was given says nothing of the schema: the application gets it when the schema is there
    keeping = partial(_kept, settings, is_embedded, bool(secret))
    app = create_app(replace(settings, jwt_secret=secret), background=keeping)
    app.openapi()  # half a second of work, which the first request for it would take from all others
    config = configured(app, settings)
    with listening, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(Announcing(config, announce).serve([listening]))


def configured(app: ASGIApp, settings: ServerSettings) -> uvicorn.Config:
    """``app`` behind HTTP, as this server always runs it."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(settings.connections),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        # it believes X-Forwarded-For of whoever is on this machine; whom to believe is settings.trusted_proxies' to say
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
    )


def bounded_protocol(connections: int) -> type[LimitedProtocol]:
    """Return the protocol of a server that has so many connections at most."""
    return type("BoundedProtocol", (LimitedProtocol,), {"registry": Connections(max_connections(connections))})


class Ending(uvicorn.Server):
    """Ends the streams of those who wait for news when it ends: uvicorn would wait for them as for any request."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, and finish what is in hand."""
        if isinstance(self.config.app, Application):
            self.config.app.end_streams()
        await super().shutdown(sockets)


class Announcing(Ending):
    """Tells its address when it takes requests, and ends without an error when a signal asks it to."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        garbage_collection.settle()
        sys.setswitchinterval(SWITCH_SECONDS)
        if self.started and sockets:
            self._announce(address_of(sockets[0]))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal ends the server when its work is done, a second one at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Uvicorn itself is this impatient for SIGINT only."""
        if self.should_exit:
            self.force_exit = True
            # what is cut off now would complain, with a traceback, of what the person asked for
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.should_exit = True


def address_of(listening: socket.socket) -> str:
    """How a browser on this machine would say it."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _check_redis(settings: ServerSettings) -> None:
    """Before anything is started."""
    try:
        if settings.redis_url:
            redis_storage(settings.redis_url)
    except ValueError as error:
        raise ServeError(str(error)) from error


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except socket.gaierror as error:
        raise ServeError(f"There is no machine called {settings.host} here. Name another with --host.") from error
    except OSError as error:
        raise ServeError(
            f"Nobody can listen on {settings.host} port {settings.port} ({error.strerror}). Is another server there?"
            " Name another port with --port."
        ) from error
    return listening


@asynccontextmanager
async def _kept(
    settings: ServerSettings, is_embedded: bool, has_schema: bool, use: Callable[[str], None]
) -> AsyncIterator[None]:
    """While the server runs: the schema is installed once the database is there, and the embedded one is there."""
    task = asyncio.create_task(_keep(settings, is_embedded, has_schema, use), name="keep the database")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep(settings: ServerSettings, is_embedded: bool, has_schema: bool, use: Callable[[str], None]) -> None:
    folder = settings.data_dir / "postgres"
    told = ""
    while is_embedded or not has_schema:
        await asyncio.sleep(RETRY_SECONDS)
        try:
            if is_embedded and not embedded.is_running(folder):
                log.warning("the embedded PostgreSQL has ended; it is started again")
                await asyncio.to_thread(embedded.start, folder)
            if not has_schema:
                use(await asyncio.to_thread(install, settings))
                has_schema = True
        except (psycopg.OperationalError, SubprocessError, OSError, embedded.PostgresError, MigrationError) as error:
            if told != (told := _reason(error)):  # said once, not every second
                log.warning("the database does not serve yet: %s", told)


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether a database is there and says no, such as to a password; what passes by waiting is no refusal."""
    said = str(error)
    passing = ("starting up", "shutting down", "recovery", "too many", "remaining connection", "not yet accepting")
    return "FATAL:" in said and not any(word in said for word in passing)


def _reason(error: Exception) -> str:
    """The last line of what the driver says, which names the host and never the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "FATAL:" in line or "failed:" in line), lines[0] if lines else "")
    return said.rpartition("FATAL:")[2].strip().rstrip(".") or type(error).__name__
