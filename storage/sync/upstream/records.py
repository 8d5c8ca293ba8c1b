"""Records of sync with an upstream server, and the rule for which of two forms of a message wins.

Such a server lists conversations and messages and nothing else: no order of changes, no deletions, no revisions. So a
message is known by a digest of what every flavour of such a server gives back as it was, and a conversation by what the
list says of it (its fingerprint).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ...json_text import to_json
from ..columns import DEFAULTS, MESSAGE_COLUMNS

Item = tuple[str, str, int]
"""Kind, id and revision of something that was sent."""

MISSING_FEW = 5
MISSING_SHARE = 0.1
"""So many conversations may be gone from a list before a person is asked: a list can be wrong."""


@dataclass(frozen=True, slots=True)
class ConversationEntry:
    """One conversation of a server's list; times are the schema's text."""

    id: str
    title: str
    created_at: str
    updated_at: str
    message_count: int = 0
    total_tokens: int = 0
    last_model: str | None = None
    last_message_preview: str | None = None
    last_message_timestamp: str | None = None

    @property
    def fingerprint(self) -> str:
        """Return a value that changes with every visible write of the server."""
        return json.dumps([self.updated_at, self.message_count, self.title], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class ListComparison:
    """Findings of a comparison of lists."""

    changed: tuple[str, ...] = ()
    """Conversations whose messages are to be fetched, as the list had them."""
    missing: tuple[str, ...] = ()
    """Conversations that are not in a whole list any more: to be asked for one by one."""
    held: tuple[str, ...] = ()
    """Conversations that are missing too, when they are so many that nothing is believed before a person says so."""


@dataclass(frozen=True, slots=True)
class OutboxSummary:
    """Summary of what waits to be sent."""

    waits: bool
    doubtful: bool
    """Something of it should not go before the server's list was looked at: it was on its way before, and nobody knows
    whether it arrived, or it would overwrite what may be better."""
    clear: bool
    has_settings: bool = False
    """Settings wait, which are let go of without a request."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent whole, for the server erases what is missing."""

    id: str
    rev: int
    value: Mapping[str, Any]
    """The columns."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other fields that the server once sent."""


@dataclass(frozen=True, slots=True)
class OutgoingConversation:
    """A conversation with what is to be sent of it."""

    id: str
    rev: int | None
    """Of its own op: it is new, or its title changed; then the title goes along."""
    known: bool
    """The server has it, as far as is known."""
    row: Mapping[str, Any]
    """Its columns, counters included."""
    messages: tuple[OutgoingMessage, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """Return everything that an acknowledgement covers."""
        own: tuple[Item, ...] = () if self.rev is None else (("c", self.id, self.rev),)
        return own + tuple(("m", item.id, item.rev) for item in self.messages)


@dataclass(frozen=True, slots=True)
class Batch:
    """Next conversations and messages to send."""

    deletes: tuple[Item, ...] = ()
    conversations: tuple[OutgoingConversation, ...] = ()

    @property
    def empty(self) -> bool:
        """Return whether there is nothing."""
        return not self.deletes and not self.conversations


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as the server has it."""

    id: str
    value: Mapping[str, Any]
    """The columns that it speaks of."""
    extra: Mapping[str, Any] = field(default_factory=dict)


def digest(value: Mapping[str, Any]) -> str:
    """Return a digest of a message as every such server returns it: without error text and microseconds."""
    result = [value["role"], value["content"], bool(value["error_message"]), value["message_timestamp"][:23]]
    return blake2b(json.dumps(result).encode(), digest_size=12).hexdigest()


def rank(value: Mapping[str, Any]) -> tuple[bool, int, str]:
    """Return the rank of one form of a message: it succeeded, it says more, it is later."""
    return not value["error_message"], value.get("output_tokens") or 0, value["message_timestamp"][:23]


def enriched(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``theirs`` with fields of ``mine`` that the server does not return, for example error texts."""
    values = {name: _fuller(name, mine[name], theirs.get(name)) for name in MESSAGE_COLUMNS}
    values |= {"role": theirs["role"], "content": theirs["content"]}
    failed = theirs["error_message"]
    values["error_message"] = (mine["error_message"] or failed) if failed else None
    same_moment = mine["message_timestamp"][:23] == theirs["message_timestamp"][:23]
    values["message_timestamp"] = (mine if same_moment else theirs)["message_timestamp"]
    return values


def _fuller(name: str, mine: Any, theirs: Any) -> Any:
    if theirs is None or theirs == DEFAULTS.get(name):
        return mine
    if name == "metadata" and mine:
        stored = json.loads(mine)
        if isinstance(stored, dict) and stored:
            return to_json(stored | json.loads(theirs))
    return theirs
