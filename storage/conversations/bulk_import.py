"""Import of whole conversations: docs/specification/functions.md#sync-user-conversations.

Row by row, the triggers would do for each message what can be done once for many. So where a conversation is new, the
bulk flag makes them step aside, rows go in through sqlite-utils, and what the triggers would have left behind
(statistics, use, outbox, index) is written from the same rows, once a batch. A conversation that is known already
goes row by row. A test compares every table after the one way and after the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..clock import millis
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid
from ..json_text import to_json
from .import_rows import BadRow, ImportedConversation, conversation_of, forget_line
from .search_index import SearchIndex
from .shown_branch import ShownBranch
from .usage import Usage, UsageContribution

BATCH = 10_000
"""Messages in one transaction: enough that a commit costs nothing, few enough to let others write in between."""

INDEX_AT_ONCE = 2_000
"""Up to so many messages an import is searchable when it returns; the rest is left to :meth:`SearchIndex.catch_up`."""

_SESSION = """
insert into chat_sessions (id, user_id, title, created_at, updated_at, last_activity, message_count, total_tokens,
    last_model, last_message_preview, last_message_timestamp)
values (:id, :user_id, :title, :created_at, :updated_at, :updated_at, :message_count, :total_tokens, :last_model,
    :last_message_preview, :last_message_timestamp)
on conflict (id) do update set
    title = excluded.title, message_count = excluded.message_count, total_tokens = excluded.total_tokens,
    last_model = excluded.last_model, last_message_preview = excluded.last_message_preview,
    last_message_timestamp = excluded.last_message_timestamp
where user_id = excluded.user_id
"""

_MESSAGE = """
insert into chat_messages ({names}) values ({values})
on conflict (id) do update set
    content = excluded.content, model = excluded.model, total_tokens = excluded.total_tokens,
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
    user_message_id = excluded.user_message_id, error_message = excluded.error_message, message_timestamp = {time},
    parent_id = coalesce(excluded.parent_id, parent_id)
