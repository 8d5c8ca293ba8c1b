"""Attached files: uploaded and downloaded in pieces, by the SHA-256 of their content.

See docs/specification/endpoints.md#attachments.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sterna.sync.wire import ATTACHMENT_PIECE, MAX_ATTACHMENT

from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..openapi import refusals
from ..settings import MEGABYTE
from ..sync.attachments import Upload, piece_of, states_of, store_piece, used_bytes
from .json_route import JsonRoute, media_type

BINARY = "application/octet-stream"
BYTES = {"type": "string"}
MAX_IDS = 200

router = APIRouter(prefix="/api/chat/attachments", tags=["sync"], dependencies=[limited("C", devices=True)])
status_router = APIRouter(
    prefix="/api/chat/attachments",
    tags=["sync"],
    dependencies=[limited("C", devices=True)],
    route_class=JsonRoute,
)

AttachmentId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the content, in hexadecimal.")]
Offset = Annotated[int, Query(ge=0, le=MAX_ATTACHMENT, description="Place of the first byte.")]


class WantedFiles(BaseModel):
    """Ids of files."""

    model_config = ConfigDict(strict=True)

    ids: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(max_length=MAX_IDS)


class FileState(BaseModel):
    """State of a file at the server."""

    id: str
    size: int
    received: int = Field(description="Bytes that have arrived; the next piece begins there.")
    complete: bool


class FileStates(BaseModel):
    """States of the files that are known, and the limits of the account."""

    attachments: list[FileState]
    used: int = Field(description="Bytes of all files of the account.")
    quota: int = Field(description="Most bytes of all files together; 0: none are taken.")
    largest: int = Field(description="Most bytes of one file.")
    piece: int = Field(description="Most bytes of one piece.")


@status_router.post("")
async def status(caller: User, services: ServicesDep, body: WantedFiles) -> FileStates:
    """Return what the server has of these files."""
    states = await services.database.read(caller.identity, lambda db: states_of(db, caller.user_id, body.ids))
    used = await services.database.read(caller.identity, lambda db: used_bytes(db, caller.user_id))
    return FileStates(
        attachments=[FileState.model_validate(state) for state in states],
        used=used,
        quota=services.settings.attachment_megabytes * MEGABYTE,
        largest=MAX_ATTACHMENT,
        piece=ATTACHMENT_PIECE,
    )


@router.put(
    "/{attachment_id}",
    responses=refusals(400, 408, 409, 413, 415),
    openapi_extra={"requestBody": {"required": True, "content": {BINARY: {"schema": BYTES}}}},
)
async def upload(
    request: Request,
    caller: User,
    services: ServicesDep,
    attachment_id: AttachmentId,
    size: Annotated[int, Query(ge=1, description="Bytes of the whole file.")],
    offset: Offset = 0,
) -> FileState:
    """Store the next piece of a file. A piece that does not follow is answered 409, with ``received``."""
    content = await request.body()
    if media_type(request) != BINARY:
        raise ApiError("unsupported_media_type", f"The body must be bytes, with Content-Type: {BINARY}.")
    if size > MAX_ATTACHMENT:
        raise ApiError("payload_too_large", f"Files of at most {MAX_ATTACHMENT:,} bytes can be attached.")
    if len(content) > ATTACHMENT_PIECE:
        raise ApiError("payload_too_large", f"A piece has at most {ATTACHMENT_PIECE:,} bytes.")
    if not content or offset + len(content) > size:
        raise ApiError("conflict", "This piece is empty, or ends behind the end of the file.")
    quota = services.settings.attachment_megabytes * MEGABYTE
    piece = Upload(caller.user_id, attachment_id, size, offset, content, quota)
    state = await services.database.write(caller.identity, lambda db: store_piece(db, piece))
    if state is None:
        raise ApiError("conflict", "The content does not have this id. Upload the file again.", extra={"received": 0})
    return FileState.model_validate(state)


@router.get(
    "/{attachment_id}",
    responses=refusals(404)
    | {200: {"description": "A piece of the file.", "content": {BINARY: {"schema": BYTES}}, "headers": {
        "Attachment-Size": {"description": "Bytes of the whole file.", "schema": {"type": "integer"}}}}},
    response_class=Response,
)  # fmt: skip
async def download(caller: User, services: ServicesDep, attachment_id: AttachmentId, offset: Offset = 0) -> Response:
    """Return the piece of a file that begins at ``offset``; an empty one at its end."""
    piece = await services.database.read(
        caller.identity, lambda db: piece_of(db, caller.user_id, attachment_id, offset)
    )
    if piece is None:
        raise ApiError("not_found", "This server does not have that file.")
    size, content = piece
    headers = {"Attachment-Size": str(size), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(content, headers=headers, media_type=BINARY)
