"""Conversations that are too large for the memory are read piece by piece, and are the same as if they were not."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from imports import take_samples
from memory_tree import MemoryTree, read_all
from reading import SAMPLES

from sterna.exporters.chat import read_chat
from sterna.exporters.files import ExportFiles
from sterna.exporters.format import Options
from sterna.exporters.registry import make
from sterna.importers import Conversation, Skipped, json_stream
from sterna.importers.readers.chatgpt import ChatGPT
from sterna.importers.records import Attachment, Message, Text
from sterna.importers.spilled import SpilledList
from sterna.storage import Store
from tests.storage.builders import in_memory


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every conversation be a large one."""
    monkeypatch.setattr(json_stream, "CHUNK", 40)
    monkeypatch.setattr(json_stream, "LARGE", 40)


def imported(path: Path) -> Store:
    store = in_memory()
    take_samples(store, path)
    return store


def kept(store: Store) -> list[tuple[object, ...]]:
    tables = ("chat_sessions", "chat_messages", "session_settings", "sync_outbox")
    return [tuple(row) for table in tables for row in store.db.rows(f"select * from {table}")]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a folder with exports of Sterna itself."""
    store = imported(SAMPLES / "chatgpt_classic")
    ids = [row["id"] for row in store.db.rows("select id from chat_sessions")]
    chats = [read_chat(store, id_) for id_ in ids]
    text = "".join(make("json").pieces(chats, ExportFiles(), Options(branches=True)))
    (tmp_path / "lines.jsonl").write_text(text)
    with (tmp_path / "all.json").open("w") as file:
        store.maintenance.export_json(store.db.user_id, file.write)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["chatgpt_2026", "chatgpt_classic", "claude_ai", "openwebui", "lines.jsonl", "all.json"]
)
def test_a_large_conversation_is_read_as_a_small_one(
    own: Path, name: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    path = own / name if (own / name).exists() else SAMPLES / name
    whole = kept(imported(path))
    seen: list[bool] = []
    request.getfixturevalue("pieces")
    monkeypatch.setattr(SpilledList, "__init__", _noted(SpilledList.__init__, seen))
    assert kept(imported(path)) == whole
    assert seen


def _noted(method: Any, seen: list[bool]) -> Any:
    def noted(*arguments: Any) -> None:
        seen.append(True)
        method(*arguments)

    return noted


def node(number: int, parent: str | None, text: str = "") -> dict[str, Any]:
    author = {"role": "assistant" if number % 2 else "user"}
    content = {"content_type": "text", "parts": [text or f"Text {number}"]}
    return {"id": f"n{number}", "parent": parent, "message": {"id": f"n{number}", "author": author, "content": content}}


def export(nodes: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"id": "c", "title": "T", "mapping": nodes, **fields})


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(
    "broken",
    [
        export({"n0": node(0, None)}).replace('"n0", "parent"', '"n0" "parent"'),
        export({"n0": node(0, None)}).replace('"author"', "author"),
        export({"n0": node(0, None)}).replace('": {"id"', '" {"id"'),
        export({"n0": node(0, None)}, x=1).replace('"x": 1', '"x": tru'),
        export({"n0": node(0, None)}).replace('"Text 0"', '"' + "[" * 50 + '\\x"'),
    ],
)
def test_a_broken_large_conversation_costs_itself_only(broken: str) -> None:
    after = export({"n0": node(0, None)}, current_node="n0")
    items = read_all(ChatGPT(), MemoryTree({"c.json": f"[{after}, {broken}, {after}]"}))
    assert [isinstance(item, Skipped) for item in items] == [False, True, False]
    cut = read_all(ChatGPT(), MemoryTree({"c.json": f"[{after}, {broken[:-40]}"}))
    assert [isinstance(item, Skipped) for item in cut] == [False, True]


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("parents", [["n1", "n0"], ["gone", "n0", "n1"], ["n0"], [None, "n0", "n0"], [7, [], "n1"]])
def test_a_large_tree_may_be_broken(parents: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    text = export({f"n{place}": node(place, parent) for place, parent in enumerate(parents)})
    (large,) = read_all(ChatGPT(), MemoryTree({"c.json": text}))
    monkeypatch.undo()
    (whole,) = read_all(ChatGPT(), MemoryTree({"c.json": text}))
    assert isinstance(large, Conversation)
    assert isinstance(whole, Conversation)
    assert isinstance(large.messages, SpilledList)
    assert list(large.messages) == whole.messages


def test_reading_a_large_conversation_takes_less_memory_than_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 1 << 14)
    monkeypatch.setattr(json_stream, "LARGE", 1 << 16)
    nodes = {f"n{place}": node(place, f"n{place - 1}", f"{place} " * 2_000) for place in range(400)}
    tree = MemoryTree({"c.json": export(nodes)})
    del nodes
    tracemalloc.start()
    try:
        (found,) = read_all(ChatGPT(), tree)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, Conversation)
    assert len(found.messages) == 400
    assert peak < tree.size("c.json") / 2


def test_a_list_in_a_file_is_a_list() -> None:
    tree = MemoryTree({"a.txt": "Terns dive."})
    attached = Message("b", "user", [Attachment("a.txt", open=lambda: tree.open("a.txt"))])
    items: SpilledList[Any] = SpilledList(
        [Message("a", "user", [Text("\ud83d")]), attached, {"n": [1, None, 2.5, "\0"]}]
    )
    assert [items[-1], items[0].parts, items[1] is attached] == [{"n": [1, None, 2.5, "\0"]}, [Text("\ud83d")], True]
    items.insert(1, None)
    items[0] = 7
    del items[2]
    assert (list(items), items[1:], len(items)) == ([7, None, {"n": [1, None, 2.5, "\0"]}], [None, items[2]], 3)
