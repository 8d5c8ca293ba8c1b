"""Conversations as readers return them: what the source says, nothing guessed.

Ids are the source's own. A reader passes text on unchanged (lone surrogates, NUL and control characters are cleaned
when it is stored) and leaves a field at its default where the source says nothing; above all it never makes up a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal

Role = Literal["user", "assistant", "system"]

ROOT = ""
"""``Message.parent`` of a message that begins the conversation."""


@dataclass(slots=True)
class Text:
    """Visible text of a message, in Markdown as the model or the person wrote it."""

    text: str


@dataclass(slots=True)
class ToolCall:
    """Tool that a model called, with its result; shown folded."""

    name: str
    arguments: Any = None
    """JSON value, or text."""
    result: str | None = None
    """None while no result is known."""
    is_error: bool = False
    id: str = ""


@dataclass(slots=True)
class Attachment:
    """File or picture that belongs to a message."""

    name: str
    media_type: str = ""
    """Empty: recognized by its content."""
    open: Callable[[], BinaryIO] | None = None
    """Return its bytes; None when the export does not contain them."""


@dataclass(slots=True)
class Unsupported:
    """Content of a kind that the reader does not know: shown as ``[unsupported: kind]``, and kept."""

    kind: str
    raw: Any
    """JSON value."""


Part = Text | ToolCall | Attachment | Unsupported


@dataclass(slots=True)
class Message:
    """One message. Its parts stand in the order in which they are shown."""

    id: str
    """The source's id, unique in its conversation; empty where it has none."""
    role: Role
    parts: list[Part] = field(default_factory=list)
    parent: str | None = None
    """Id of the message that it follows, ROOT for none, None for the message before it in the list."""
    created_at: datetime | None = None
    """Aware, in UTC."""
    model: str | None = None
    reasoning: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    """0: the sum of the two."""
    cost: float | None = None
    """In US dollars."""
    elapsed_ms: int = 0
    error: str = ""
    """Sentence of an error that ended the reply."""
    stopped: bool = False
    """The person stopped it."""
    sources: list[tuple[str, str]] = field(default_factory=list)
    """Title and URL of what the reply cites, in order."""
    hidden: bool = False
    """Context that the program added for the model and does not show to a person: kept, and not shown."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Further fields of the source that are worth keeping, as JSON values."""


@dataclass(slots=True)
class Conversation:
    """One conversation with all its branches."""

    id: str
    """The source's id; empty where it has none: then the first messages identify it."""
    title: str = ""
    messages: MutableSequence[Message] = field(default_factory=list)
    """In the source's order; a message may stand before its parent. Of a large conversation they are a SpilledList."""
    shown: str | None = None
    """Id of the last message of the branch that the source shows; None when it does not say."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    model: str | None = None
    """Model to continue with."""
    system_prompt: str = ""
    is_archived: bool = False
    is_pinned: bool = False
    tags: tuple[str, ...] = ()
    project: str = ""
    """Folder or project that it belongs to, as the source names it: ``/home/ana/src/app``, ``Holiday``."""
    parent_id: str = ""
    """Id of the conversation that started this one: of a sub-agent, or the origin of a fork."""
    resume: str = ""
    """Command that opens it in its own program."""
    metadata: dict[str, Any] = field(default_factory=dict)
    is_partial: bool = False
    """Only messages that are new or changed are here: parents that are missing were imported before, and empty fields
    say nothing. Every message has an id.
    """


@dataclass(slots=True)
class Skipped:
    """Item that a reader could not read; the next one is not affected."""

    reason: str
    """Sentence for a person."""
    id: str = ""
    where: str = ""
    """Path in the file tree, with the position where that helps."""


@dataclass(slots=True)
class Mark:
    """How far a reader came, for its next :meth:`Reader.read_since`."""

    text: str


Item = Conversation | Skipped
Metadata = Mapping[str, Any]
