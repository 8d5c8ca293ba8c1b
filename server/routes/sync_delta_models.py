"""What the delta mode takes and answers, for the document at /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["c", "m", "x", "s"]
LARGEST = 2**53


class StampModel(BaseModel):
    """When and how a value was written: of two that did not know of each other the greater one wins."""

    cls: int = Field(0, ge=0, le=1, description="1: a person gave it.")
    time: int = Field(0, ge=0, le=LARGEST, description="Ms since 1970, by the server's clock.")
    tie: str = Field("", max_length=255)


class PushedOp(BaseModel):
    """One thing that a device did. Each is judged by itself."""

    model_config = ConfigDict(extra="allow")

    kind: Kind = Field(description="A conversation, a message, everything, a setting.")
    op: Literal["put", "del", "clear", "restore"] = Field(description="clear goes with x, and alone.")
    id: str | None = Field(None, max_length=356, description="Of a setting: <conversation>/<key>.")
    session: str | None = Field(None, max_length=255, description="The conversation of a message.")
    base: int | None = Field(None, ge=0, le=LARGEST, description="The seq of what it replaces; 0 when it knew none.")
    at: int | None = Field(None, ge=0, le=LARGEST, description="Ms of the device's clock.")
    after: int | None = Field(None, ge=0, le=LARGEST, description="The time of what it replaces: it is later.")
    cls: int | None = Field(None, ge=0, le=1, description="Of a title: 1 when a person gave it.")
    stamp: StampModel | None = Field(None, description="An old one, said again to a server whose history went back.")
    upto: int | None = Field(None, ge=0, le=LARGEST, description="Of a clear: the last number that was seen.")
    value: Any = Field(None, description="Of a put: {title, createdAt}, a message, or {value}.")


class DeltaBody(BaseModel):
    """What one device did since it was answered last."""

    replica: str = Field(min_length=1, max_length=255, description="The device's copy of the history.")
    push_seq: int = Field(
        ge=0, le=LARGEST, description="One more with each push; to retry, the same, with the same bytes."
    )
    ops: list[PushedOp] = Field(default_factory=list, max_length=5000)


class HistoryRow(BaseModel):
    """One place in a history: a value that is live, or that something is dead."""

    kind: Literal["c", "m", "s"]
    id: str
    session: str
    seq: int
    created: int
    ver: int
    stamp: StampModel
    dead: Literal[True] | None = None
    overtook: list[int] | None = Field(
        None, description="The seq of earlier values that were replaced by a device which had not seen them."
    )
    value: Any = None


class OpAck(BaseModel):
    """What became of one op; ``row`` is what is there now, without a value where that is what was sent."""

    result: Literal["ok", "lost", "deleted", "conv_missing", "rejected"]
    row: HistoryRow | None = None
    code: str | None = None


class DeltaTold(BaseModel):
    """What a device is told."""

    user: UUID = Field(description="Whose history it is.")
    push_seq: int
    acks: list[OpAck] = Field(description="In the order of the ops.")
    rows: list[HistoryRow] = Field(description="What is new, in order; conversations that moved on come along first.")
    cur: int = Field(description="Where these rows end: the next since.")
    seen: str | None = Field(description="<seq>.<nonce>: the newest state, for Sync-Seen.")
    more: bool
    resync: bool = Field(description="This is not the history that the device was told of: it starts over.")


class DeltaPage(BaseModel):
    """Rows of a history."""

    success: Literal[True]
    conversations: list[Any] = Field(max_length=0)
    syncTime: datetime  # noqa: N815
    sync: DeltaTold
