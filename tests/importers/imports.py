"""Imports of plain records, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sterna.importers import Conversation, FileTree, Message, Reader, Skipped, Text
from sterna.importers.files import open_tree
from sterna.importers.importing import Account, Import
from sterna.importers.registry import find
from sterna.storage import Store, Taken
from tests.importers.memory_tree import MemoryTree

AT = datetime(2024, 5, 1, 9, tzinfo=UTC)


class Given(Reader):
    """Reader of conversations that a test gives."""

    name = "given"
    label = "Given"

    def __init__(self, *conversations: Conversation | Skipped) -> None:
        self.conversations = conversations

    def detect(self, tree: FileTree) -> list[str]:
        return ["given.json"]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        yield from self.conversations


class Own(Given):
    name = "sterna"
    label = "Sterna"


def line(*texts: str, minutes: int = 1, begin: datetime | None = AT) -> list[Message]:
    """Return questions and replies in turn, with ids ``m0``, ``m1`` …"""
    return [
        Message(
            f"m{number}",
            "assistant" if number % 2 else "user",
            [Text(text)],
            created_at=None if begin is None else begin + timedelta(minutes=minutes * number),
        )
        for number, text in enumerate(texts)
    ]


def conversation(id_: str = "c1", *messages: Message, **more: Any) -> Conversation:
    return Conversation(id_, **{"title": f"Title {id_}", "messages": list(messages), "updated_at": AT, **more})


def take(
    store: Store,
    *conversations: Conversation | Skipped,
    reader: Callable[..., Reader] = Given,
    restore: bool = False,
    run: int | None = None,
    tags: tuple[str, ...] = (),
    file_time: float | None = None,
) -> tuple[Account, list[Taken]]:
    """Import conversations as a run of its own, and return the account and what became of each."""
    tree = MemoryTree({"given.json": b"{}"})
    if file_time is not None:
        tree.modified = lambda path: file_time  # type: ignore[method-assign]
    work = Import(tree, [(reader(*conversations), "given.json")], now=store.db.clock(), tags=tags)
    number = store.import_runs.begin(["given.json"]) if run is None else run
    result: list[Taken] = []
    for batch in work.batches():
        compared = store.imports.compare(batch.conversations, restore=restore)
        files = work.keep_files(batch, compared, store.attachment_files)
        taken = store.imports.take(number, batch.conversations, files, restore=restore)
        work.count(batch, taken)
        result += taken
    store.import_runs.finish(number, {})
    return work.account, result


def take_samples(store: Store, path: Path) -> list[Taken]:
    """Import what is recognized in a file or folder, and return what became of each conversation."""
    return _take_path(store, path)[1]


def take_path(store: Store, path: Path) -> list[Taken]:
    """Import what is recognized in a file or folder, all of which can be read."""
    account, result = _take_path(store, path)
    assert not account.skipped, account.skipped
    return result


def _take_path(store: Store, path: Path) -> tuple[Account, list[Taken]]:
    with open_tree(path) as tree:
        work = Import(tree, find(tree).units, now=store.db.clock())
        number = store.import_runs.begin([str(path)])
        result: list[Taken] = []
        for batch in work.batches():
            compared = store.imports.compare(batch.conversations)
            files = work.keep_files(batch, compared, store.attachment_files)
            result += store.imports.take(number, batch.conversations, files)
        store.import_runs.finish(number, {})
    return work.account, result


def shown(store: Store, conversation_id: str) -> list[str]:
    """Return the texts of the branch that is shown."""
    return [message.content for message in store.messages.after(conversation_id, None, 100_000)]


def statuses(taken: Sequence[Taken]) -> list[str]:
    return [each.status for each in taken]
