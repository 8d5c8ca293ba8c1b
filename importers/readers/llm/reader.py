"""Conversations of a logs.db, which may have all generations of tables in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from shlex import quote
from typing import Any

from ...reader import Reader
from ...records import Conversation, Mark, Skipped
from ...sqlite import cell, each_row, newest, open_database, rows, table_columns
from ...tree import FileTree
from ...values import count, identifier, mapping, parsed
from .contents import Contents
from .logs import log_conversation
from .responses import response_messages
from .threads import add_thread

_NEEDED = {
    "threads": {"id", "name", "tip_message_hash", "forked_from", "datetime_utc"},
    "responses": {"id", "model", "prompt", "system", "response", "conversation_id", "datetime_utc"},
    "log": {"id", "model", "prompt", "system", "response", "chat_id"},
    "logs": {"id", "model", "prompt", "system", "response", "chat_id"},
}


class Llm(Reader):
    name = "llm"
    label = "llm"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _generations(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        generations = _generations(tree, path)
        since = {name: count(number) for name, number in mapping(parsed(mark)).items()}
        with open_database(tree, path) as database:
            last = {table: count(newest(database, table)) for table in ("responses", "threads", "turns", "log", "logs")}
            contents = Contents(database, tree, path)
            threads = "threads" in generations
            if "responses" in generations:
                where, args = _changed(
                    since, {"responses": "conversation_id"} | ({"turns": "thread_id"} if threads else {})
                )
                yield from each_row(
                    database, "conversations", partial(_conversation, contents, threads), "rowid", where, args
                )
                single = f"({_WITHOUT_CONVERSATION}) and rowid > ?"
                args = [since.get("responses", 0)]
                yield from each_row(database, "responses", partial(_single, contents), "rowid", single, args)
            if threads:
                where, args = _changed(since, {"turns": "thread_id"})
                where, args = f"{where} or rowid > ?", [*args, since.get("threads", 0)]
                yield from each_row(database, "threads", partial(_thread, contents), "rowid", where, args)
            for table in sorted(generations & {"log", "logs"}):
                if last[table] > since.get(table, 0):
                    yield from each_row(database, table, partial(log_conversation, database, table), "id")
            for owned in (contents.responses, contents.calls, contents.results):
                yield from owned.skipped()
        yield Mark(json.dumps(last))


def _changed(since: dict[str, int], tables: dict[str, str]) -> tuple[str, list[int]]:
    """Return the condition for the conversations that have newer rows in these tables, whose columns name them."""
    if not since:
        return "1", []
    conditions = [f"id in (select {column} from {table} where rowid > ?)" for table, column in tables.items()]
    return " or ".join(conditions), [since.get(table, 0) for table in tables]


_WITHOUT_CONVERSATION = "conversation_id is null or conversation_id not in (select id from conversations where id > '')"


def _generations(tree: FileTree, path: str) -> set[str]:
    columns = table_columns(tree, path)
    found = {table for table, needed in _NEEDED.items() if needed <= columns.get(table, frozenset())}
    if not {"messages", "parts", "turns"} <= columns.keys():
        found.discard("threads")
    if "conversations" not in columns:
        found.discard("responses")
    return found


def _conversation(contents: Contents, has_threads: bool, row: dict[str, Any]) -> Conversation:
    """Return a conversation of the older tables, with what the newer ones have of it: they keep its id."""
    number = identifier(row["id"])
    found = contents.responses.of(row["id"])
    threads = rows(contents.database, "threads", "id = ?", [row["id"]]) if has_threads else []
    conversation = _described(number, cell(row.get("name")), cell(row.get("model")))
    response_messages(contents, found, conversation)
    for thread in threads:
        add_thread(contents, thread, conversation)
    return conversation


def _single(contents: Contents, row: dict[str, Any]) -> Conversation:
    """Return a response that belongs to no conversation as one of its own."""
    conversation = _described(identifier(row["id"]), "", cell(row["model"]))
    response_messages(contents, [row], conversation)
    conversation.resume = ""
    return conversation


def _thread(contents: Contents, row: dict[str, Any]) -> Conversation | None:
    if rows(contents.database, "conversations", "id = ?", [row["id"]]):
        return None  # read with the responses of before
    conversation = _described(identifier(row["id"]), cell(row["name"]), "")
    add_thread(contents, row, conversation)
    return conversation


def _described(number: str, name: str, model: str) -> Conversation:
    resume = f"llm chat --cid {quote(number)}" if number else ""
    return Conversation(number, name, model=model or None, resume=resume)
