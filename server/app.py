"""The application: services, middleware, routes and error responses."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from traceback import format_tb
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from . import dependencies
from .auth.mail import Mailer
from .auth.passwords import Passwords
from .auth.reauthentication import Reauthentication
from .auth.recovery import Recovery
from .auth.service import SignIn
from .auth.tokens import Tokens
from .clock import Clock, utc_now
from .database.cache import Cache
from .database.pool import Database
from .errors import STATUS, ApiError
from .http.body_limits import BodyLimits
from .http.deadlines import Deadlines
from .http.hosts import HostCheck
from .http.methods import allowed, answer_head, with_cors
from .http.observability import Metrics, Observability
from .http.rate_limits import RateLimits
from .http.shared_rate_limits import SharedWindows
from .identity import Caller
from .meaning.vectors import Vectors
from .openapi import describe
from .relay.quota import Quota
from .relay.upstream import Relay
from .rest.errors import shaped
from .routes import ROUTERS
from .services import Services
from .settings import ServerSettings
from .sync.change_notifier import ChangeNotifier
from .sync.retention import running_retention

log = logging.getLogger("sterna.server")

HTTP_CODES = {status: code for code, status in reversed(list(STATUS.items()))}

Background = Callable[[Callable[[str], None]], AbstractAsyncContextManager[None]]


def create_app(settings: ServerSettings, *, clock: Clock = utc_now, background: Background | None = None) -> FastAPI:
    """Return the application for ``settings.database_url``, whose schema is installed, or will be by ``background``.

    ``background`` is entered while the application runs. It gets a function to call with the secret that signs tokens
    as soon as the schema is installed. Until then, if the settings have no secret, requests that need the database are
    answered 503.
    """
    tokens = Tokens(settings, settings.jwt_secret, clock)
    database = Database(
        settings.database_url, server_url=settings.server_url, size=settings.pool_size, wait=settings.pool_seconds
    )
    database.has_schema = background is None or bool(settings.jwt_secret)
    relay = Relay(settings.upstream, Cache(database, clock))
    passwords = Passwords(settings.argon2_memory_kib)
    sign_in = SignIn(settings, database, tokens, passwords, clock)
    change_notifier = ChangeNotifier(database)
    mailer = Mailer(settings.smtp_url, settings.mail_from)
    vectors = Vectors(database, settings.meaning_model)
    shared = SharedWindows(database, lambda: clock().timestamp(), tokens.pseudonym)

    def installed(secret: str) -> None:
        tokens.use(secret)
        database.has_schema = True

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await database.open()
            stack.push_async_callback(database.close)
            stack.push_async_callback(relay.aclose)
            stack.push_async_callback(change_notifier.close)
            stack.push_async_callback(mailer.aclose)
            stack.push_async_callback(shared.close)
            await stack.enter_async_context(running_retention(database, settings.retention_delay_seconds))
            await stack.enter_async_context(vectors.running())
            if background is not None:
                await stack.enter_async_context(background(installed))
            yield

    metrics = Metrics()
    app = Application(
        title="Sterna",
        version=version("sterna"),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = Services(
        settings,
        database,
        tokens,
        RateLimits(settings, clock, metrics.refused, shared if settings.shared_rate_limits else None),
        sign_in,
        Reauthentication(database, sign_in, clock),
        Recovery(settings.public_url, database, passwords, mailer, clock),
        mailer,
        relay,
        Quota(database, settings.upstream.default_model, clock),
        change_notifier,
        vectors,
        clock,
        metrics,
    )
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _internal_error)
    for router in ROUTERS:
        app.include_router(router)
    services: Services = app.state.services

    async def owner(scope: Scope) -> UUID | None:
        return await dependencies.owner(Request(scope), services)

    async def count(scope: Scope) -> None:
        await services.limits.count(Request(scope), Caller(), "auth")

    app.add_middleware(BodyLimits, settings=settings, owner=owner, count=count)
    answering = with_cors(Deadlines(app.answer), settings.cors_origins)
    app.outermost = Observability(HostCheck(answering, settings), metrics, lambda: clock().timestamp())
    describe(app)
    return app


class Application(FastAPI):
    """FastAPI inside the middleware that observes every request, including responses to internal errors."""

    outermost: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request, or the lifespan of the application."""
        await self.outermost(scope, receive, send)

    def end_streams(self) -> None:
        """End all event streams."""
        services: Services = self.state.services
        services.change_notifier.end()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request without observing it."""
        await answer_head(super().__call__, scope, receive, send)


def _response(error: ApiError, request: Request) -> JSONResponse:
    shaped_error = shaped(error, request.url.path)
    headers = dict(error.headers) if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse(shaped_error.body(), shaped_error.status, headers)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _response(error, request)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
    details = f"{location}: {first['msg']}" if location else str(first["msg"])
    return _response(ApiError("bad_request", "The request is not valid for this endpoint.", details=details), request)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = HTTP_CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal_server_error")
    response = _response(ApiError(code, str(error.detail)), request)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(allowed(request.app, request.url.path))
    return response


async def _internal_error(request: Request, error: Exception) -> JSONResponse:
    # the place and type only: the message of an error may quote private text
    trace = "".join(format_tb(error.__traceback__))
    log.error(
        "internal error: %s", type(error).__name__, extra={"details": {"id": request.scope["sterna.id"], "at": trace}}
    )
    return _response(ApiError("internal_server_error", "An internal error occurred."), request)
