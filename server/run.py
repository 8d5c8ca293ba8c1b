"""Life of a server: database, schema and HTTP, from the start to the shutdown.

The server also starts while the database is unreachable: requests are answered 503 until it is back, and the schema is
installed then. Problems that waiting cannot solve raise ServeError.
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
from .setup import ServeError, install, with_database

SWITCH_SECONDS = 0.001
"""Longest time that another thread may block the event loop at a time."""
RETRY_SECONDS = 1.0
"""Interval of checks for an unreachable database, and of whether the embedded one still runs."""

__all__ = ["Announcing", "Ending", "ServeError", "address_of", "migrate_only", "serve"]

log = logging.getLogger("sterna.server")


def migrate_only(settings: ServerSettings) -> None:
    """Install the schema without serving. Raises ServeError."""
    settings = with_database(settings)
    try:
        install(settings)
    except MigrationError as error:
        raise ServeError(str(error)) from error
    except psycopg.OperationalError as error:
        raise ServeError(f"The database does not answer: {_reason(error)}") from error


def serve(settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Serve until a signal; ``announce`` is called with the address when requests are accepted. Raises ServeError."""
    is_embedded = not settings.database_url
    _check_redis(settings)
    settings = with_database(settings)
    secret = ""
    try:
        secret = install(settings)
    except MigrationError as error:
        raise ServeError(str(error)) from error
    except psycopg.OperationalError as error:
        log.warning("the database does not answer yet: %s", _reason(error))
    listening = _listen(settings)
    # a configured secret does not mean that the schema is installed; the application gets it afterwards
    watch = partial(_database_watch, settings, is_embedded, bool(secret))
    app = create_app(replace(settings, jwt_secret=secret), background=watch)
    app.openapi()  # takes half a second, which would delay other requests later
    config = configured(app, settings)
    with listening, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(Announcing(config, announce).serve([listening]))


def configured(app: ASGIApp, settings: ServerSettings) -> uvicorn.Config:
    """Return the configuration of the HTTP server for ``app``."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(settings.connections),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        # uvicorn would trust X-Forwarded-For of local processes; settings.trusted_proxies decides about it instead
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
    )


def bounded_protocol(connections: int) -> type[LimitedProtocol]:
    """Return the protocol class of a server with at most so many connections."""
    return type("BoundedProtocol", (LimitedProtocol,), {"registry": Connections(max_connections(connections))})


class Ending(uvicorn.Server):
    """Server that ends event streams at its shutdown; uvicorn would wait for them as for any request."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more requests, and finish the running ones."""
        if isinstance(self.config.app, Application):
            self.config.app.end_streams()
        await super().shutdown(sockets)


class Announcing(Ending):
    """Server that announces its address when it accepts requests, and ends without an error on a signal."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        garbage_collection.settle()
        sys.setswitchinterval(SWITCH_SECONDS)
        if self.started and sockets:
            self._announce(address_of(sockets[0]))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals: the first one ends the server after its running requests, a second one at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Note a signal. Uvicorn itself ends at once for a second SIGINT only."""
        if self.should_exit:
            self.force_exit = True
            # requests that are cancelled now would log tracebacks
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.should_exit = True


def address_of(listening: socket.socket) -> str:
    """Return the URL of a listening socket for a browser on this computer."""
    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def _check_redis(settings: ServerSettings) -> None:
    """Check the address of Redis before anything is started. Raises ServeError."""
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
        raise ServeError(f"The host name {settings.host} is unknown. Set another one with --host.") from error
    except OSError as error:
        raise ServeError(
            f"Cannot listen on {settings.host} port {settings.port} ({error.strerror}). Another server may use it; set"
            " another port with --port."
        ) from error
    return listening


@asynccontextmanager
async def _database_watch(
    settings: ServerSettings, is_embedded: bool, has_schema: bool, use: Callable[[str], None]
) -> AsyncIterator[None]:
    """Install the schema when the database becomes reachable, and keep the embedded one running, in the background."""
    task = asyncio.create_task(_watch_database(settings, is_embedded, has_schema, use), name="watch the database")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _watch_database(
    settings: ServerSettings, is_embedded: bool, has_schema: bool, use: Callable[[str], None]
) -> None:
    folder = settings.data_dir / "postgres"
    logged = ""
    while is_embedded or not has_schema:
        await asyncio.sleep(RETRY_SECONDS)
        try:
            if is_embedded and not embedded.is_running(folder):
                log.warning("the embedded PostgreSQL has stopped; it is started again")
                await asyncio.to_thread(embedded.start, folder)
            if not has_schema:
                use(await asyncio.to_thread(install, settings))
                has_schema = True
        except (psycopg.OperationalError, SubprocessError, OSError, embedded.PostgresError, MigrationError) as error:
            if logged != (logged := _reason(error)):  # once, not every second
                log.warning("the database does not serve yet: %s", logged)


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Return whether a database refuses the connection for good, for example because of the password."""
    message = str(error)
    temporary = ("starting up", "shutting down", "recovery", "too many", "remaining connection", "not yet accepting")
    return "FATAL:" in message and not any(phrase in message for phrase in temporary)


def _reason(error: Exception) -> str:
    """Return the last line of the driver's message, which contains the host but never the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if "FATAL:" in line or "failed:" in line), lines[0] if lines else "")
    return reason.rpartition("FATAL:")[2].strip().rstrip(".") or type(error).__name__
