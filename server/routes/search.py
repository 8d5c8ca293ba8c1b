"""Case-insensitive substring search in the caller's conversations, newest conversation first; and search by meaning.

See docs/specification/endpoints.md#search.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, LiteralString

from fastapi import APIRouter, Query
from psycopg import sql
from psycopg.errors import QueryCanceled
from pydantic import BaseModel

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..meaning.nearest import nearest
from ..openapi import REQUIRED, WireInstant, refusals

router = APIRouter(prefix="/api/chat/search", tags=["conversations"], dependencies=[limited("B")])

MIN_LENGTH = 2
MAX_LENGTH = 100
MAX_RESULTS = 100
QUERY: Final = {"minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "pattern": r"\S[\s\S]*\S"}

# One conversation at a time, newest first, until the limit is reached: a frequent word never reads the whole history, a
# rare one reads it once, through the owner's index.
SEARCH: Final = """
    select s.id, s.title, s.last_message_preview, s.message_count, s.last_message_timestamp, m.kind
    from (
        select
            id,
            title,
            last_message_preview,
            message_count,
            last_message_timestamp,
            coalesce(last_message_timestamp, updated_at) as at
        from chat_sessions
        where user_id = %(user)s
        order by coalesce(last_message_timestamp, updated_at) desc, id desc
        offset 0
    ) as s
    cross join lateral (
        select case
            when {title} then 'title'
            when {preview} then 'preview'
            when exists (
                select 1
                from chat_messages as c
                where c.user_id = %(user)s and c.session_id = s.id and c.role in ('user', 'assistant') and {content}
            ) then 'content'
        end as kind
        offset 0
    ) as m
    where m.kind is not null
    order by s.at desc, s.id desc
    limit %(limit)s
"""
# lower() of "C" folds ASCII only, and is several times faster than collations that fold more
ASCII_FOLDED = """strpos(lower({} collate "C"), %(needle)s) > 0"""
# the pattern has both cases of each letter, so that it does not depend on the locales of PostgreSQL
PATTERN = """{} collate "C" ~ %(needle)s"""
TIMEOUT = "set local statement_timeout = '20s'"


class Match(BaseModel):
    """A conversation that matches the query."""

    id: str
    title: str
    lastMessagePreview: str | None  # noqa: N815 - these are names on the wire
    messageCount: int  # noqa: N815
    lastMessageTimestamp: WireInstant | None  # noqa: N815
    matchType: Literal["title", "preview", "content", "meaning"]  # noqa: N815


class Matches(BaseModel):
    """Matching conversations, newest first; those by meaning, nearest first."""

    results: list[Match]
    totalMatches: int  # noqa: N815
    """Number of results."""
    executionTimeMs: int  # noqa: N815
    query: str


def search_statement(query: str) -> tuple[sql.Composed, str]:
    """Return the statement that finds ``query`` in any case, and its parameter ``needle``."""
    if any(not letter.isascii() and len(_cases(letter)) > 1 for letter in query):
        return _PATTERN, "".join(_letter_pattern(letter) for letter in query)
    return _ASCII_FOLDED, "".join(letter.lower() if letter.isascii() else letter for letter in query)


def _cases(letter: str) -> str:
    """Return all case forms of a letter that are single letters; sigma has two lower-case forms."""
    forms = {letter, letter.lower(), letter.upper(), letter.title(), letter.upper().lower()}
    return "".join(sorted(form for form in forms | (set("σς") & forms and set("σςΣ")) if len(form) == 1))


def _letter_pattern(letter: str) -> str:
    if len(forms := _cases(letter)) > 1:
        return f"[{forms}]"
    return letter if letter.isalnum() or not letter.isascii() else "\\" + letter


def _statement(matches: LiteralString) -> sql.Composed:
    test = sql.SQL(matches)
    return sql.SQL(SEARCH).format(
        title=test.format(sql.Identifier("s", "title")),
        preview=test.format(sql.Identifier("s", "last_message_preview")),
        content=test.format(sql.Identifier("c", "content")),
    )


_ASCII_FOLDED, _PATTERN = _statement(ASCII_FOLDED), _statement(PATTERN)


@router.get("", responses=refusals(403, 503, 504))
async def search(
    caller: User,
    services: ServicesDep,
    q: Annotated[
        str,
        Query(json_schema_extra=REQUIRED | QUERY, description="2 to 100 characters, without wildcards."),
    ] = "",
    limit: Annotated[
        int, Query(ge=1, description=f"Number of conversations; more than {MAX_RESULTS} counts as {MAX_RESULTS}.")
    ] = 50,
    by: Annotated[
        Literal["words", "meaning"],
        Query(description="By the query as it is, or by its meaning, where the server was started with a model."),
    ] = "words",
) -> Matches:
    """Return conversations of the caller with the query in the title, the preview or a message, or of its meaning."""
    started = services.clock()
    query = checked_query(q)
    limit = min(limit, MAX_RESULTS)
    vector = await services.vectors.of_question(query) if by == "meaning" else None
    statement, needle = search_statement(query)
    values = {"needle": needle, "user": caller.user_id, "limit": limit}

    async def work(db: Connection) -> list[Match]:
        await db.execute(TIMEOUT)
        try:
            if vector is not None:
                rows = await nearest(db, services.vectors, vector, caller.user_id, limit)
            else:
                rows = await (await db.execute(statement, values)).fetchall()
        except QueryCanceled:
            raise ApiError("gateway_timeout", "The search took too long. Try a longer query.") from None
        return [
            Match(
                id=row["id"],
                title=row["title"],
                lastMessagePreview=row["last_message_preview"],
                messageCount=row["message_count"],
                lastMessageTimestamp=row["last_message_timestamp"],
                matchType=row["kind"],
            )
            for row in rows
        ]

    results = await services.database.read(caller.identity, work)
    elapsed = round((services.clock() - started).total_seconds() * 1000)
    return Matches(results=results, totalMatches=len(results), executionTimeMs=max(0, elapsed), query=query)


def checked_query(q: str) -> str:
    """Return the query without surrounding spaces. Raises ApiError for an empty, short or long one."""
    query = q.strip()
    if not query:
        raise _error("MISSING_QUERY", "Search query is required")
    if len(query) < MIN_LENGTH:
        raise _error("QUERY_TOO_SHORT", f"Search query must be at least {MIN_LENGTH} characters")
    if len(query) > MAX_LENGTH:
        raise _error("QUERY_TOO_LONG", f"Search query must be at most {MAX_LENGTH} characters")
    return query


def _error(code: str, sentence: str) -> ApiError:
    return ApiError("bad_request", sentence, extra={"code": code})
