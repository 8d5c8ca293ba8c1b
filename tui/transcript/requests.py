"""Messages that the transcript posts: what was done in it, and what others are asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.message import Message as Event

from ..markdown import Link

if TYPE_CHECKING:
    from sterna.storage import Attachment


@dataclass
class Copied(Event, namespace="transcript"):
    """Text was put on the clipboard."""

    text: str
    what: str
    """Description: "message", "selection", "code block 2 of 3"."""


@dataclass
class CodeRequested(Event, namespace="transcript"):
    """A block of code is to be saved to a file, or opened in an editor."""

    action: Literal["save", "edit"]
    code: str
    language: str


@dataclass
class LinksRequested(Event, namespace="transcript"):
    """One of these addresses is to be opened."""

    links: list[Link]


@dataclass
class QuoteRequested(Event, namespace="transcript"):
    """The message that a reply quotes is to be opened."""

    conversation_id: str
    message_id: str


@dataclass
class RetryRequested(Event, namespace="transcript"):
    """Another reply is to replace this one."""

    message_id: str


@dataclass
class ActionOnMessage(Event, namespace="transcript"):
    """An action of the screen is to be run on the message under the cursor."""

    action_id: str


@dataclass
class VersionRequested(Event, namespace="transcript"):
    """Another version of this message is to be shown."""

    message_id: str
    step: int
    """1 for the next one, -1 for the one before it."""


@dataclass
class AttachmentsRequested(Event, namespace="transcript"):
    """Request to open the attachments of a message."""

    attachments: tuple[Attachment, ...]


@dataclass
class DeleteRequested(Event, namespace="transcript"):
    """This message is to be deleted."""

    message_id: str


@dataclass
class Opened(Event, namespace="transcript"):
    """Another conversation, or none yet, is on the screen."""

    conversation_id: str | None


@dataclass
class MatchShown(Event, namespace="transcript"):
    """The cursor is on a place that matches the search."""

    number: int
    """From 1; 0 when nothing matches."""
    total: int
