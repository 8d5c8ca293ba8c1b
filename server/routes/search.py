"""Search in the caller's conversations: substrings, whatever the case, the newest conversation first.

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
from ..openapi import REQUIRED, WireInstant, refusals

router = APIRouter(prefix="/api/chat/search", tags=["conversations"], dependencies=[limited("B")])

SHORTEST = 2
LONGEST = 100
MOST = 100
QUERY: Final = {"minLength": SHORTEST, "maxLength": LONGEST, "pattern": r"\S[\s\S]*\S"}

# A conversation at a time, newest first, until there are enough: a common word never reads the whole history, a rare
# one reads it once, by the owner's index.
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
# lower() of "C" folds ASCII alone, and is several times faster than any way that knows more letters
ASCII_FOLDED = """strpos(lower({} collate "C"), %(needle)s) > 0"""
# both cases of each letter are in the pattern, so that it means the same whatever languages PostgreSQL knows
PATTERN = """{} collate "C" ~ %(needle)s"""
PATIENCE = "set local statement_timeout = '20s'"


class Match(BaseModel):
    """A conversation in which the query was found."""

    id: str
    title: str
    lastMessagePreview: str | None  # noqa: N815 - these are names on the wire
    messageCount: int  # noqa: N815
    lastMessageTimestamp: WireInstant | None  # noqa: N815
    matchType: Literal["title", "preview", "content"]  # noqa: N815


class Matches(BaseModel):
    """Each conversation once, the newest first."""

    results: list[Match]
    totalMatches: int  # noqa: N815
    """How many are in results."""
    executionTimeMs: int  # noqa: N815
    query: str


def looked_for(query: str) -> tuple[sql.Composed, str]:
    """The statement that finds ``query`` whatever the case, and what it calls the needle."""
    if any(not letter.isascii() and len(_cases(letter)) > 1 for letter in query):
        return _PATTERN, "".join(_either(letter) for letter in query)
    return _ASCII_FOLDED, "".join(letter.lower() if letter.isascii() else letter for letter in query)


def _cases(letter: str) -> str:
    """The letter in all its forms that are one letter each; sigma has two small ones."""
    forms = {letter, letter.lower(), letter.upper(), letter.title(), letter.upper().lower()}
    return "".join(sorted(form for form in forms | (set("σς") & forms and set("σςΣ")) if len(form) == 1))


def _either(letter: str) -> str:
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


@router.get("", responses=refusals(504))
async def search(
    caller: User,
    services: ServicesDep,
    q: Annotated[
        str,
        Query(json_schema_extra=REQUIRED | QUERY, description="2 to 100 characters, taken as they are: no wildcards."),
    ] = "",
    limit: Annotated[int, Query(ge=1, description=f"How many conversations; more than {MOST} is {MOST}.")] = 50,
) -> Matches:
    """Conversations of the caller with the query in the title, the preview or a message of the talk."""
    began = services.clock()
    query = asked(q)
    statement, needle = looked_for(query)
    values = {"needle": needle, "user": caller.user_id, "limit": min(limit, MOST)}

    async def work(db: Connection) -> list[Match]:
        await db.execute(PATIENCE)
        try:
            rows = await (await db.execute(statement, values)).fetchall()
        except QueryCanceled:
            raise ApiError("gateway_timeout", "The search took too long. A longer query is faster.") from None
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

    found = await services.database.read(caller.identity, work)
    spent = round((services.clock() - began).total_seconds() * 1000)
    return Matches(results=found, totalMatches=len(found), executionTimeMs=max(0, spent), query=query)


def asked(q: str) -> str:
    """The query without the spaces around it. Raises ApiError when it is none, too short or too long."""
    query = q.strip()
    if not query:
        raise _refusal("MISSING_QUERY", "Search query is required")
    if len(query) < SHORTEST:
        raise _refusal("QUERY_TOO_SHORT", f"Search query must be at least {SHORTEST} characters")
    if len(query) > LONGEST:
        raise _refusal("QUERY_TOO_LONG", f"Search query must be at most {LONGEST} characters")
    return query


def _refusal(code: str, sentence: str) -> ApiError:
    return ApiError("bad_request", sentence, extra={"code": code})
