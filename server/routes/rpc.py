"""The database's functions as PostgREST serves them: ``/rest/v1/rpc/<name>``, by POST with one object of arguments, or
by GET with arguments in the query string where the function only reads.

Only listed functions are served (schema/20_rest.sql). Row security and the functions themselves decide what the caller
gets.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import JsonValue

from ..database.pool import Connection
from ..dependencies import ServicesDep, User
from ..http.rate_limits import Class
from ..rest import catalogue, preferences, query, responses
from ..rest.catalogue import Function
from ..rest.errors import RestError
from ..rest.statement import Statement
from ..services import Services
from .json_route import JsonRoute
from .rest_description import MODIFIERS, error_responses, page_responses

FREQUENT = frozenset({
    "start_user_session", "end_user_session", "track_user_interaction", "batch_track_user_interactions",
})  # fmt: skip
"""What a client calls all the time; the rest is asked for by a person."""

router = APIRouter(prefix="/rest/v1/rpc", tags=["rest"], route_class=JsonRoute)

Name = Annotated[str, Path(min_length=1)]

ANSWERS = page_responses("What the function returns: a value, or an array of rows.") | error_responses(
    400, 403, 404, 405, 406, 409, 413, 416, 429, 504
)


@router.post(
    "/{name}",
    operation_id="call_function",
    response_model=None,
    openapi_extra={"parameters": MODIFIERS},
    responses=ANSWERS | {204: {"description": "The function returns nothing."}},
)
async def call(
    name: Name,
    request: Request,
    caller: User,
    services: ServicesDep,
    arguments: Annotated[dict[str, JsonValue] | None, Body()] = None,
) -> Response:
    """Call a function with one object of arguments."""
    await _spend(name, request, caller, services)
    given: dict[str, Any] = arguments or {}
    async with services.database.transaction(caller.identity) as db:
        function = await _find(db, name, given)
    pairs = request.query_params.multi_items()
    return await _answer(function, given, pairs, request, caller, services)


@router.get(
    "/{name}",
    operation_id="read_function",
    response_model=None,
    openapi_extra={"parameters": MODIFIERS},
    responses=ANSWERS,
)
async def read(name: Name, request: Request, caller: User, services: ServicesDep) -> Response:
    """Call a function that only reads, with its arguments in the query string."""
    await _spend(name, request, caller, services)
    async with services.database.transaction(caller.identity) as db:
        known = await catalogue.functions(db, name)
        parameters = {one for function in known for one in function.parameters}
        given = {key: value for key, value in request.query_params.multi_items() if key in parameters}
        function = await _find(db, name, given)
    if not function.only_reads:
        error = RestError(405, "25006", f"cannot execute {name} in a read-only transaction", hint="Use POST.")
        error.headers = {"Allow": "POST"}
        raise error
    pairs = [(key, value) for key, value in request.query_params.multi_items() if key not in parameters]
    return await _answer(function, given, pairs, request, caller, services)


async def _answer(
    function: Function,
    given: dict[str, Any],
    pairs: list[tuple[str, str]],
    request: Request,
    caller: User,
    services: Services,
) -> Response:
    is_get = request.method != "POST"
    wanted = preferences.wishes_of(request.headers)
    asked = query.parse(pairs)
    if is_get:
        asked = preferences.in_range(asked, request.headers)
    statement = Statement(
        function.result, asked, counted=bool(wanted.count), as_csv=wanted.media_type == preferences.CSV
    )
    statement.call(function, given, typed=not is_get)

    async def work(db: Connection) -> responses.Page:
        return await responses.page_of(db, statement, read_only=function.only_reads)

    run = services.database.read if function.only_reads else services.database.write
    page = await run(caller.identity, work, seconds=responses.SECONDS)
    if function.gives_nothing:
        return Response(status_code=204)
    return page.answer(wanted, asked.offset, is_set=function.gives_rows)


async def _find(db: Connection, name: str, given: dict[str, Any]) -> Function:
    for function in await catalogue.functions(db, name):
        if function.takes(set(given)):
            return function
    name, named = name[:63], ", ".join(sorted(given))[:500]
    raise RestError(
        404,
        "PGRST202",
        f"Could not find the function public.{name}{f'({named})' if named else ' without parameters'} in the schema"
        " cache",
        f"Searched for the function public.{name} with {f'parameters {named}' if named else 'no parameters'}.",
    )


async def _spend(name: str, request: Request, caller: User, services: Services) -> None:
    kind: Class = "S" if name in FREQUENT else "B"
    await services.limits.count(request, caller, kind)
