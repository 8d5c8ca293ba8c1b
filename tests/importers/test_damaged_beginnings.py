"""Files that begin with something broken or empty, or go on behind their end: what is whole in them is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reading import read

from sterna.importers import Conversation, Skipped

SAID = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
NODES = {"a": {"id": "a", "parentId": None, "childrenIds": [], "role": "user", "content": "2+2?", "timestamp": 1}}
CHATS: dict[str, dict[str, Any]] = {
    "openai": {"messages": SAID},
    "sharegpt": {"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]},
    "open-webui": {"id": "w", "chat": {"history": {"currentId": "a", "messages": NODES}}},
    "librechat": {"conversationId": "l", "messages": [{"messageId": "1", "text": "2+2?", "isCreatedByUser": True}]},
    "betterchatgpt": {"id": "b", "titleSet": True, "messages": SAID},
    "chatbot-ui": {"id": 1, "name": "Sum", "folderId": None, "messages": SAID},
    "typingmind": {"chatID": "t", "chatTitle": "Sum", "messages": SAID},
}
BROKEN: list[Any] = [None, 5, "text", {}, {"id": "x", "messages": None, "conversations": [], "chat": {}}]


def outcome(path: Path, source: str) -> list[type]:
    return [type(item) for item in read(path, source)]


@pytest.mark.parametrize("source", CHATS)
@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_first_conversation_hides_no_other(tmp_path: Path, source: str, broken: Any) -> None:
    path = tmp_path / "chats.json"
    path.write_text(json.dumps([broken, CHATS[source]]))
    assert outcome(path, source)[-1] is Conversation


@pytest.mark.parametrize("source", ["openai", "sharegpt"])
@pytest.mark.parametrize(
    "broken", ['{"broken', "null", "{}", "\n", '{"a": [}', '{"messages": [{"role": "user"', '"a"}]}']
)
def test_a_broken_first_line_hides_no_other(tmp_path: Path, source: str, broken: str) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(f"{broken}\n{json.dumps(CHATS[source])}\n")
    assert outcome(path, source)[-1] is Conversation


def test_a_message_that_is_none_does_not_hide_the_others(tmp_path: Path) -> None:
    for source, key, one in (("openai", "messages", {"role": "user"}), ("sharegpt", "conversations", {"from": 5})):
        path = tmp_path / "chats.json"
        path.write_text(json.dumps([{key: [one, one, *CHATS[source][key]]}]))
        assert outcome(path, source) == [Conversation]


def node(native: str) -> dict[str, Any]:
    message = {"id": "m", "author": {"role": "user"}, "content": {"content_type": "text", "parts": ["2+2?"]}}
    nodes = {"m": {"id": "m", "message": message, "parent": None, "children": []}}
    return {"id": native, "title": "Sum", "current_node": "m", "mapping": nodes}


ROWS = {
    "chatgpt": node,
    "claude": lambda native: {
        "uuid": native,
        "name": "Sum",
        "chat_messages": [{"uuid": "m", "text": "2+2?", "sender": "human"}],
    },
    "open-webui": lambda native: CHATS["open-webui"] | {"id": native},
}


@pytest.mark.parametrize("source", ROWS)
def test_objects_that_follow_one_another_are_all_read(tmp_path: Path, source: str) -> None:
    path = tmp_path / "conversations.json"
    path.write_text("\n".join(json.dumps(ROWS[source](name), indent=1) for name in "abc"))
    found = read(path, source)
    assert [item.id for item in found if isinstance(item, Conversation)] == ["a", "b", "c"]


@pytest.mark.parametrize("source", [*ROWS, "openai"])
def test_what_stands_behind_the_end_of_an_array_is_named(tmp_path: Path, source: str) -> None:
    rows = [ROWS[source](name) for name in "ab"] if source in ROWS else [CHATS[source], CHATS[source]]
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(rows) + "\n" + json.dumps(rows))
    *whole, last = read(path, source)
    assert [type(item) for item in whole] == [Conversation, Conversation]
    assert isinstance(last, Skipped)
    assert "behind the end" in last.reason
