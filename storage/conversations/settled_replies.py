"""Replies that have ended, put into the tree of their conversation.

A reply that was asked for again is one more version beside the others, and is shown if it is better than they are. One
that was continued grows by what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.integers import int4
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from ..json_text import json_object, to_json
from ..records import (
    ATTACHMENTS,
    KEPT_REPLY,
    Message,
    Settled,
    attachment_columns,
    attachments_from,
    attachments_metadata,
)
from .branch_changes import BranchChanges
from .branches import Branches
from .citations import joined_citations
from .messages import Messages
from .reattachment import Reattachment
from .shown_branch import ShownBranch
from .tool_calls import has_substance, joined_text, joined_tool_calls

_GROW = """
update chat_messages
set content = :content,
    reasoning = nullif(coalesce(reasoning || char(10) || char(10), '') || coalesce(:reasoning, ''), ''),
    total_tokens = :total_tokens, output_tokens = :output_tokens, elapsed_ms = :elapsed_ms,
    error_message = null, metadata = :metadata,
    has_attachments = :has_attachments, attachment_count = :attachment_count
where id = :id
"""
_OF_THE_END = frozenset({"finish", "finish_reason"})
"""Metadata of a reply's end, which is another one once it was continued."""


@in_sentences
class SettledReplies:
    """Replies that become messages."""

    def __init__(
        self,
        db: Database,
        branch_changes: BranchChanges,
        branches: Branches,
        messages: Messages,
        reattachment: Reattachment,
        shown_branch: ShownBranch,
    ) -> None:
        self.db = db
        self._branch_changes = branch_changes
        self._branches = branches
        self._messages = messages
        self._reattachment = reattachment
        self._shown_branch = shown_branch

    def store(self, row: dict[str, Any], settled: Settled) -> Message:
        """Store a reply beside the other versions, and show it, if it is better than the one that is shown.

        One without text leaves everything as it was. One that broke off, or is behind, is stored and not shown.
        """
        session_id = row["session_id"]
        shown = self._shown_branch.leaf(session_id)
        parent = self._messages.parent(_coming(row))
        others = self._others(row, parent)
        good = [reply for reply in others if has_substance(reply.content, reply.metadata)]
        stays = next((reply for reply in good if not self._is_hidden(reply)), good[-1] if good else None)
        if stays is not None and not has_substance(row["content"], settled.metadata):
            return _of_row(row, stays.id)
        for reply in others:
            if reply not in good:
                self._remove(reply)
        if parent is not None and self._is_next_in_line(parent):
            row = {**row, "parent_id": None}
        self._messages.insert_reply(row)
        message = self._messages.get(row["id"])
        if stays is None or shown is None:
            return message
        is_behind = _key(row) < stays.key if settled.is_behind is None else settled.is_behind
        if is_behind or (settled.finish in ("failed", "interrupted") and not all(reply.failed for reply in good)):
            self._shown_branch.show(shown, session_id)
            return _of_row(row, stays.id)
        if parent is None or not self._is_hidden(parent):
            self._shown_branch.show(message.id, session_id)
            self._branch_changes.note_shown(message, shown)
        return message

    def grow(self, reply_id: str, row: dict[str, Any], settled: Settled) -> Message:
        """Add what came to the text of the reply that was continued."""
        try:
            reply = self._messages.get(reply_id)
        except NotFound:  # it was deleted meanwhile: the words are a message of their own
            self._messages.insert_reply(row)
            return self._messages.get(row["id"])
        if not has_substance(row["content"], settled.metadata):
            return _of_row(row, reply.id)
        self._branch_changes.note_text(reply)
        metadata = {name: value for name, value in reply.metadata.items() if name not in _OF_THE_END}
        metadata |= json_object(row["metadata"])
        metadata |= joined_citations(reply.metadata, reply.content, json_object(row["metadata"]))
        metadata |= _summed_costs(reply.metadata, json_object(row["metadata"]))
        content = joined_text(reply.content, reply.metadata, row["content"])
        before = len(content) - len(row["content"])
        metadata |= joined_tool_calls(reply.metadata, before, json_object(row["metadata"]))
        metadata |= attachments_metadata((*reply.attachments, *attachments_from(settled.metadata.get(ATTACHMENTS))))
        if reply.failed and settled.finish == "done":
            metadata.pop("kind", None)
        self.db.execute(
            _GROW,
            {
                "id": reply.id,
                "content": content,
                "reasoning": row["reasoning"],
                "total_tokens": int4(reply.total_tokens + row["total_tokens"]),
                "output_tokens": int4(reply.output_tokens + row["output_tokens"]),
                "elapsed_ms": int4(reply.elapsed_ms + row["elapsed_ms"]),
                "metadata": to_json(metadata),
                **attachment_columns(metadata),
            },
        )
        return self._messages.get(reply.id)

    def _others(self, row: dict[str, Any], parent: Message | None) -> list[Message]:
        """Return the replies beside which this one will be, oldest first."""
        followers = [self._messages.get(id_) for id_ in self._branches.followers(row["session_id"], parent)]
        return [message for message in followers if message.role == "assistant"]

    def _is_next_in_line(self, parent: Message) -> bool:
        """Return whether a new message follows ``parent`` without naming it, as in a conversation without branches."""
        return self._messages.is_trunk(parent) and not self._branches.followers(parent.session_id, parent)

    def _remove(self, reply: Message) -> None:
        """Delete a version without text; what followed it follows its prompt."""
        self._reattachment.detach(reply)
        self.db.execute("delete from chat_messages where id = :id", {"id": reply.id})

    def _is_hidden(self, message: Message) -> bool:
        return self._shown_branch.is_hidden(message.id, message.session_id)


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["message_timestamp"], row["id"]


def _coming(row: dict[str, Any]) -> Message:
    """Return the message that a row is to become, as far as its place in the tree needs it."""
    at, parent_id = row["message_timestamp"], row["parent_id"]
    return Message(row["id"], row["session_id"], "assistant", "", at, parent_id=parent_id)


def _of_row(row: dict[str, Any], stored: str) -> Message:
    """Return the message of a reply that is not shown."""
    metadata = {**json_object(row["metadata"]), KEPT_REPLY: stored}
    values = {name: row[name] for name in row if name != "metadata"}
    return Message(**values, role="assistant", content_type="markdown", is_streaming=True, metadata=metadata)


def _summed_costs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Return the cost of a reply and of its rest; nothing where one of them is not known."""
    costs = [metadata.get("cost") for metadata in (before, after)]
    known = [cost for cost in costs if isinstance(cost, (int, float)) and not isinstance(cost, bool)]
    return {"cost": sum(known)} if len(known) == 2 else {}
