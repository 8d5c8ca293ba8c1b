"""Prompts: messages of the person, stored before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import ids
from ..clock import stamp
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid
from ..json_text import to_json
from ..records import (
    ATTACHMENT_IDS,
    ATTACHMENTS,
    MAX_ATTACHMENTS,
    Attachment,
    Conversation,
    Message,
    attachment_columns,
    attachments_metadata,
)
from ..text import storable
from .conversations import Conversations
from .messages import Messages
from .quotations import PASSAGES, Passage
from .shown_branch import ShownBranch

MODEL_LENGTH = 100


@in_sentences
class Prompts:
    """Messages of the person with what belongs to them: attachments, and passages of the history.

    Every method is called within a transaction.
    """

    def __init__(
        self, db: Database, conversations: Conversations, messages: Messages, shown_branch: ShownBranch
    ) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._shown_branch = shown_branch

    def add(
        self,
        session_id: str | None,
        text: str,
        model: str | None,
        settings: Mapping[str, Any] | None,
        attachments: Sequence[Attachment],
        passages: Sequence[Passage] = (),
    ) -> Message:
        """Store a message at the end of the shown branch, and its conversation if need be. Raises Invalid."""
        text = prompt_text(text, attachments)
        session = self._create(passages) if session_id is None else self._conversations.get(session_id)
        for key, value in (settings or {}).items():
            self._conversations.set_setting(session.id, key, value)
        prompt = self._add(session.id, text, model, self._shown_branch.next_parent(session.id))
        if attachments:
            self._attach(prompt.id, attachments)
        if passages:
            self._keep_passages(prompt.id, passages)
        return self._messages.get(prompt.id)

    def replace(
        self,
        old: Message,
        text: str,
        model: str | None,
        parent_id: str,
        attachments: Sequence[Attachment] | None,
    ) -> Message:
        """Store a message beside an old one, with these ``attachments``; None: with those of the old one."""
        prompt = self._add(old.session_id, text, model, parent_id, old.id)
        if attachments is None or tuple(attachments) == old.attachments:
            return prompt
        self._attach(prompt.id, attachments)
        return self._messages.get(prompt.id)

    def _add(
        self, session_id: str, text: str, model: str | None, parent_id: str | None, like: str | None = None
    ) -> Message:
        """Store a message; ``like`` names one whose attachments it has."""
        moment = self._messages.next_timestamp(session_id)
        message_id = ids.message_id(moment, self.db.token)
        self.db.execute(
            """insert into chat_messages (id, session_id, role, content, model, message_timestamp, parent_id, metadata,
                has_attachments, attachment_count)
            select :id, :session, 'user', :content, :model, :at, :parent, coalesce(o.metadata, '{}'),
                coalesce(o.has_attachments, 0), coalesce(o.attachment_count, 0)
            from (select 1) left join chat_messages as o on o.id = :like""",
            {
                "id": message_id, "session": session_id, "content": text, "model": clipped_model(model),
                "at": stamp(moment), "parent": parent_id, "like": like,
            },
        )  # fmt: skip
        self.db.touch(session_id)
        return self._messages.get(message_id)

    def _attach(self, message_id: str, attachments: Sequence[Attachment]) -> None:
        """Let a new message name what is attached to it."""
        named = (ATTACHMENTS, ATTACHMENT_IDS)
        others = self._messages.get(message_id).metadata
        metadata = {key: value for key, value in others.items() if key not in named} | attachments_metadata(attachments)
        self.db.execute(
            """update chat_messages set metadata = :metadata, has_attachments = :has_attachments,
                attachment_count = :attachment_count
            where id = :id""",
            {"metadata": to_json(metadata), **attachment_columns(metadata), "id": message_id},
        )

    def _create(self, passages: Sequence[Passage]) -> Conversation:
        """Create a conversation, which is private where one of the ``passages`` is of a private one."""
        session_id = ids.conversation_id(self.db.now(), self.db.token)
        if any(passage.is_private for passage in passages):
            self.db.execute("insert into sync_private (conv_id) values (:id)", {"id": session_id})
        return self._conversations.create(session_id=session_id)

    def _keep_passages(self, message_id: str, passages: Sequence[Passage]) -> None:
        metadata = {**self._messages.get(message_id).metadata, PASSAGES: [each.as_json() for each in passages]}
        values = {"metadata": storable(to_json(metadata)), "id": message_id}
        self.db.execute("update chat_messages set metadata = :metadata where id = :id", values)


def prompt_text(text: str, attachments: Sequence[Attachment]) -> str:
    """Return the text of a prompt as it is stored; without any it is the names of its attachments.

    Raises Invalid for one that has neither, and for too many attachments.
    """
    if len(attachments) > MAX_ATTACHMENTS:
        raise Invalid(f"A message can have {MAX_ATTACHMENTS} attachments at most. Remove some.")
    text = storable(text if text.strip() else ", ".join(item.name for item in attachments))
    if not text.strip():
        raise Invalid("There is nothing to send yet.")
    return text


def clipped_model(model: str | None) -> str | None:
    """Return the name of a model as the column takes it."""
    return storable(model)[:MODEL_LENGTH] if model else None
