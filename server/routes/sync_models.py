"""Requests and responses of the sync endpoints, for the document at /openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .sync_delta_models import DeltaResponse


class PushedMessage(BaseModel):
    """A complete message; absent keys are empty."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1, max_length=255)
    role: Literal["user", "assistant", "system"]
    content: str
    timestamp: datetime | None = None
    model: str | None = Field(None, max_length=100)
    originalModel: str | None = Field(None, max_length=100)  # noqa: N815
    contentType: str | None = None  # noqa: N815
    total_tokens: int | None = Field(None, ge=0, le=2**31 - 1)
    input_tokens: int | None = Field(None, ge=0, le=2**31 - 1)
    output_tokens: int | None = Field(None, ge=0, le=2**31 - 1)
    elapsed_ms: int | None = Field(None, ge=0, le=2**31 - 1)
    elapsed_time: int | None = Field(None, ge=0, le=2**31 - 1, description="Seconds; used if elapsed_ms is absent.")
    user_message_id: str | None = Field(None, max_length=255)
    parent_id: str | None = Field(
        None, max_length=255, description="The message that it follows; absent: the one before it, empty: none."
    )
    completion_id: str | None = Field(None, max_length=255)
    error: Any = Field(None, description="True if the message failed; false, null, 0 and empty values: it did not.")
    error_message: str | None = None
    was_streaming: Any = Field(None, description="True if the reply was streamed; anything else counts as false.")
    reasoning: str | None = None
    reasoning_details: Any = None
    annotations: Any = None
    metadata: Any = Field(None, description="An object; other values are ignored.")


class PushedConversation(BaseModel):
    """A conversation. An absent title stays as it is; counters are used only without messages."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1, max_length=255)
    title: str | None = Field(None, max_length=255)
    userId: str | None = Field(None, description="Id of the caller; a request with another id is refused.")  # noqa: N815
    messages: list[PushedMessage] | None = None
    messageCount: int | None = None  # noqa: N815
    totalTokens: int | None = None  # noqa: N815
    lastModel: str | None = None  # noqa: N815
    lastMessagePreview: str | None = None  # noqa: N815
    lastMessageTimestamp: datetime | None = None  # noqa: N815
    createdAt: datetime | None = None  # noqa: N815
    updatedAt: datetime | None = None  # noqa: N815


class PushDetail(BaseModel):
    """Result of one conversation: ``status`` and ``messageCount`` if it is stored, otherwise ``error``."""

    conversationId: str  # noqa: N815
    status: Literal["synced"] | None = None
    messageCount: int | None = None  # noqa: N815
    error: str | None = Field(None, description="A code for programs.")


class Results(BaseModel):
    """Results in the order of the request."""

    synced: int
    errors: int
    details: list[PushDetail]


class Pushed(BaseModel):
    """Results of a push."""

    success: Literal[True]
    results: Results
    syncTime: datetime  # noqa: N815
    sync: DeltaResponse | None = Field(None, description="Response to sync.")


class ShownMessage(BaseModel):
    """A message; keys without a value are absent."""

    model_config = ConfigDict(extra="allow")

    id: str
    role: Literal["user", "assistant", "system"]
    content: str
    timestamp: datetime
    contentType: str  # noqa: N815
    total_tokens: int | None
    input_tokens: int | None
    output_tokens: int | None
    elapsed_ms: int
    elapsed_time: int
    has_websearch: bool
    websearch_result_count: int
    annotations: list[Any]
    has_attachments: bool
    attachment_ids: list[str]
    error: bool
    model: str | None = None
    originalModel: str | None = None  # noqa: N815
    user_message_id: str | None = None
    parent_id: str | None = None
    completion_id: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Any] | None = None


class ShownConversation(BaseModel):
    """A conversation."""

    id: str
    title: str
    userId: str  # noqa: N815
    messages: list[ShownMessage]
    createdAt: datetime  # noqa: N815
    updatedAt: datetime  # noqa: N815
    messageCount: int  # noqa: N815
    totalTokens: int  # noqa: N815
    lastModel: str | None  # noqa: N815
    lastMessagePreview: str | None  # noqa: N815
    lastMessageTimestamp: datetime | None  # noqa: N815
    isActive: Literal[False]  # noqa: N815


class NextCursor(BaseModel):
    """Start of the next page."""

    ts: datetime
    id: str


class Meta(BaseModel):
    """Details of a page."""

    pageSize: int  # noqa: N815
    hasMore: bool  # noqa: N815
    nextCursor: NextCursor | None  # noqa: N815
    totalCount: int | None = None  # noqa: N815


class SyncPage(BaseModel):
    """A page of conversations."""

    conversations: list[ShownConversation]
    meta: Meta
    syncTime: datetime  # noqa: N815


class ShownMessages(BaseModel):
    """Messages of a conversation, in order."""

    messages: list[ShownMessage]
    count: int
    up_to_date: bool | None = None


class AddedMessages(BaseModel):
    """Stored rows."""

    messages: list[dict[str, Any]]
    count: int
    success: Literal[True]
