"""JSON bodies of requests, without characters that PostgreSQL cannot store.

A router uses :class:`JsonRoute`::

    router = APIRouter(tags=["sync"], route_class=JsonRoute)
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from sterna.sync.wire import clean_json, is_clean_json

from ..errors import ApiError
from ..http.incremental_json import IncrementalParser, TooManyValues, measure

MAX_DEPTH = 32
MAX_VALUES = 1_000_000
"""Approximate number of values of a body: an empty list has three bytes there, and twenty times as many in memory."""

LARGE = 64 * 1024
"""Bytes from which on a body is parsed in steps, one body at a time."""


def parsed(body: bytes) -> Any:
    """Return the value of a body that is not LARGE.

    NUL is removed, a lone surrogate becomes U+FFFD, and of duplicate keys the last one counts. Raises ApiError for
    invalid JSON and for nesting beyond MAX_DEPTH.
    """
    with _as_api_error(body), _without_gc():
        value = _DECODER.decode(body.decode("utf-8-sig"))
        measure(value, MAX_DEPTH)
    return value if is_clean_json(body) else clean_json(value)


async def parsed_in_steps(body: bytes) -> Any:
    """Return the value of a body of any size, without blocking other requests."""
    with _as_api_error(body):
        clean = _unchanged if is_clean_json(body) else clean_json
        return await IncrementalParser(body.decode("utf-8-sig"), _DECODER, MAX_DEPTH, clean).parse()


def _unchanged(value: Any) -> Any:
    return value


@contextmanager
def _without_gc() -> Iterator[None]:
    """Pause garbage collection, which would repeatedly traverse the values while they are created."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _as_api_error(body: bytes) -> Iterator[None]:
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_VALUES:
        raise _too_many()
    try:
        yield
    except TooManyValues:
        raise _too_many() from None
    except UnicodeDecodeError:
        raise _malformed("The text is not UTF-8.") from None
    except RecursionError:
        raise _malformed(f"It is nested deeper than {MAX_DEPTH}.") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.pos}.") from None
    except ValueError as error:
        raise _malformed("A number is too large." if "digits" in str(error) else str(error)) from None


def _too_many() -> ApiError:
    return ApiError("payload_too_large", "The request contains too many values.")


def _malformed(details: str) -> ApiError:
    return ApiError("bad_request", "The request is not valid JSON.", details=details)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number.")


def _float(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError("A number is too large.")
    return number


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float)


def media_type(request: Request) -> str:
    """Return the media type of the body, without parameters; "" without one."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class JsonRequest(Request):
    """A request whose JSON is read with :func:`parsed`."""

    _json: Any

    async def json(self) -> Any:
        """Return the value of the body."""
        if not hasattr(self, "_json"):
            body = await self.body()
            if len(body) < LARGE:
                self._json = parsed(body)
            else:
                async with self.app.state.services.parsing:
                    self._json = await parsed_in_steps(body)
        return self._json


class JsonRoute(APIRoute):
    """A route that accepts only JSON bodies: a form of a foreign page is answered 415."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that passes a :class:`JsonRequest` to the endpoint."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            json_request = JsonRequest(request.scope, request.receive)
            if self.body_field is not None and await json_request.body():
                kind = media_type(request)
                if not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
                    raise ApiError(
                        "unsupported_media_type", "The body must be JSON, with Content-Type: application/json."
                    )
                await json_request.json()
            return await handler(json_request)

        return handle
