"""JSON as it comes from outside: parsed once, then free of what PostgreSQL cannot keep and of what nobody means.

A router takes its bodies through :class:`JsonRoute`::

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

from sterna.sync.wire import cleaned, is_clean_json

from ..errors import ApiError
from ..http.incremental_json import IncrementalParser, TooManyValues, measure

DEPTH = 32
MOST_VALUES = 1_000_000
"""Values that a body may hold at the most, roughly: an empty list is three bytes there and twenty times that here."""

LARGE = 64 * 1024
"""Bytes from which on a body is parsed in steps, one body at a time."""


def parsed(body: bytes) -> Any:
    """The value. NUL is taken out, half a surrogate pair becomes U+FFFD; of a key said twice the last counts.

    Raises ApiError bad_request for what is not JSON, or deeper than DEPTH. For bodies that are not LARGE.
    """
    with _complaining(body), _uncollected():
        value = _DECODER.decode(body.decode("utf-8-sig"))
        measure(value, DEPTH)
    return value if is_clean_json(body) else cleaned(value)


async def parsed_in_steps(body: bytes) -> Any:
    """The same for bodies of any size; other requests are answered meanwhile."""
    with _complaining(body):
        clean = _as_it_is if is_clean_json(body) else cleaned
        return await IncrementalParser(body.decode("utf-8-sig"), _DECODER, DEPTH, clean).parse()


def _as_it_is(value: Any) -> Any:
    return value


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic collector, which would go through all values again and again while they are made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _complaining(body: bytes) -> Iterator[None]:
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise _too_many()
    try:
        yield
    except TooManyValues:
        raise _too_many() from None
    except UnicodeDecodeError:
        raise _malformed("The text is not UTF-8.") from None
    except RecursionError:
        raise _malformed(f"It is nested deeper than {DEPTH}.") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.pos}.") from None
    except ValueError as error:
        raise _malformed("A number is too large." if "digits" in str(error) else str(error)) from None


def _too_many() -> ApiError:
    return ApiError("payload_too_large", "The request holds too many values.")


def _malformed(details: str) -> ApiError:
    return ApiError("bad_request", "The request is not valid JSON.", details=details)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number.")


def _float(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError("A number is too large.")
    return number


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float)


def media_type(request: Request) -> str:
    """What the body is said to be, without parameters; "" when nothing is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class JsonRequest(Request):
    """A request whose JSON is :func:`parsed`."""

    _json: Any

    async def json(self) -> Any:
        """The body's value."""
        if not hasattr(self, "_json"):
            body = await self.body()
            if len(body) < LARGE:
                self._json = parsed(body)
            else:
                async with self.app.state.services.parsing:
                    self._json = await parsed_in_steps(body)
        return self._json


class JsonRoute(APIRoute):
    """A route whose body is JSON and nothing else: a form that another site's page sends is answered 415."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint behind a :class:`JsonRequest`."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            ours = JsonRequest(request.scope, request.receive)
            if self.body_field is not None and await ours.body():
                kind = media_type(request)
                if not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
                    raise ApiError(
                        "unsupported_media_type", "The body has to be JSON, with Content-Type: application/json."
                    )
                await ours.json()
            return await handler(ours)

        return handle
