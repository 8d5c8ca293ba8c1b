"""Attached files in the database, one row for each piece: no request holds a whole file in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..database.pool import Connection
from ..errors import ApiError

_STATE = "id, size, received, is_complete as complete"


@dataclass(frozen=True, slots=True)
class Upload:
    """One piece of a file."""

    user_id: UUID
    id: str
    size: int
    """Bytes of the whole file."""
    offset: int
    content: bytes
    quota: int
    """Most bytes of all files of the account; 0: none are taken."""


async def states_of(db: Connection, user_id: UUID, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return what is stored of these files."""
    rows = await db.execute(
        f"select {_STATE} from attachments where user_id = %s and id = any(%s) order by id", (user_id, list(ids))
    )
    return list(await rows.fetchall())


async def used_bytes(db: Connection, user_id: UUID) -> int:
    """Return the bytes of all files of an account, unfinished ones with their full size."""
    row = await (
        await db.execute("select coalesce(sum(size), 0)::bigint as n from attachments where user_id = %s", (user_id,))
    ).fetchone()
    return int(row["n"]) if row else 0


async def store_piece(db: Connection, upload: Upload) -> Mapping[str, Any] | None:
    """Store a piece and return the state of its file; None, and the file is removed, if it does not have its id.

    A piece that has arrived already changes nothing. Raises ApiError for one that does not follow, with what has
    arrived, and where the account's files would exceed its quota.
    """
    state = await _lock(db, upload) or await _create(db, upload)
    if state["complete"] or upload.offset + len(upload.content) <= state["received"]:
        return state
    if state["size"] != upload.size:
        raise ApiError("conflict", "Another size was stated for this file.", extra={"received": state["received"]})
    if upload.offset != state["received"]:
        raise ApiError("conflict", "This piece does not follow the last one.", extra={"received": state["received"]})
    await db.execute(
        "insert into attachment_pieces (user_id, attachment_id, start, content) values (%s, %s, %s, %b)",
        (upload.user_id, upload.id, upload.offset, upload.content),
    )
    received = upload.offset + len(upload.content)
    is_complete = received == upload.size
    if is_complete and await _digest(db, upload.user_id, upload.id) != upload.id:
        await db.execute("delete from attachments where user_id = %s and id = %s", (upload.user_id, upload.id))
        return None
    rows = await db.execute(
        f"""update attachments set received = %s, is_complete = %s, used_at = now()
        where user_id = %s and id = %s returning {_STATE}""",
        (received, is_complete, upload.user_id, upload.id),
    )
    return await rows.fetchone()


async def piece_of(db: Connection, user_id: UUID, attachment_id: str, offset: int) -> tuple[int, bytes] | None:
    """Return the size of a complete file, and the content of one piece from ``offset`` on; None without the file."""
    row = await (
        await db.execute(
            "select size from attachments where user_id = %s and id = %s and is_complete", (user_id, attachment_id)
        )
    ).fetchone()
    if row is None:
        return None
    piece = await _piece(db, user_id, attachment_id, offset)
    return row["size"], piece[1][offset - piece[0] :] if piece is not None else b""


async def _lock(db: Connection, upload: Upload) -> Mapping[str, Any] | None:
    rows = await db.execute(
        f"select {_STATE} from attachments where user_id = %s and id = %s for update", (upload.user_id, upload.id)
    )
    return await rows.fetchone()


async def _create(db: Connection, upload: Upload) -> Mapping[str, Any]:
    # one new file of an account at a time, so that several cannot exceed the quota together
    await db.execute("select pg_advisory_xact_lock(hashtextextended('attachments ' || %s::text, 0))", (upload.user_id,))
    if (state := await _lock(db, upload)) is not None:
        return state
    if await used_bytes(db, upload.user_id) + upload.size > upload.quota:
        used = f"Your files may have {upload.quota / 1e6:,.0f} MB together on this server."
        raise ApiError("payload_too_large", used if upload.quota else "This server keeps no attached files.")
    rows = await db.execute(
        f"insert into attachments (user_id, id, size) values (%s, %s, %s) returning {_STATE}",
        (upload.user_id, upload.id, upload.size),
    )
    state = await rows.fetchone()
    assert state is not None
    return state


async def _digest(db: Connection, user_id: UUID, attachment_id: str) -> str:
    digest, offset = hashlib.sha256(), 0
    while (piece := await _piece(db, user_id, attachment_id, offset)) is not None:
        digest.update(piece[1])
        offset = piece[0] + len(piece[1])
    return digest.hexdigest()


async def _piece(db: Connection, user_id: UUID, attachment_id: str, offset: int) -> tuple[int, bytes] | None:
    """Return start and content of the piece that holds the byte at ``offset``; None behind the end."""
    row = await (
        await db.execute(
            """select start, content from attachment_pieces
            where user_id = %s and attachment_id = %s and start <= %s order by start desc limit 1""",
            (user_id, attachment_id, offset),
        )
    ).fetchone()
    if row is None or row["start"] + len(row["content"]) <= offset:
        return None
    return row["start"], bytes(row["content"])
