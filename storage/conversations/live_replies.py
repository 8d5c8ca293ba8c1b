"""Replies from the prompt that asks for them to the message they become.

A reply that is still arriving lives in ``live_replies`` alone: the mirror's tables, their triggers and the outbox see
settled messages. The process that receives it holds an OS lock on a file that the row names. Such a lock ends with
the process, whatever ended it, and needs no clock, no process id and no clean-up: a row whose lock is free is of a
dead process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .. import ids
from ..clock import stamp
from ..database.connection import Database
from ..database.integers import int4
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound, StoreUnwritable
from ..json_text import to_json
from ..records import LiveReply, Message, NewTurn, Settled
from ..text import storable
from .arriving_replies import COLUMNS
from .conversations import Conversations
from .messages import Messages
from .process_locks import ProcessLock, is_dead
from .reply_versions import ReplyVersions
from .trash import Trash

MODEL_LENGTH = 100
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
        reply_versions: ReplyVersions,
        trash: Trash,
        process_lock: ProcessLock,
    ) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._reply_versions = reply_versions
        self._trash = trash
        self._process_lock = process_lock

    def begin_turn(
        self, session_id: str | None, text: str, *, model: str | None, settings: Mapping[str, Any] | None = None
    ) -> NewTurn:
        """Store a prompt before anything is asked: the conversation if need be, the message, the row of its reply."""
        text = storable(text)
        if not text.strip():
            raise Invalid("There is nothing to send yet.")
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            created = session_id is None
            session_id = (
                self._conversations.create().id if session_id is None else self._conversations.get(session_id).id
            )
            for key, value in (settings or {}).items():
                self._conversations.set_setting(session_id, key, value)
            moment = self._messages.next_timestamp(session_id)
            message_id = ids.message_id(moment, self.db.token)
            self.db.execute(
                """insert into chat_messages (id, session_id, role, content, model, message_timestamp)
                values (:id, :session, 'user', :content, :model, :at)""",
                {
                    "id": message_id,
                    "session": session_id,
                    "content": text,
                    "model": _clipped(model),
                    "at": stamp(moment),
                },
            )
            self.db.touch(session_id)
            reply = self._add_live(session_id, message_id, model, owner)
            return NewTurn(self._conversations.get(session_id), created, self._messages.get(message_id), reply)

    def begin_retry(self, message_id: str, *, model: str | None = None) -> NewTurn:
        """Ask again for a reply, or for the one a prompt never got. The old reply stays until the new one has text.

        ``model`` is the one to ask now; None: the one that was asked.
        """
        self.db.require_writable()
        owner = self._process_lock.take()
        with self.db.write():
            old = self._messages.get(message_id)
            prompt = old if old.role == "user" else self._prompt_of(old)
            if self.db.one("select 1 from live_replies where user_message_id = :id", id=prompt.id):
                raise Invalid("A reply to this message is already arriving.")
            self.db.touch(old.session_id)
            reply = self._add_live(old.session_id, prompt.id, model or old.model, owner)
            return NewTurn(self._conversations.get(old.session_id), False, self._messages.get(prompt.id), reply)

    def save(self, reply_id: str, content: str, reasoning: str) -> None:
        """Keep what has come so far of a reply. One small commit."""
        with self.db.write():
            self.db.execute(
                "update live_replies set content = :content, reasoning = :reasoning where id = :id",
                {"content": storable(content), "reasoning": storable(reasoning), "id": reply_id},
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
            message = self._reply_versions.store_settled(row, settled)
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
        """Settle, as interrupted, the replies of processes that died; gives their messages. None while read-only."""
        if self.db.read_only is None:
            try:
                return self._recover()
            except StoreUnwritable as error:
                self.db.read_only = error  # they can still be read, and so can everything else
        return []

    def _recover(self) -> list[Message]:
        owners = [row["owner"] for row in self.db.rows("select distinct owner from live_replies")]
        mine = self._process_lock.name
        dead = [name for name in owners if name != mine and is_dead(self.db.path.parent / name)]
        result = []
        for name in dead:
            with self.db.write():  # the rows are read again inside: another process may be doing the same
                for row in self.db.rows(f"select {COLUMNS} from live_replies where owner = :name", name=name):
                    ended = Settled("interrupted", row["content"], row["reasoning"], model=row["model"])
                    with suppress(NotFound):  # its conversation was deleted for good
                        result.append(self.settle(row["id"], ended))
            with suppress(OSError):
                (self.db.path.parent / name).unlink(missing_ok=True)
        return result

    def _add_live(self, session_id: str, user_message_id: str, model: str | None, owner: str) -> LiveReply:
        moment = self._messages.next_timestamp(session_id)
        reply_id = ids.message_id(moment, self.db.token)
        model = storable(model) if model else None
        self.db.execute(
            """insert into live_replies (id, session_id, user_message_id, model, message_timestamp, owner)
            values (:id, :session, :prompt, :model, :at, :owner)""",
            {
                "id": reply_id, "session": session_id, "prompt": user_message_id, "model": model, "at": stamp(moment),
                "owner": owner,
            },
        )  # fmt: skip
        return LiveReply(reply_id, session_id, user_message_id, model, stamp(moment), "", "", True)

    def _prompt_of(self, reply: Message) -> Message:
        if reply.user_message_id:
            with suppress(NotFound):
                return self._messages.get(reply.user_message_id)
        for message in self._messages.newest_first(reply.session_id, reply.key):
            if message.role == "user":
                return message
        raise NotFound("The message that this reply answers is not here any more.")


def _settled_row(live: sqlite3.Row, settled: Settled) -> dict[str, Any]:
    content = storable(settled.content)
    failed = settled.finish == "failed" or (settled.finish != "done" and not content.strip())
    metadata = dict(settled.metadata)
    if settled.finish != "done":
        metadata["finish"] = settled.finish
    return {
        "id": live["id"],
        "session_id": live["session_id"],
        "content": content,
        "message_timestamp": live["message_timestamp"],
        "model": _clipped(settled.model or live["model"]),
        "total_tokens": int4(settled.total_tokens or settled.input_tokens + settled.output_tokens),
        "input_tokens": int4(settled.input_tokens),
        "output_tokens": int4(settled.output_tokens),
        "user_message_id": live["user_message_id"],
        "elapsed_ms": int4(settled.elapsed_ms),
        "completion_id": storable(settled.completion_id)[:COMPLETION_LENGTH] if settled.completion_id else None,
        "error_message": storable(settled.error_message or _NOTHING_CAME[settled.finish]) if failed else None,
        "reasoning": storable(settled.reasoning) or None,
        "metadata": to_json(metadata),
    }


def _clipped(model: str | None) -> str | None:
    return storable(model)[:MODEL_LENGTH] if model else None
