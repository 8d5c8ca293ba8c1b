"""What an import brings, as rows, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, BinaryIO, Literal

SOURCE, SOURCE_ID = "source", "source_id"
"""Settings of an imported conversation: name of its reader, and its id there."""
IMPORTED = "imported"
"""Setting of an imported conversation, and key of a message's metadata: what the last import wrote."""
DETAILS = "source_details"
"""Setting of an imported conversation: model and further facts of its source."""
PROJECT, RESUME, STARTED_BY = "project", "resume", "started_by"
"""Settings of an imported conversation: folder or project, command that opens it in its own program, and the id of the
conversation that started it."""

CONVERSATION_ID, MESSAGE_ID = "conv_0_", "msg_0_"
"""Beginnings of the ids of what was imported: the rest is made from the ids of the source."""
TEXT_MARK = 12
"""Characters of a message's mark that stand for its text; the rest stand for all that its source says."""

Status = Literal["new", "updated", "unchanged", "older", "deleted", "refused"]
"""``older``: a newer state of it is here. ``deleted``: it was deleted here. ``refused``: a value cannot be stored."""


@dataclass(slots=True)
class IncomingFile:
    """File of a message, not yet read."""

    name: str
    media_type: str
    open: Callable[[], BinaryIO] | None
    id: str = ""
    """Id that it had in the Sterna that exported it."""
    size: int = 0


@dataclass(slots=True)
class IncomingConversation:
    """One conversation as rows."""

    id: str
    source: str
    source_id: str
    title: str
    created_at: str
    updated_at: str
    digest: str
    """Digest of all that the source says."""
    version: tuple[int, int]
    """Age of its content and of its file, in microseconds since 1970: the greater one is the newer."""
    messages: MutableSequence[dict[str, Any]]
    """Rows of chat_messages in the order of time; metadata is JSON, without the files. They may lie in a file: put a
    row back to change it.
    """
    parents: list[str]
    """Id of the message that each of them follows; empty for none."""
    is_line: bool
    """True where there is one branch: then the rows name no parents."""
    files: MutableMapping[int, list[IncomingFile]]
    """Position of a message → its files."""
    leaf: str | None
    """Message of the branch that the source shows; None for the newest."""
    settings: dict[str, Any]
    labels: dict[str, bool]
    """pinned, archived and tags as the source has them."""
    is_own: bool = False
    """It comes from a Sterna: ids and settings are kept as they are."""
    has_ids: bool = True
    """False for a document of a Sterna, without ids of messages: taken only where its conversation is not here."""
    last_activity: str = ""
    """Empty: the same as ``updated_at``."""
    is_partial: bool = False
    """It holds only messages that are new or changed."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what was left out."""

    @property
    def base(self) -> dict[str, Any]:
        """Return what a later import compares with."""
        return {
            "digest": self.digest,
            "version": list(self.version),
            "title": self.title,
            "leaf": self.leaf,
            "labels": sorted(key for key, value in self.labels.items() if value),
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one conversation."""

    id: str
    status: Status
    messages: int = 0
    """Messages that were added."""
    kept: int = 0
    """Texts and titles that the source changed, and that stay as a person changed them here."""


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One import, for a list and for its undo."""

    id: int
    began_at: str
    state: Literal["running", "done", "stopped", "undone"]
    paths: tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UndoneImport:
    """Result of the undo of an import."""

    run: int
    removed: int
    """Conversations in the trash."""
    restored: int
    """Conversations that are as they were before it."""
    kept: int
    """Conversations that stay, because somebody changed them since."""
    token: int | None
    """Undo of the removal, as of any deletion."""
    after: str | None = None
    """Id of the conversation up to which it is taken back; None when all of it is."""


def text_mark(content: str, reasoning: str | None) -> str:
    """Return the mark by which a text is recognized as the one that was imported."""
    return blake2b(f"{content}\0{reasoning or ''}".encode(), digest_size=TEXT_MARK // 2).hexdigest()