where session_id = excluded.session_id
"""
_KEPT_TIME = "message_timestamp"
# Microseconds keep messages of one millisecond in order, and are not what a clock said: those that are there stay.
_GIVEN_TIME = """iif(
    substr(excluded.message_timestamp, 1, 23) = substr(message_timestamp, 1, 23)
    and (substr(message_timestamp, 24) <> '000Z' or substr(excluded.message_timestamp, 24) = '000Z'),
    message_timestamp,
    excluded.message_timestamp
)"""


@in_sentences
class BulkImport:
    """Many conversations at once."""

    def __init__(self, db: Database, search_index: SearchIndex, shown_branch: ShownBranch, usage: Usage) -> None:
        self.db = db
        self._shown_branch = shown_branch
        self._search_index = search_index
        self._index_room = INDEX_AT_ONCE
        self._usage = usage

    def import_conversations(self, items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Take conversations in the wire's form, new and known ones; what could not be taken is named in details."""
        answer: dict[str, Any] = {"synced": 0, "errors": 0, "details": []}
        self._index_room = INDEX_AT_ONCE
        for batch in self._batches(items, answer):
            with self.db.write():
                self._take(batch, answer)
        return answer

    def _batches(self, items: Iterable[Any], answer: dict[str, Any]) -> Iterator[list[ImportedConversation]]:
        batch: list[ImportedConversation] = []
        ids: set[str] = set()
        waiting = 0
        for item in items:
            try:
                conversation = conversation_of(item, user_id=self.db.user_id, now=self.db.stamp())
            except BadRow as error:
                _refuse(answer, item.get("id") if isinstance(item, Mapping) else None, str(error))
                continue
            # The same conversation again is an update of what the batch before it wrote.
            if batch and (waiting >= BATCH or conversation.session["id"] in ids):
                yield batch
                batch, ids, waiting = [], set(), 0
            batch.append(conversation)
            ids.add(conversation.session["id"])
            waiting += len(conversation.messages)
        if batch:
            yield batch

    def _take(self, batch: list[ImportedConversation], answer: dict[str, Any]) -> None:
        fresh, known = self._sorted_out(batch)
        try:
            if fresh:
                with self.db.savepoint():
                    self._write_fresh(fresh)
                answer["synced"] += len(fresh)
        except (sqlite3.IntegrityError, Invalid):  # one of them breaks a rule of the schema: find it
            known = batch
        for conversation in known:
            try:
                with self.db.savepoint():
                    self._write_known(conversation)
                answer["synced"] += 1
            except (sqlite3.IntegrityError, Invalid, BadRow) as error:
                _refuse(answer, conversation.session["id"], str(error) if isinstance(error, BadRow) else "refused")
        self.db.touch(*(conversation.session["id"] for conversation in batch))

    def _sorted_out(
        self, batch: list[ImportedConversation]
    ) -> tuple[list[ImportedConversation], list[ImportedConversation]]:
        """Return the conversations of which this file has nothing, and the others."""
        message_ids = [row["id"] for conversation in batch for row in conversation.messages]
        sessions = {row["id"] for row in self.db.rows(
            "select id from chat_sessions where id in (select value from json_each(:ids))",
            ids=to_json([conversation.session["id"] for conversation in batch]),
        )}  # fmt: skip
        messages = {row["id"] for row in self.db.rows(
            "select id from chat_messages where id in (select value from json_each(:ids))", ids=to_json(message_ids)
        )}  # fmt: skip
        twice = len(message_ids) != len(set(message_ids))
        fresh: list[ImportedConversation] = []
        known: list[ImportedConversation] = []
        for conversation in batch:
            new = conversation.session["id"] not in sessions and not (
                messages and any(row["id"] in messages for row in conversation.messages)
            )
            (fresh if new and not twice else known).append(conversation)
        return fresh, known

    def _write_fresh(self, batch: list[ImportedConversation]) -> None:
        import sqlite_utils

        ids = [conversation.session["id"] for conversation in batch]
        for conversation in batch:
            if any(row["parent_id"] for row in conversation.messages):
                forget_line(conversation.messages)
        place = sqlite_utils.Database(self.db.connection, recursive_triggers=False, execute_plugins=False)
        before = self._search_index.newest_local_id()
        with self.db.in_bulk():
            place.table("chat_sessions").insert_all(
                (
                    {**conversation.session, "last_activity": conversation.session["updated_at"]}
                    for conversation in batch
                ),
                batch_size=1_000,
            )
            # not through sqlite-utils: it looks at each value for something to turn into JSON, and that takes longer
            self.db.insert_many("chat_messages", (row for conversation in batch for row in conversation.messages))
            self._usage.recompute_sessions(
                conversation.session["id"] for conversation in batch if conversation.messages
            )
            self._usage.recompute_usage(ids, UsageContribution())
            self._capture(ids)
            self.db.execute(
                """insert into title_search (rowid, title)
                select local_id, title from chat_sessions where id in (select value from json_each(:ids))""",
                {"ids": to_json(ids)},
            )
            self._index_room = self._search_index.index_after(before, at_once=self._index_room)
        for conversation in batch:
            self._choose_branch(conversation)

    def _write_known(self, conversation: ImportedConversation) -> None:
        session = conversation.session
        if not self.db.execute(_SESSION, session).rowcount:
            raise BadRow("refused")
        for row in conversation.messages:
            names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
            time = _KEPT_TIME if row["id"] in conversation.undated else _GIVEN_TIME
            if not self.db.execute(_MESSAGE.format(names=names, values=values, time=time), row).rowcount:
                raise BadRow("message_of_another_conversation")
        self._choose_branch(conversation)

    def _choose_branch(self, conversation: ImportedConversation) -> None:
        if conversation.leaf is not None:
            self._shown_branch.set_leaf(conversation.session["id"], conversation.leaf)

    def _capture(self, ids: list[str]) -> None:
        values = {"ids": to_json(ids), "ms": millis(self.db.now())}
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'c', value, value, 'put', :ms from json_each(:ids)
            where value not in (select conv_id from sync_private)
            on conflict (kind, id) do update set
                op = 'put', rev = rev + 1, edited_at = excluded.edited_at, restamp = 0""",
            values,
        )
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            select 'm', m.id, m.session_id, 'put', :ms
            from json_each(:ids) as wanted join chat_messages as m on m.session_id = wanted.value
            where m.session_id not in (select conv_id from sync_private)
            on conflict (kind, id) do update set
                op = 'put', conv_id = excluded.conv_id, rev = rev + 1, edited_at = excluded.edited_at, restamp = 0""",
            values,
        )
        self.db.execute(
            """delete from sync_tombstones
            where kind = 'c' and id in (select value from json_each(:ids))
                or kind = 'm' and id in (
                    select m.id from json_each(:ids) as wanted
                    join chat_messages as m on m.session_id = wanted.value)""",
            values,
        )


def _refuse(answer: dict[str, Any], conversation_id: Any, error: str) -> None:
    answer["errors"] += 1
    answer["details"].append({"conversationId": conversation_id, "error": error})
