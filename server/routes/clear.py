"""All conversations of the caller, deleted at once (contract 6.7)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from ..database.pool import Connection
from ..dependencies import User
from ..http.rate_limits import limited
from ..services import Parts

router = APIRouter(prefix="/api/chat/clear-all", tags=["conversations"], dependencies=[limited("C")])

CLEAR = "delete from chat_sessions where user_id = %s"


class Cleared(BaseModel):
    """Nothing is left."""

    success: Literal[True] = True
    message: str
    deletedCount: int  # noqa: N815 - the name on the wire


@router.delete("")
async def clear_all(caller: User, parts: Parts) -> Cleared:
    """Delete every conversation of the caller, with all messages."""

    async def work(db: Connection) -> int:
        return (await db.execute(CLEAR, (caller.user_id,))).rowcount

    count = await parts.database.write(caller.identity, work)
    told = "All conversations cleared successfully" if count else "No conversations to clear"
    return Cleared(message=told, deletedCount=count)
