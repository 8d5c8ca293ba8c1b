"""The database's functions as PostgREST serves them: ``POST /rest/v1/rpc/<name>`` with one object of arguments.

Every function that a person may call is there, because the catalogue is asked and no list is kept. Row security and the
functions themselves decide what the caller gets; the words of an error are the database's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.responses import JSONResponse
from psycopg import Error, sql
from psycopg.types.json import Jsonb
from pydantic import BaseModel, JsonValue

from ..callers import User
from ..database import UNREACHABLE, Connection
from ..json_bodies import JsonRoute
from ..openapi import Refusal, refusals
from ..rates import Class
from ..services import Parts

FREQUENT = frozenset({
    "start_user_session", "end_user_session", "track_user_interaction", "batch_track_user_interactions",
})  # fmt: skip
"""What a client calls all the time; the rest is asked for by a person."""

CATALOGUE = """
select
    p.pronargs - p.pronargdefaults as required,
    p.provolatile <> 'v' as only_reads,
    p.proretset as gives_rows,
    p.prorettype = 'void'::regtype as gives_nothing,
    coalesce(p.proargnames[1:p.pronargs], '{}') as names,
    array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as u (t, n) order by n) as types
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.proname = %s and p.prokind = 'f'
    and p.prorettype <> 'trigger'::regtype and coalesce(cardinality(p.proargnames), 0) >= p.pronargs
    and has_function_privilege('authenticated', p.oid, 'execute')
    and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
"""

STATUS = {"42501": 403, "23503": 409, "23505": 409, "P0001": 400}
"""By SQLSTATE, as PostgREST has them; classes 22 and 23 are 400."""

router = APIRouter(prefix="/rest/v1/rpc", tags=["rpc"], route_class=JsonRoute)


class RpcRefusal(BaseModel):
    """An error as PostgREST says it."""

    code: str
    message: str
    details: str | None = None
    hint: str | None = None


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "What the function gives.", "content": {"application/json": {"schema": {"title": "Given"}}}},
    204: {"description": "The function gives nothing."},
    400: {"model": RpcRefusal | Refusal, "description": "Bad Request"},
    403: {"model": RpcRefusal | Refusal, "description": "Forbidden"},
    404: {"model": RpcRefusal, "description": "Not Found"},
    409: {"model": RpcRefusal, "description": "Conflict"},
}


@dataclass(frozen=True, slots=True)
class Function:
    """One of the catalogue."""

    required: int
    only_reads: bool
    gives_rows: bool
    gives_nothing: bool
    names: list[str]
    types: list[str]

    def takes(self, told: dict[str, Any]) -> bool:
        """Whether these are arguments of it."""
        return told.keys() <= set(self.names) and all(name in told for name in self.names[: self.required])


@router.post(
    "/{name}",
    responses=ANSWERS | refusals(429),
    response_model=None,
)
async def call(
    name: Annotated[str, Path(min_length=1, max_length=63, pattern="^[a-z_][a-z0-9_]*$")],
    request: Request,
    caller: User,
    parts: Parts,
    told: Annotated[dict[str, JsonValue] | None, Body()] = None,
) -> Response:
    """What the function gives: a value, or an array of rows."""
    kind: Class = "S" if name in FREQUENT else "B"
    await parts.limits.spend(request, caller, kind)
    arguments: dict[str, Any] = told or {}

    async def work(db: Connection) -> Response:
        rows = await (await db.execute(CATALOGUE, (name,))).fetchall()
        found = next((one for one in (Function(**row) for row in rows) if one.takes(arguments)), None)
        if found is None:
            named = ", ".join(sorted(arguments)) or "no arguments"
            return _refused(404, "PGRST202", f"There is no function public.{name} with {named}.")
        try:
            cursor = await db.execute(*_call(name, found, arguments))
        except UNREACHABLE:
            raise
        except Error as error:
            if (state := error.sqlstate or "")[:2] not in ("22", "23") and state not in STATUS:
                raise
            await db.execute("rollback and chain")
            said = error.diag
            status = STATUS.get(state, 400)
            return _refused(status, state, said.message_primary or state, said.message_detail, said.message_hint)
        row = await cursor.fetchone()
        return Response(status_code=204) if found.gives_nothing else JSONResponse(row["told"] if row else None)

    return await parts.database.read(caller.identity, work)


def _call(name: str, function: Function, arguments: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    """The statement that calls it: PostgreSQL itself makes the arguments' types of the JSON."""
    given = [(one, kind) for one, kind in zip(function.names, function.types, strict=True) if one in arguments]
    passed = sql.SQL(", ").join(sql.SQL("{0} => a.{0}").format(sql.Identifier(one)) for one, _ in given)
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(one), sql.SQL(kind)) for one, kind in given)
    told = sql.SQL("coalesce(jsonb_agg(to_jsonb(f)), '[]')" if function.gives_rows else "to_jsonb(f)")
    statement = sql.SQL("select {} as told from ").format(told)
    values: list[Any] = []
    if given:
        statement += sql.SQL("jsonb_to_record(%s) as a ({}), ").format(columns)
        values.append(Jsonb(arguments))
    statement += sql.SQL("lateral public.{}({}) as f").format(sql.Identifier(name), passed)
    return statement, values


def _refused(status: int, code: str, message: str, details: str | None = None, hint: str | None = None) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "details": details, "hint": hint}, status)
