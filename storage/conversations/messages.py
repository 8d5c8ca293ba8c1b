"""Messages of a conversation, page by page, by key: the list can grow while it is read.

Pages are of the branch that is shown; see :mod:`.shown_branch`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..clock import MILLISECOND, stamp, stored_time
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import json_object
from ..records import Message, attachment_columns
from ..text import storable
from .conversations import text_of
from .message_tree import ROOT
from .shown_branch import ShownBranch
from .tool_calls import has_substance

Key = tuple[str, str]
"""``(message_timestamp, id)``: a place in a conversation."""

NO_SUCH_MESSAGE = "That message is not here any more."
FIRST: Key = ("", "")
LAST: Key = ("\x7f", "")

COLUMNS = """id, session_id, role, content, message_timestamp, model, total_tokens, input_tokens, output_tokens,
    user_message_id, content_type, elapsed_ms, completion_id, error_message, is_streaming, reasoning, metadata,
    parent_id"""

SHOWN = """not exists (
    select 1 from hidden_messages as h where h.session_id = :session and h.message_id = chat_messages.id
)"""
"""Condition for a message of the shown branch of the conversation ``:session``."""

_BEFORE = f"""
select {COLUMNS} from chat_messages
where session_id = :session and (message_timestamp, id) < (:ts, :id) and {SHOWN}
order by message_timestamp desc, id desc limit :limit
"""
_AFTER = f"""
select {COLUMNS} from chat_messages
where session_id = :session and (message_timestamp, id) > (:ts, :id) and {SHOWN}
order by message_timestamp, id limit :limit
"""
_ALL_AFTER = f"""
select {COLUMNS} from chat_messages
where session_id = :session and (message_timestamp, id) > (:ts, :id)
order by message_timestamp, id limit :limit
"""
_PARENT = f"""
select {COLUMNS} from chat_messages
where session_id = :session and id = :parent and (message_timestamp, id) < (:ts, :id)
"""
TRUNK = """(
    parent_id is null
    or parent_id <> '' and not exists (
        select 1 from chat_messages as p
        where p.session_id = chat_messages.session_id and p.id = chat_messages.parent_id
            and (p.message_timestamp, p.id) < (chat_messages.message_timestamp, chat_messages.id)
    )
)"""
"""Condition for a message without a parent that counts: it follows the one before it of its kind."""

_TRUNK_BEFORE = f"""
select {COLUMNS} from chat_messages
where session_id = :session and (message_timestamp, id) < (:ts, :id) and {TRUNK}
order by message_timestamp desc, id desc limit 1
"""


def message_of(row: sqlite3.Row) -> Message:
    """Return the record of a row with :data:`COLUMNS`."""
    values: dict[str, Any] = {name: row[name] for name in Message._fields}
    if bytes in map(type, values.values()):
        values = {name: text_of(value) for name, value in values.items()}
    for count in ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms"):
        values[count] = values[count] if type(values[count]) is int else 0
    values["metadata"] = json_object(values["metadata"])
    values["is_streaming"] = bool(values["is_streaming"])
    values["content_type"] = values["content_type"] or "text"
    return Message(**values)


@in_sentences
class Messages:
    """Messages of conversations."""

    def __init__(self, db: Database, shown_branch: ShownBranch) -> None:
        self.db = db
        self._shown_branch = shown_branch

    def before(self, session_id: str, key: Key | None, limit: int) -> list[Message]:
        """Return the ``limit`` newest messages before ``key`` (None: of all), oldest first."""
        ts, id_ = key or LAST
        self._shown_branch.refresh(session_id)
        result = map(message_of, reversed(self.db.rows(_BEFORE, session=session_id, ts=ts, id=id_, limit=limit)))
        return [message for message in result if message.key < (ts, id_)]  # an id that is not UTF-8 would come for ever

    def after(self, session_id: str, key: Key | None, limit: int) -> list[Message]:
        """Return the ``limit`` oldest messages after ``key`` (None: of all), oldest first."""
        ts, id_ = key or FIRST
        self._shown_branch.refresh(session_id)
        result = map(message_of, self.db.rows(_AFTER, session=session_id, ts=ts, id=id_, limit=limit))
        return [message for message in result if message.key > (ts, id_)]

    def all_after(self, session_id: str, key: Key | None, limit: int) -> list[Message]:
        """Return what :meth:`after` returns, but of all branches, in the order of time."""
        ts, id_ = key or FIRST
        result = map(message_of, self.db.rows(_ALL_AFTER, session=session_id, ts=ts, id=id_, limit=limit))
        return [message for message in result if message.key > (ts, id_)]

    def parent(self, message: Message) -> Message | None:
        """Return the message that this one follows; None where it begins the conversation."""
        values = {"session": message.session_id, "ts": message.message_timestamp, "id": message.id}
        row = None
        if message.parent_id:
            row = self.db.one(_PARENT, **values, parent=message.parent_id)
        if row is None and message.parent_id != ROOT:
            row = self.db.one(_TRUNK_BEFORE, **values)
        return None if row is None else message_of(row)

    def is_trunk(self, message: Message) -> bool:
        """Return whether a message follows the one before it in time, for it names no parent that counts."""
        if message.parent_id is None:
            return True
        return self.db.one(f"select 1 from chat_messages where id = :id and {TRUNK}", id=message.id) is not None

    def ancestors(self, message: Message) -> Iterator[Message]:
        """Yield a message and those that it follows, the newest first."""
        at: Message | None = message
        while at is not None:
            yield at
            at = self.parent(at)

    def around(self, session_id: str, message_id: str, limit: int) -> list[Message]:
        """Return up to ``limit`` messages around one, which is in the middle where both sides have enough.

        It is on the shown branch: :meth:`.Branches.show` comes first.
        """
        middle = self.get(message_id)
        if middle.session_id != session_id:
            raise NotFound(NO_SUCH_MESSAGE)
        room = max(limit, 1) - 1
        before = self.before(session_id, middle.key, room)
        after = self.after(session_id, middle.key, room)
        later = min(len(after), max(room - room // 2, room - len(before)))
        earlier = room - later
        return [*(before[-earlier:] if earlier else []), middle, *after[:later]]

    def get(self, message_id: str) -> Message:
        """Return the message with that id. Raises NotFound."""
        row = self.db.one(f"select {COLUMNS} from chat_messages where id = :id", id=message_id)
        if row is None:
            raise NotFound(NO_SUCH_MESSAGE)
        return message_of(row)

    def count(self, session_id: str) -> int:
        """Return how many messages a conversation has, on all branches, failed ones included."""
        row = self.db.one("select count(*) as n from chat_messages where session_id = :id", id=session_id)
        return int(row["n"]) if row else 0

    def edit(self, message_id: str, content: str) -> Message:
        """Give a message another text, and return it."""
        with self.db.write():
            old = self.get(message_id)
            if old.role == "user" and not content.strip():
                raise Invalid("A message needs some text; delete it instead.")
            self.db.execute(
                "update chat_messages set content = :content where id = :id",
                {"content": storable(content), "id": message_id},
            )
            self.db.touch(old.session_id)
            return self.get(message_id)

    def context(self, session_id: str, budget_chars: int, until: Key | None = None) -> tuple[list[Message], bool]:
        """Return the newest messages up to ``until`` that fit into the budget, and whether older ones did not fit.

        They are those of the shown branch; where ``until`` is the key of a hidden message, those of its own branch.

        Newest first, without failed turns. A failed turn is a reply that failed without a word of text, and the prompt
        it failed to answer, unless another reply answered it. The newest prompt is always there: it is the one asked.
        """
        result: list[Message] = []
        room = budget_chars
        answered: set[str] = set()
        failed: set[str] = set()
        for message in self.newest_first(session_id, until):
            has_reply = message.role == "assistant" and has_substance(message.content, message.metadata)
            lost = message.failed and not has_reply
            if message.role == "assistant" and message.user_message_id:
                (failed if lost else answered).add(message.user_message_id)
            given_up = (
                message.role == "user" and message.id in failed - answered and any(m.role == "user" for m in result)
            )
            if lost or given_up:
                continue
            room -= len(message.content)
            if room < 0 and result:
                return result, True
            result.append(message)
        return result, False

    def count_before(self, session_id: str, key: Key) -> int:
        """Return how many messages with text stand before ``key``."""
        row = self.db.one(
            f"""select count(*) as n from chat_messages where session_id = :session and content <> ''
            and (message_timestamp, id) < (:ts, :last) and {SHOWN}""",
            session=session_id,
            ts=key[0],
            last=key[1],
        )
        return int(row["n"]) if row else 0

    def insert_reply(self, row: Mapping[str, Any]) -> None:
        self.db.execute(
            """insert into chat_messages (id, session_id, role, content, message_timestamp, model, total_tokens,
                input_tokens, output_tokens, user_message_id, content_type, elapsed_ms, completion_id, error_message,
                is_streaming, reasoning, metadata, parent_id, has_attachments, attachment_count)
            values (:id, :session_id, 'assistant', :content, :message_timestamp, :model, :total_tokens,
                :input_tokens, :output_tokens, :user_message_id, 'markdown', :elapsed_ms, :completion_id,
                :error_message, 1, :reasoning, :metadata, :parent_id, :has_attachments, :attachment_count)""",
            {"parent_id": None, **row, **attachment_columns(json_object(row["metadata"]))},
        )

    def newest_first(self, session_id: str, until: Key | None) -> Iterator[Message]:
        """Yield the messages of the shown branch up to ``until``, or those of the branch of a hidden ``until``."""
        if until is not None and self._shown_branch.is_hidden(until[1], session_id):
            yield from self.ancestors(self.get(until[1]))
            return
        key = LAST if until is None else (until[0], until[1] + "\0")
        while page := self.before(session_id, key, 40):
            yield from reversed(page)
            key = page[0].key

    def next_timestamp(self, session_id: str) -> datetime:
        """Return the time of the next message: now, but after all of its conversation, whatever the clock says."""
        row = self.db.one(
            """select max(at) as at from (
                select max(message_timestamp) as at from chat_messages where session_id = :id
                union all
                select max(message_timestamp) from live_replies where session_id = :id
            )""",
            id=session_id,
        )
        now = self.db.now()
        if row is None or row["at"] is None or row["at"] < stamp(now):
            return now
        return max(stored_time(row["at"]) + MILLISECOND, now)  # a damaged time is before all others
