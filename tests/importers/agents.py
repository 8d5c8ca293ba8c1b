"""Logs of coding agents, and what their readers make of them, in a form that is easy to compare."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sterna.importers.files import open_tree
from sterna.importers.reader import Reader
from sterna.importers.records import ROOT, Attachment, Conversation, Message, Skipped, Text, ToolCall

SAMPLES = Path(__file__).parent / "samples"


def write_lines(path: Path, lines: Iterable[Any], end: str = "\n") -> Path:
    """Write a log of JSON lines and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + end, "utf-8")
    return path


def read_all(reader: Reader, path: Path) -> tuple[dict[str, Conversation], list[Skipped]]:
    """Return what a reader finds below a path: conversations by id, and what it skipped."""
    found: dict[str, Conversation] = {}
    skipped: list[Skipped] = []
    with open_tree(path) as tree:
        for unit in reader.detect(tree):
            for item in reader.read(tree, unit):
                if isinstance(item, Skipped):
                    skipped.append(item)
                else:
                    assert item.id not in found, f"{item.id} was read twice"
                    found[item.id] = item
    return found, skipped


def shown(conversation: Conversation) -> list[Message]:
    """Return the messages of the branch that is shown, without those that are hidden."""
    by_id = {message.id: message for message in conversation.messages}
    assert len(by_id) == len(conversation.messages), "two messages have the same id"
    before = dict(zip(by_id, [ROOT, *by_id], strict=False))
    path: list[Message] = []
    at = conversation.shown or ROOT
    while at != ROOT:
        message = by_id[at]
        path.insert(0, message)
        at = before[at] if message.parent is None else message.parent
    return [message for message in path if not message.hidden]


def said(conversation: Conversation) -> list[str]:
    """Return the messages that are shown, one text each: the role's initial, then its parts."""
    return [f"{message.role[0]}: {' '.join(map(_part, message.parts))}" for message in shown(conversation)]


def _part(part: object) -> str:
    match part:
        case Text(text):
            return text
        case ToolCall(name, arguments, result):
            return f"<{name} {json.dumps(arguments)} → {result}>"
        case Attachment(name):
            return f"({name})"
        case _:
            return f"[{getattr(part, 'kind', '')}]"
