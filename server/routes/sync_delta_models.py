"""Requests and responses of delta mode, for the document at /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["c", "m", "x", "s"]
MAX_NUMBER = 2**53


class StampModel(BaseModel):
    """Time and kind of a write; of two concurrent values the one with the greater stamp wins."""

    cls: int = Field(0, ge=0, le=1, description="1 if a person wrote it.")
    time: int = Field(0, ge=0, le=MAX_NUMBER, description="Milliseconds since 1970, by the server's clock.")
    tie: str = Field("", max_length=255)


class PushedOp(BaseModel):
    """An operation of a device. Each one is validated by itself."""

    model_config = ConfigDict(extra="allow")

    kind: Kind = Field(description="Conversation, message, everything, or setting.")
    op: Literal["put", "del", "clear", "restore"] = Field(description="clear requires x, and is the only op of a push.")
    id: str | None = Field(None, max_length=356, description="For a setting <conversation>/<key>.")
    session: str | None = Field(None, max_length=255, description="Conversation of a message.")
    base: int | None = Field(None, ge=0, le=MAX_NUMBER, description="seq of the replaced value; 0 if unknown.")
    at: int | None = Field(None, ge=0, le=MAX_NUMBER, description="Milliseconds of the device's clock.")
    after: int | None = Field(None, ge=0, le=MAX_NUMBER, description="Time of the replaced value, which is earlier.")
    cls: int | None = Field(None, ge=0, le=1, description="For a title 1 if a person wrote it.")
    stamp: StampModel | None = Field(None, description="Earlier stamp, for a server whose history was restored.")
    upto: int | None = Field(None, ge=0, le=MAX_NUMBER, description="For clear the last known number.")
    value: Any = Field(None, description="For put {title, createdAt}, a message, or {value}.")


class DeltaBody(BaseModel):
    """Operations of a device since its last response."""

    replica: str = Field(min_length=1, max_length=255, description="Id of the device's copy of the history.")
    push_seq: int = Field(
        ge=0,
        le=MAX_NUMBER,
        description="Increases by one with each push; a retry has the same number and the same bytes.",
    )
    ops: list[PushedOp] = Field(default_factory=list, max_length=5000)


class HistoryRow(BaseModel):
    """A row of a history: a live value or a tombstone."""

    kind: Literal["c", "m", "s"]
    id: str
    session: str
    seq: int
    created: int
    ver: int
    stamp: StampModel
    dead: Literal[True] | None = None
    overtook: list[int] | None = Field(
        None, description="seq of earlier values that were replaced by devices which had not seen them."
    )
    value: Any = None


class OpAck(BaseModel):
    """Result of an op; ``row`` is the current row, without a value if that is what was sent."""

    result: Literal["ok", "lost", "deleted", "conv_missing", "rejected"]
    row: HistoryRow | None = None
    code: str | None = None


class DeltaResponse(BaseModel):
    """Response of delta mode."""

    user: UUID = Field(description="Account of the history.")
    push_seq: int
    acks: list[OpAck] = Field(description="In the order of the ops.")
    rows: list[HistoryRow] = Field(description="Changed rows in order, after the conversations that they need.")
    cur: int = Field(description="Cursor after these rows, for the next since.")
    seen: str | None = Field(description="<seq>.<nonce>: the newest commit, for Sync-Seen.")
    more: bool
    resync: bool = Field(description="The device knows another history and has to start over.")


class DeltaPage(BaseModel):
    """Rows of a history."""

    success: Literal[True]
    conversations: list[Any] = Field(max_length=0)
    syncTime: datetime  # noqa: N815
    sync: DeltaResponse
