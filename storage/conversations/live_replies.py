"""Replies from the prompt that asks for them to the message they become.

A reply that is still arriving lives in ``live_replies`` alone: the mirror's tables, their triggers and the outbox see
settled messages. The process that receives it holds an OS lock on a file that the row names. Such a lock ends with
the process, whatever ended it, and needs no clock, no process id and no clean-up: a row whose lock is free is of a
dead process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .. import ids
from ..clock import stamp
from ..database.connection import Database
from ..database.integers import int4
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound, StoreUnwritable
from ..json_text import json_object, to_json
from ..records import (
    Attachment,
    LiveReply,
    Message,
    NewTurn,
    Settled,
)
from ..text import storable
from .arriving_replies import COLUMNS
from .branch_changes import BranchChanges
from .conversations import Conversations
from .message_tree import ROOT
from .messages import Messages
from .process_locks import ProcessLock, is_free
from .prompts import Prompts, clipped_model, prompt_text
from .quotations import Passage
from .settled_replies import SettledReplies
from .shown_branch import ShownBranch
from .tool_calls import has_substance
from .trash import Trash

COMPLETION_LENGTH = 255

_NOTHING_CAME = {
    "stopped": "Stopped before a reply came.",
    "interrupted": "Interrupted before a reply came.",
    "failed": "The reply failed.",
}


@in_sentences
class LiveReplies:
    """Turns in progress."""

    def __init__(
        self,
        db: Database,
        conversations: Conversations,
        messages: Messages,
        prompts: Prompts,
        process_lock: ProcessLock,
        branch_changes: BranchChanges,
        settled_replies: SettledReplies,
        shown_branch: ShownBranch,
        trash: Trash,
    ) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._prompts = prompts
        self._process_lock = process_lock
        self._branch_changes = branch_changes
        self._settled_replies = settled_replies
        self._shown_branch = shown_branch
        self._trash = trash

    def begin_turn(
        self,
        session_id: str | None,
        text: str,
        *,
        model: str | None,
        settings: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
        passages: Sequence[Passage] = (),
    ) -> NewTurn:
        """Store a prompt before anything is asked: the conversation if need be, the message, the row of its reply.

        Without text, the names of its attachments are the text. ``passages`` of the history are kept with the message;
        a new conversation with some of a private one is private itself.
        """
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            prompt = self._prompts.add(session_id, text, model, settings, attachments, passages)
            reply = self._add_live(prompt, model, owner, parent_id=None if prompt.parent_id is None else prompt.id)
            return NewTurn(self._conversations.get(prompt.session_id), session_id is None, prompt, reply)

    def begin_comparison(
        self,
        session_id: str | None,
        text: str,
        *,
        models: Sequence[str],
        settings: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> list[NewTurn]:
        """Store a prompt as :meth:`begin_turn` does, and a row for the reply of each model: versions of one another."""
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            prompt = self._prompts.add(session_id, text, models[0], settings, attachments)
            session = self._conversations.get(prompt.session_id)
            replies = [self._add_live(prompt, model, owner, parent_id=prompt.id) for model in models]
            return [NewTurn(session, session_id is None, prompt, reply) for reply in replies]

    def begin_edit(
        self,
        message_id: str,
        text: str,
        *,
        model: str | None = None,
        attachments: Sequence[Attachment] | None = None,
    ) -> NewTurn:
        """Send another text in place of a message of one's own: a new branch beside the old one, which stays.

        The new message has these ``attachments``; None: those of the old one. The new branch is shown.
        """
        text = prompt_text(text, attachments or ())
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            old = self._messages.get(message_id)
            if old.role != "user":
                raise Invalid("Only your own messages can be edited and sent again.")
            shown = self._shown_branch.leaf(old.session_id)
            parent = self._messages.parent(old)
            model = model or old.model
            prompt = self._prompts.replace(old, text, model, parent.id if parent is not None else ROOT, attachments)
            self._shown_branch.show(prompt.id, old.session_id)
            if shown is not None:
                self._branch_changes.note_shown(prompt, shown)
            reply = self._add_live(prompt, model, owner, parent_id=prompt.id)
            return NewTurn(self._conversations.get(old.session_id), False, prompt, reply)

    def begin_retry(self, message_id: str, *, model: str | None = None) -> NewTurn:
        """Ask for another version of a reply, or for the one a prompt never got. What there is stays.

        ``model`` is the one to ask now; None: the one that was asked.
        """
        return self.begin_versions(message_id, models=[model])[0]

    def begin_versions(self, message_id: str, *, models: Sequence[str | None]) -> list[NewTurn]:
        """Ask each model as :meth:`begin_retry` does, all at once."""
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            old = self._messages.get(message_id)
            prompt = old if old.role == "user" else self._prompt_of(old)
            self._require_quiet(prompt)
            parent = prompt if old.role == "user" else self._messages.parent(old) or prompt
            session = self._conversations.get(old.session_id)
            replies = [self._add_live(prompt, model or old.model, owner, parent_id=parent.id) for model in models]
            return [NewTurn(session, False, prompt, reply) for reply in replies]

    def begin_continue(self, message_id: str, *, model: str | None = None) -> NewTurn:
        """Ask for the rest of a reply that was cut or stopped; its text grows by what comes.

        Raises Invalid for a reply that is whole, and for one that something follows.
        """
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            reply = self._messages.get(message_id)
            if not is_unfinished(reply):
                raise Invalid("This reply is complete.")
            if self._shown_branch.leaf(reply.session_id) != reply.id:
                raise Invalid("Only the last reply of a conversation can be continued.")
            prompt = self._prompt_of(reply)
            self._require_quiet(prompt)
            live = self._add_live(
                prompt, model or reply.model, owner, parent_id=self._shown_branch.next_parent(reply.session_id),
                continues=reply.id,
            )  # fmt: skip
            return NewTurn(self._conversations.get(reply.session_id), False, prompt, live)

    def save(self, reply_id: str, content: str, reasoning: str, metadata: Mapping[str, Any] | None = None) -> None:
        """Keep what has come so far of a reply. One small commit."""
        with self.db.write():
            self.db.execute(
                """update live_replies set content = :content, reasoning = :reasoning, metadata = :metadata
                where id = :id""",
                {
                    "content": storable(content),
                    "reasoning": storable(reasoning),
                    "metadata": to_json(dict(metadata or {})),
                    "id": reply_id,
                },
            )

    def settle(self, reply_id: str, settled: Settled, *, unread: bool = True) -> Message:
        """Make a live reply a message: all of it in one transaction. NotFound when it is settled already."""
        with self.db.write():
            live = self.db.one(f"select {COLUMNS} from live_replies where id = :id", id=reply_id)
            if live is None:
                raise NotFound("That reply is settled already.")
            self.db.execute("delete from live_replies where id = :id", {"id": reply_id})
            row = _settled_row(live, settled)
            if not self.db.one("select 1 from chat_sessions where id = :id", id=live["session_id"]):
                return self._trash.add_late_reply(row)
            if live["continues"]:
                message = self._settled_replies.grow(live["continues"], row, settled)
            else:
                message = self._settled_replies.store(row, settled)
            if settled.input_tokens:
                self.db.execute(
                    """update chat_messages set input_tokens = :n
                    where id = :id and role = 'user' and input_tokens is not :n""",
                    {"n": int4(settled.input_tokens), "id": live["user_message_id"]},
                )
            self._conversations.title_from_exchange(live["session_id"])
            if unread:
                self._conversations.mark_unread(live["session_id"])
            self.db.touch(live["session_id"])
            return message

    def recover_interrupted(self) -> list[Message]:
        """Settle, as interrupted, sent prompts of dead processes; gives the replies. None while read-only."""
        if self.db.read_only is None:
            try:
                return self._recover()
            except StoreUnwritable as error:
                self.db.read_only = error  # they can still be read, and so can everything else
        return []

    def _recover(self) -> list[Message]:
        owners = [row["owner"] for row in self.db.rows("select distinct owner from live_replies where owner <> ''")]
        mine = self._process_lock.name
        dead = [name for name in owners if name != mine and is_free(self.db.path.parent / name)]
        result = []
        for name in dead:
            with self.db.write():  # the rows are read again inside: another process may be doing the same
                rows = f"select {COLUMNS} from live_replies where owner = :name and waiting is null"
                for row in self.db.rows(rows, name=name):
                    known = json_object(row["metadata"])
                    ended = Settled("interrupted", row["content"], row["reasoning"], model=row["model"], metadata=known)
                    with suppress(NotFound):  # its conversation was deleted for good
                        result.append(self.settle(row["id"], ended))
            with suppress(OSError):
                (self.db.path.parent / name).unlink(missing_ok=True)
        return result

    def _add_live(
        self, prompt: Message, model: str | None, owner: str, *, parent_id: str | None, continues: str | None = None
    ) -> LiveReply:
        moment = self._messages.next_timestamp(prompt.session_id)
        reply_id = ids.message_id(moment, self.db.token)
        model = storable(model) if model else None
        self.db.execute(
            """insert into live_replies (id, session_id, user_message_id, model, message_timestamp, owner, parent_id,
                continues)
            values (:id, :session, :prompt, :model, :at, :owner, :parent, :continues)""",
            {
                "id": reply_id, "session": prompt.session_id, "prompt": prompt.id, "model": model, "at": stamp(moment),
                "owner": owner, "parent": parent_id, "continues": continues,
            },
        )  # fmt: skip
        self.db.touch(prompt.session_id)
        at = stamp(moment)
        return LiveReply(reply_id, prompt.session_id, prompt.id, model, at, "", "", True, parent_id, continues)

    def _require_quiet(self, prompt: Message) -> None:
        if self.db.one("select 1 from live_replies where user_message_id = :id", id=prompt.id):
            raise Invalid("A reply to this message is already arriving.")

    def _prompt_of(self, reply: Message) -> Message:
        if reply.user_message_id:
            with suppress(NotFound):
                return self._messages.get(reply.user_message_id)
        for message in self._messages.ancestors(reply):
            if message.role == "user":
                return message
        raise NotFound("The message that this reply answers is not here any more.")


def is_unfinished(reply: Message) -> bool:
    """Return whether a reply has text and was cut or stopped before its end."""
    is_cut = reply.finish != "done" or reply.metadata.get("finish_reason") == "length"
    return reply.role == "assistant" and has_substance(reply.content, reply.metadata) and is_cut


def _settled_row(live: sqlite3.Row, settled: Settled) -> dict[str, Any]:
    content = storable(settled.content)
    metadata = dict(settled.metadata)
    failed = settled.finish == "failed" or (settled.finish != "done" and not has_substance(content, metadata))
    if settled.finish != "done":
        metadata["finish"] = settled.finish
    return {
        "id": live["id"],
        "session_id": live["session_id"],
        "content": content,
        "message_timestamp": live["message_timestamp"],
        "model": clipped_model(settled.model or live["model"]),
        "total_tokens": int4(settled.total_tokens or settled.input_tokens + settled.output_tokens),
        "input_tokens": int4(settled.input_tokens),
        "output_tokens": int4(settled.output_tokens),
        "user_message_id": live["user_message_id"],
        "elapsed_ms": int4(settled.elapsed_ms),
        "completion_id": storable(settled.completion_id)[:COMPLETION_LENGTH] if settled.completion_id else None,
        "error_message": storable(settled.error_message or _NOTHING_CAME[settled.finish]) if failed else None,
        "reasoning": storable(settled.reasoning) or None,
        "metadata": to_json(metadata),
        "parent_id": live["parent_id"],
    }
