"""Rows of the caller as PostgREST serves them: ``GET /rest/v1/<table>``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..rest import catalogue, preferences, query, responses
from ..rest.errors import RestError
from ..rest.statement import Statement
from .json_route import JsonRoute
from .rest_description import MODIFIERS, error_responses, page_responses

router = APIRouter(prefix="/rest/v1", tags=["rest"], route_class=JsonRoute, dependencies=[limited("C")])

Name = Annotated[str, Path(min_length=1)]


@router.get(
    "/{relation}",
    operation_id="read_rows",
    response_model=None,
    openapi_extra={"parameters": MODIFIERS},
    responses=page_responses("Rows, at most 1,000 per page.") | error_responses(400, 404, 406, 413, 416, 504),
)
async def read_rows(relation: Name, request: Request, caller: User, services: ServicesDep) -> Response:
    """Return the rows of a table or view that the caller may see. HEAD returns the headers without the rows."""
    wanted = preferences.preferences_of(request.headers)
    parsed = preferences.in_range(query.parse(request.query_params.multi_items()), request.headers)

    async def work(db: Connection) -> responses.Page:
        table = await catalogue.relation(db, relation)
        if table is None:
            raise RestError(404, "PGRST205", f"Could not find the table 'public.{relation[:63]}' in the schema cache")
        statement = Statement(table, parsed, counted=bool(wanted.count), as_csv=wanted.media_type == preferences.CSV)
        return await responses.page_of(db, statement, read_only=True)

    page = await services.database.read(caller.identity, work, seconds=responses.SECONDS)
    return page.response(wanted, parsed.offset, is_set=True)
