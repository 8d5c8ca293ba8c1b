"""Functions of the database as PostgREST serves them, under ``/rest/v1/rpc/<name>``.

POST takes one object of arguments; GET takes arguments in the query string, for functions that only read. Only listed
functions are served (schema/20_rest.sql). Row security and the functions themselves decide what a caller gets.
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
"""Functions that clients call in the background; people cause the other calls."""

router = APIRouter(prefix="/rest/v1/rpc", tags=["rest"], route_class=JsonRoute)

Name = Annotated[str, Path(min_length=1)]

RESPONSES = page_responses("Result of the function: a value, or an array of rows.") | error_responses(
    400, 403, 404, 405, 406, 409, 413, 416, 429, 504
)


@router.post(
    "/{name}",
    operation_id="call_function",
    response_model=None,
    openapi_extra={"parameters": MODIFIERS},
    responses=RESPONSES | {204: {"description": "The function returns nothing."}},
)
async def call(
    name: Name,
    request: Request,
    caller: User,
    services: ServicesDep,
    arguments: Annotated[dict[str, JsonValue] | None, Body()] = None,
) -> Response:
    """Call a function with one object of arguments."""
    await _count(name, request, caller, services)
    values: dict[str, Any] = arguments or {}
    async with services.database.transaction(caller.identity) as db:
        function = await _find(db, name, values)
    pairs = request.query_params.multi_items()
    return await _run(function, values, pairs, request, caller, services)


@router.get(
    "/{name}",
    operation_id="read_function",
    response_model=None,
    openapi_extra={"parameters": MODIFIERS},
    responses=RESPONSES,
)
async def read(name: Name, request: Request, caller: User, services: ServicesDep) -> Response:
    """Call a function that only reads, with arguments in the query string."""
    await _count(name, request, caller, services)
    async with services.database.transaction(caller.identity) as db:
        overloads = await catalogue.functions(db, name)
        parameters = {parameter for function in overloads for parameter in function.parameters}
        values = {key: value for key, value in request.query_params.multi_items() if key in parameters}
        function = await _find(db, name, values)
    if not function.only_reads:
        error = RestError(405, "25006", f"cannot execute {name} in a read-only transaction", hint="Use POST.")
        error.headers = {"Allow": "POST"}
        raise error
    pairs = [(key, value) for key, value in request.query_params.multi_items() if key not in parameters]
    return await _run(function, values, pairs, request, caller, services)


async def _run(
    function: Function,
    values: dict[str, Any],
    pairs: list[tuple[str, str]],
    request: Request,
    caller: User,
    services: Services,
) -> Response:
    is_get = request.method != "POST"
    wanted = preferences.preferences_of(request.headers)
    parsed = query.parse(pairs)
    if is_get:
        parsed = preferences.in_range(parsed, request.headers)
    statement = Statement(
        function.result, parsed, counted=bool(wanted.count), as_csv=wanted.media_type == preferences.CSV
    )
    statement.call(function, values, typed=not is_get)

    async def work(db: Connection) -> responses.Page:
        return await responses.page_of(db, statement, read_only=function.only_reads)

    execute = services.database.read if function.only_reads else services.database.write
    page = await execute(caller.identity, work, seconds=responses.SECONDS)
    if function.returns_void:
        return Response(status_code=204)
    return page.response(wanted, parsed.offset, is_set=function.returns_set)


async def _find(db: Connection, name: str, values: dict[str, Any]) -> Function:
    for function in await catalogue.functions(db, name):
        if function.takes(set(values)):
            return function
    name, given = name[:63], ", ".join(sorted(values))[:500]
    raise RestError(
        404,
        "PGRST202",
        f"Could not find the function public.{name}{f'({given})' if given else ' without parameters'} in the schema"
        " cache",
        f"Searched for the function public.{name} with {f'parameters {given}' if given else 'no parameters'}.",
    )


async def _count(name: str, request: Request, caller: User, services: Services) -> None:
    kind: Class = "S" if name in FREQUENT else "B"
    await services.limits.count(request, caller, kind)
