"""Rows as the rest of the house sees them: frozen, typed, with the schema's column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Role = Literal["user", "assistant", "system"]
Finish = Literal["done", "stopped", "interrupted", "failed"]
"""End of a reply: by itself, by the person, by the death of the process that received it, or by an error."""


AttachmentKind = Literal["image", "pdf", "text"]

KEPT_REPLY = "kept_reply"
"""Key of a message's metadata: the id of the reply that stayed because this one brought nothing better."""


class Conversation(NamedTuple):
    """One conversation, a row of ``chat_sessions``. Times are ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, UTC.

    See docs/specification/schema.md#table-chat-sessions.
    """

    id: str
    user_id: str
    title: str
    created_at: str
    updated_at: str
    last_activity: str
    message_count: int
    total_tokens: int
    last_model: str | None
    last_message_preview: str | None
    last_message_timestamp: str | None


class ConversationSummary(NamedTuple):
    """One line of the sidebar."""

    id: str
    title: str
    preview: str
    model: str | None
    at: str
    """The time it is sorted by: its newest counted message, else its creation."""
    live: bool
    """A reply is arriving, in this process or in another."""
    unread: bool
    """A reply settled since this conversation was last opened."""
    failed: bool
    """Its newest message failed."""
    unsynced: bool
    """It has a change that no server has acknowledged. Meaningful only for a signed-in account."""
    draft: bool = False
    """Something was typed in it and not sent."""
    private: bool = False
    """It stays on this device."""
    untitled: bool = False
    """Its title is the default one, given by nobody."""
    pinned: bool = False
    archived: bool = False
    tags: tuple[str, ...] = ()
    """Names of its tags, without ``#``."""
    origin: str = ""
    """Program and project that it comes from: ``claude-code · app``; empty for one that was begun here."""
    waiting: bool = False
    """A prompt waits for a provider that cannot be reached; it is :attr:`live` too."""


ATTACHMENTS = "attachments"
"""Key of a message's metadata: what is attached to it."""
ATTACHMENT_IDS = "attachment_ids"
"""Key of a message's metadata: the ids of the first attachments, under the name that other clients know."""
MAX_ATTACHMENTS = 20
"""Most attachments of one message."""
COUNTED_ATTACHMENTS = 3
"""Most attachments that ``attachment_count`` and ``attachment_ids`` can state."""


class Attachment(NamedTuple):
    """File attached to a message or a draft. Its bytes are kept beside the database, under its id."""

    id: str
    """SHA-256 of the bytes, in hexadecimal."""
    name: str
    media_type: str
    """``image/png``, ``application/pdf``, ``text/plain`` …"""
    size: int
    """Bytes."""

    @property
    def kind(self) -> AttachmentKind:
        """Return how it is sent to a model."""
        if self.media_type.startswith("image/"):
            return "image"
        return "pdf" if self.media_type == "application/pdf" else "text"


