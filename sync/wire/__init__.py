"""Wire format of sync, shared by client and server: conversations, responses, and the ops and rows of delta mode.

Decoding accepts any JSON value and raises nothing but :class:`BadItem`, whose word is short and stable.
See docs/specification/decisions.md#error-words and docs/specification/sync-protocol.md#wire-objects.
"""

from __future__ import annotations

from .chat import Conversation, Message
from .cookies import cookie_sessions, decode_session, session_cookies
from .delta import Ack, Client, Commit, DeltaPush, DeltaResponse, Kind, Op, Pull, Row, Stamp
from .message_columns import ATTACHMENTS, METADATA, attachment_ids, message_columns
from .responses import Capability, Cursor, Detail, push_response
from .values import (
    ATTACHMENT_PIECE,
    BATCH_BYTES,
    BATCH_OPS,
    ID_LENGTH,
    LARGEST,
    MAX_ATTACHMENT,
    MESSAGE_BYTES,
    PAGE,
    PREVIEW_LENGTH,
    TITLE_LENGTH,
    BadItem,
    clean_json,
    format_time,
    is_clean_json,
    parse_time,
)

__all__ = [
    "ATTACHMENTS",
    "ATTACHMENT_PIECE",
    "BATCH_BYTES",
    "BATCH_OPS",
    "ID_LENGTH",
    "LARGEST",
    "MAX_ATTACHMENT",
    "MESSAGE_BYTES",
    "METADATA",
    "PAGE",
    "PREVIEW_LENGTH",
    "TITLE_LENGTH",
    "Ack",
    "BadItem",
    "Capability",
    "Client",
    "Commit",
    "Conversation",
    "Cursor",
    "DeltaPush",
    "DeltaResponse",
    "Detail",
    "Kind",
    "Message",
    "Op",
    "Pull",
    "Row",
    "Stamp",
    "attachment_ids",
    "clean_json",
    "cookie_sessions",
    "decode_session",
    "format_time",
    "is_clean_json",
    "message_columns",
    "parse_time",
    "push_response",
    "session_cookies",
]
