"""A log that is read again and again while it grows says the same as one that is read at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sterna.importers.files import open_tree
from sterna.importers.reader import Reader
from sterna.importers.readers.claude_code import ClaudeCode
from sterna.importers.readers.codex import Codex
from sterna.importers.readers.copilot_cli import CopilotCli
from sterna.importers.readers.gemini_cli import GeminiCli
from sterna.importers.readers.pi import Pi
from sterna.importers.readers.qwen import Qwen
from sterna.importers.records import Conversation, Mark, Message, Skipped

AT = "2026-02-01T12:00:00Z"


def claude() -> list[Any]:
    def line(kind: str, uuid: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
        message = {"id": more.pop("reply", uuid), "role": kind, "content": content}
        return {
            "type": kind,
            "uuid": uuid,
            "parentUuid": parent,
            "sessionId": "s",
            "message": message,
            "timestamp": AT,
            **more,
        }

    call = {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}
    text = [{"type": "text", "text": "x"}]
    queued = {"type": "queued_command", "prompt": "and"}
    return [
        line("user", "u1", None, "one"),
        line("assistant", "a1", "u1", text, reply="m"),
        line("assistant", "a2", "a1", [call], reply="m"),
        line("user", "r1", "a2", [{"type": "tool_result", "tool_use_id": "t", "content": "done"}]),
        {"type": "system", "uuid": "s1", "parentUuid": "r1", "sessionId": "s"},
        line("user", "u2", "s1", "two"),
        line("assistant", "a3", "u2", text),
        {"type": "attachment", "attachment": queued, "sessionId": "s", "timestamp": AT},
        line("assistant", "a4", "a3", text),
        line("user", "u3", "a1", "rewound to the first turn"),
        line("assistant", "a5", "u3", text),
        {"type": "ai-title", "aiTitle": "Title", "sessionId": "s"},
        line("user", "u4", "a5", "three"),
        line("assistant", "a6", "u4", text),
    ]  # fmt: skip


def codex() -> list[Any]:
    def item(**payload: Any) -> dict[str, Any]:
        return {"timestamp": AT, "type": "response_item", "payload": payload}

    def said(role: str, text: str) -> dict[str, Any]:
        return item(type="message", role=role, content=[{"type": "input_text", "text": text}])

    return [
        {"timestamp": AT, "type": "session_meta", "payload": {"id": "s", "cwd": "/p"}},
        {"type": "turn_context", "payload": {"turn_id": "1", "model": "m"}},
        said("user", "<environment_context>"),
        *(said("user", "one"), item(type="function_call", name="ls", arguments="{}", call_id="c")),
        *(item(type="function_call_output", call_id="c", output="a"), said("assistant", "1")),
        *(said("user", "two"), said("assistant", "2"), said("user", "three"), said("assistant", "3")),
        {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": 2}},
        *(said("user", "four"), said("assistant", "4")),
    ]


def pi() -> list[Any]:
    def line(key: str, parent: str | None, role: str, time: int) -> dict[str, Any]:
        message = {"role": role, "content": [{"type": "text", "text": key}], "timestamp": time}
        return {"type": "message", "id": key, "parentId": parent, "timestamp": AT, "message": message}

    return [
        {"type": "session", "version": 3, "id": "s", "timestamp": AT, "cwd": "/p"},
        {"type": "model_change", "id": "0", "parentId": None, "modelId": "m"},
        *(line("1", "0", "user", 1769947201000), line("2", "1", "assistant", 1769947202000)),
        *(line("3", "2", "user", 1769947203000), line("4", "3", "assistant", 1769947204000)),
        *(line("5", "2", "user", 1769947205000), line("6", "5", "assistant", 1769947206000)),
    ]


def qwen() -> list[Any]:
    def line(key: str, parent: str | None, kind: str) -> dict[str, Any]:
        message = {"role": kind, "parts": [{"text": key}]}
        return {"uuid": key, "parentUuid": parent, "sessionId": "s", "type": kind, "message": message, "cwd": "/p"}

    return [
        *(line("1", None, "user"), line("2", "1", "assistant"), line("3", "2", "user"), line("4", "3", "assistant")),
        *(line("5", "2", "user"), line("6", "5", "assistant")),
    ]


def gemini() -> list[Any]:
    def line(key: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"id": key, "timestamp": AT, "type": kind, "content": key, **more}

    return [
        {"sessionId": "s", "projectHash": "h", "startTime": AT, "lastUpdated": AT, "kind": "main"},
        *(line("1", "user"), line("2", "gemini"), line("2", "gemini", model="m", content="longer")),
        *(line("3", "user"), line("4", "gemini"), {"$set": {"summary": "Title"}}, {"$rewindTo": "3", "timestamp": AT}),
        *(line("5", "user"), line("6", "gemini"), line("7", "user"), line("5", "user", content="edited")),
    ]


def copilot() -> list[Any]:
    said = [("session.start", {"sessionId": "s"}), *[("user.message", {"content": "x"}), ("assistant.message", {})] * 3]
    return [
        {"type": kind, "data": data, "id": f"e{n}", "parentId": f"e{n - 1}", "timestamp": AT}
        for n, (kind, data) in enumerate(said)
    ]


def read(reader: Reader, path: Path, mark: str, into: dict[str, Conversation]) -> str:
    """Take what changed over what is there, as the store does, and return the next mark."""
    found = ""
    with open_tree(path) as tree:
        for item in reader.read_since(tree, path.name, mark):
            if isinstance(item, Mark):
                found = item.text
                continue
            assert not isinstance(item, Skipped), item
            if not item.is_partial:
                into[item.id] = item
                continue
            here = {message.id: message for message in into[item.id].messages}
            here |= {message.id: message for message in item.messages}
            into[item.id].messages = list(here.values())
            into[item.id].shown = item.shown
            into[item.id].title = item.title or into[item.id].title
    return found


def state(conversation: Conversation) -> tuple[Any, ...]:
    def one(message: Message) -> tuple[Any, ...]:
        return message.id, message.parent, message.role, message.hidden, message.parts, message.model

    return conversation.title, conversation.shown, sorted(map(one, conversation.messages))


@pytest.mark.parametrize(
    ("reader", "lines"),
    [
        (ClaudeCode(), claude()),
        (Codex(), codex()),
        (Pi(), pi()),
        (Qwen(), qwen()),
        (CopilotCli(), copilot()),
        (GeminiCli(), gemini()),
    ],
    ids=["claude-code", "codex", "pi", "qwen", "copilot-cli", "gemini-cli"],
)
def test_growth_says_the_same_as_the_whole(reader: Reader, lines: list[Any], tmp_path: Path) -> None:
    written = [json.dumps(line) + "\n" for line in lines]
    log, whole = tmp_path / "log.jsonl", tmp_path / "whole.jsonl"
    grown: dict[str, Conversation] = {}
    mark = ""
    rests = 0
    for number in range(1, len(written) + 1):
        half = written[number][:20] if number < len(written) else ""  # of a line that is being written
        log.write_text("".join(written[:number]) + half)
        mark = read(reader, log, mark, grown)
        rests += bool(mark)
        whole.write_text("".join(written[:number]))
        at_once: dict[str, Conversation] = {}
        read(reader, whole, "", at_once)
        assert grown.keys() == at_once.keys()
        for key, conversation in at_once.items():
            assert state(grown[key]) == state(conversation), f"after line {number}"
    assert rests > len(written) / 2, "it was read as a whole too often"