def attachments_json(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """Return attachments as metadata and drafts hold them."""
    return [{"id": item.id, "name": item.name, "type": item.media_type, "size": item.size} for item in attachments]


def attachments_metadata(attachments: Sequence[Attachment]) -> dict[str, Any]:
    """Return the metadata of a message with these attachments; nothing without any."""
    ids = [item.id for item in attachments[:COUNTED_ATTACHMENTS]]
    return {ATTACHMENTS: attachments_json(attachments[:MAX_ATTACHMENTS]), ATTACHMENT_IDS: ids} if ids else {}


def attachment_columns(metadata: Mapping[str, Any]) -> dict[str, int]:
    """Return the columns that state the attachments in the metadata of a message."""
    count = len(metadata.get(ATTACHMENT_IDS) or ())
    return {"has_attachments": int(count > 0), "attachment_count": count}


def attachments_from(value: object) -> tuple[Attachment, ...]:
    """Return the attachments in a value of :func:`attachments_json`; invalid ones, from elsewhere, are passed over."""
    result = []
    for item in value[:MAX_ATTACHMENTS] if isinstance(value, list) else ():
        given = item if isinstance(item, Mapping) else {}
        identity, name, media_type, size = (given.get(key) for key in ("id", "name", "type", "size"))
        if isinstance(identity, str) and is_attachment_id(identity):
            size = size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**53 else 0
            name, media_type = (text if isinstance(text, str) else "" for text in (name, media_type))
            result.append(Attachment(identity, name[:255], media_type[:100], size))
    return tuple(result)


def is_attachment_id(text: str) -> bool:
    """Return whether a text is a SHA-256 in lower-case hexadecimal, and so a safe name of a file."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


class Message(NamedTuple):
    """One settled message, a row of ``chat_messages``: docs/specification/schema.md#table-chat-messages."""

    id: str
    session_id: str
    role: Role
    content: str
    message_timestamp: str
    model: str | None = None
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    user_message_id: str | None = None
    content_type: Literal["text", "markdown"] = "text"
    elapsed_ms: int = 0
    completion_id: str | None = None
    error_message: str | None = None
    is_streaming: bool = False
    reasoning: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})
    parent_id: str | None = None
    """The message that this one follows: None for the one before it in time, empty for none."""

    @property
    def key(self) -> tuple[str, str]:
        """Return the place in the conversation: order is ``(message_timestamp, id)``."""
        return self.message_timestamp, self.id

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Return the files attached to it."""
        return attachments_from(self.metadata.get(ATTACHMENTS))

    @property
    def context_tokens(self) -> int:
        """Return the tokens of the context that it ends: of its last request, where tools made it several."""
        last = self.metadata.get("context_tokens")
        if isinstance(last, int) and not isinstance(last, bool) and last > 0:
            return last
        return self.input_tokens + self.output_tokens

    @property
    def failed(self) -> bool:
        """Return whether the message is counted nowhere: docs/specification/triggers.md#failed-messages."""
        return bool(self.error_message)

    @property
    def finish(self) -> Finish:
        """Return how the message ended; ``done`` for anything that says nothing else."""
        finish: Finish = self.metadata.get("finish", "failed" if self.failed else "done")
        return finish


class LiveReply(NamedTuple):
    """A reply that is still arriving, a row of the local table ``live_replies``."""

    id: str
    """The id its message will have."""
    session_id: str
    user_message_id: str
    model: str | None
    message_timestamp: str
    content: str
    reasoning: str
    mine: bool
    """True when this process receives it."""
    parent_id: str | None = None
    """``parent_id`` of its message."""
    continues: str | None = None
    """Id of the reply whose text it goes on with; it then becomes no message of its own."""
    metadata: Mapping[str, Any] = MappingProxyType({})
    """Metadata of its message so far: the tools that were called."""
    waiting: str | None = None
    """Sentence that says which provider cannot be reached, while the prompt waits for it."""


class Version(NamedTuple):
    """Place of a message among those that follow the same message: versions of a reply, or of an edited message."""

    number: int
    """From 1, the oldest."""
    total: int
    ids: tuple[str, ...]
    """All of them, the oldest first."""


class NewTurn(NamedTuple):
    """Rows of a new turn, before anything is asked: conversation, prompt, and the reply to come."""

    session: Conversation
    created: bool
    """True when the conversation was made by this prompt."""
    user_message: Message
    reply: LiveReply


class Settled(NamedTuple):
    """End of a reply and its content, as :meth:`LiveReplies.settle` takes it."""

    finish: Finish
    content: str
    reasoning: str = ""
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    elapsed_ms: int = 0
    completion_id: str | None = None
    error_message: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})
    is_behind: bool | None = None
    """True if another version with text, where there is one, stays shown; None: if it was asked for later."""


class Trashed(NamedTuple):
    """A deletion that can be undone."""

    token: int
    sessions: int
    messages: int
    title: str
    """The title of the conversation, or of the newest of several."""
    kind: Literal["session", "message", "reply", "clear", "labels", "settings"] = "session"
    """Kind of the deleted thing; ``reply`` for a branch that another one replaced on the screen, and for the text of a
    reply that was continued.

    ``labels``: nothing was deleted, but conversations were pinned, archived or tagged, or no longer are.
    ``settings``: a conversation was given another persona, system prompt or parameter.
    """


class Change(NamedTuple):
    """Ids touched by a commit; readers read the database."""

    sessions: frozenset[str] = frozenset()
    elsewhere: bool = False
    """Another process committed; which rows is not known."""
