"""Table of the first versions: a row for each prompt, in which later ones name the first of their chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...records import Conversation, Message, Text
from ...sqlite import cell, rows
from ...times import moment
from ...values import count, identifier

if TYPE_CHECKING:
    from sqlite_utils import Database


def log_conversation(database: Database, table: str, row: dict[str, Any]) -> Conversation | None:
    """Return the chat that begins with a row; None for a row that continues one."""
    number = row["id"]
    if row["chat_id"] is not None and row["chat_id"] != number and rows(database, table, "id = ?", [row["chat_id"]]):
        return None
    later = rows(database, table, "chat_id = ? and id <> ?", [number, number], "id")
    conversation = Conversation(
        f"log {identifier(number)} {cell(_time(row))}".strip(), system_prompt=cell(row["system"])
    )
    for each in [row, *later]:
        time = moment(_time(each))
        model = cell(each["model"]) or None
        key = identifier(each["id"])
        question = Message(f"{key} prompt", "user", [Text(cell(each["prompt"]))], created_at=time)
        reply = Message(key, "assistant", [Text(cell(each["response"]))], created_at=time, model=model)
        reply.elapsed_ms = count(each.get("duration_ms"))
        conversation.messages += [question, reply]
        conversation.model = model or conversation.model
        conversation.updated_at = time or conversation.updated_at
    conversation.created_at = moment(_time(row))
    return conversation


def _time(row: dict[str, Any]) -> object:
    return row.get("timestamp_utc") or row.get("timestamp")
