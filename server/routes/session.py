"""One conversation without its messages: read it, or change its title and counters.

See docs/specification/endpoints.md#session.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from psycopg import sql
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sterna.sync.wire import PREVIEW_LENGTH

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..http.request_schemas import NOT_BLANK, WHOLE
from ..openapi import REQUIRED, refusals
from .json_route import JsonRoute
from .session_row import COLUMNS, ConversationRow, fetch_row, required_id, stored_title
from .sessions import Stored

router = APIRouter(
    prefix="/api/chat/session",
    tags=["conversations"],
    dependencies=[limited("C")],
    responses=refusals(404),
    route_class=JsonRoute,
)

READ = "select" + COLUMNS + "from chat_sessions where user_id = %(user)s and id = %(id)s"


def representable(at: datetime) -> datetime:
    """Return an instant in UTC. Raises ValueError if Python's calendar cannot represent it in UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


class SessionResponse(BaseModel):
    """A conversation."""

    session: ConversationRow


class SessionChange(BaseModel):
    """Values to set; others stay as they are, and unknown keys are ignored. Counters change with the next message."""

    model_config = ConfigDict(json_schema_extra={"required": ["id"]})

    id: str = Field("", json_schema_extra=NOT_BLANK)
    title: str | None = Field(None, description="New Chat if empty.", json_schema_extra={"maxLength": 255})
    message_count: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] | None = None
    total_tokens: Annotated[int, Field(ge=0, le=2**53), WHOLE] | None = None
    last_model: str | None = Field(None, max_length=100)
    last_message_preview: str | None = Field(None, description="The first 200 characters are stored.")
    last_message_timestamp: Annotated[datetime, AfterValidator(representable)] | None = None

    def columns(self) -> dict[str, Any]:
        """Return the values to store by column."""
        given = self.model_dump(include=self.model_fields_set - {"id"})
        for name in {"message_count", "total_tokens"} & given.keys():
            given[name] = given[name] or 0
        if "title" in given:
            given["title"] = stored_title(self.title)
        if self.last_message_preview is not None:
            given["last_message_preview"] = self.last_message_preview[:PREVIEW_LENGTH]
        return given


@router.get("")
async def read_session(
    caller: User, services: ServicesDep, id: Annotated[str, Query(json_schema_extra=REQUIRED)] = ""
) -> SessionResponse:
    """Return a conversation of the caller, without its messages."""
    values = {"user": caller.user_id, "id": required_id(id)}

    async def work(db: Connection) -> ConversationRow:
        return await fetch_row(db, READ, values)

    return SessionResponse(session=await services.database.read(caller.identity, work))


@router.post("")
async def change_session(change: SessionChange, caller: User, services: ServicesDep) -> Stored:
    """Set the title and counters of a conversation."""
    key = {"user": caller.user_id, "id": required_id(change.id)}
    columns = change.columns()

    async def work(db: Connection) -> ConversationRow:
        return await fetch_row(db, _update(columns) if columns else READ, columns | key)

    return Stored(session=await services.database.write(caller.identity, work))


def _update(columns: dict[str, Any]) -> sql.Composed:
    pairs = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns]
    return sql.SQL("update chat_sessions set {} where user_id = %(user)s and id = %(id)s returning" + COLUMNS).format(
        sql.SQL(", ").join(pairs)
    )
