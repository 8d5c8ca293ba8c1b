"""Conversations of gptme. Messages have no ids: each is named by what was said up to it, in every branch alike."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from shlex import quote
from typing import Any

from ...documents import beginning
from ...json_stream import BrokenJson, json_lines
from ...reader import Reader
from ...records import ROOT, Conversation, Message, Skipped
from ...tree import FileTree
from ...values import mapping, text
from .messages import Branch

_ROLES = {"system", "user", "assistant"}
_OWN = {"pinned", "hide", "call_id", "files", "file_hashes", "quiet"}
_LARGEST_SETTINGS = 1 << 20


class Gptme(Reader):
    name = "gptme"
    label = "gptme"

    def detect(self, tree: FileTree) -> list[str]:
        found: dict[str, None] = {}
        for path in tree.paths:
            folder, _, file = path.rpartition("/")
            if folder.rpartition("/")[2] in {"branches", "views"}:
                continue
            first = mapping(beginning(tree.head(path), "role"))
            if _is_message(first) and (file == "conversation.jsonl" or first.keys() & _OWN):
                found[folder if file == "conversation.jsonl" else path] = None
        return list(found)

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if tree.has(path):
            folder, main = path.rpartition("/")[0], path
        else:
            folder, main = path, f"{path}/conversation.jsonl" if path else "conversation.jsonl"
        name = folder.rpartition("/")[2]
        conversation = Conversation(name, resume=f"gptme --name {quote(name)}" if name else "")
        known: dict[str, Message] = {}
        others = [each for each in tree.children(folder) if _is_branch(each, folder)] if path != main else []
        for log in [main, *others]:
            branch = Branch(tree, folder)
            parent = ROOT
            for value in _lines(tree, log):
                if isinstance(value, Skipped):
                    yield value
                    continue
                parent = _named(parent, value)
                message = branch.add(parent, value)
                if message is not None and message.id not in known:
                    known[message.id] = message
            if log == main:
                conversation.shown = branch.last or None
                conversation.system_prompt = branch.system_prompt
        conversation.messages = list(known.values())
        _describe(tree, folder, conversation)
        yield conversation


def _is_message(value: dict[str, Any]) -> bool:
    return text(value.get("role")) in _ROLES and isinstance(value.get("content"), str) and "timestamp" in value


def _is_branch(path: str, folder: str) -> bool:
    inside = path[len(folder) + 1 if folder else 0 :]
    return inside.startswith("branches/") and inside.endswith(".jsonl")


def _lines(tree: FileTree, path: str) -> Iterator[dict[str, Any] | Skipped]:
    with tree.open(path) as file:
        for number, value in json_lines(file):
            if isinstance(value, BrokenJson):
                yield Skipped(str(value), where=f"{path}:{number}")
            elif isinstance(value, dict):
                yield value
            else:
                yield Skipped(f"Line {number} is no message.", where=f"{path}:{number}")


def _named(parent: str, value: dict[str, Any]) -> str:
    """Return the name of a message: the same in every file that has it and all the messages before it."""
    said = "\0".join([parent, str(value.get("role")), str(value.get("timestamp")), str(value.get("content"))])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _describe(tree: FileTree, folder: str, conversation: Conversation) -> None:
    path = f"{folder}/config.toml" if folder else "config.toml"
    settings: dict[str, Any] = {}
    if tree.has(path):
        try:
            with tree.open(path) as file:
                settings = tomllib.loads(file.read(_LARGEST_SETTINGS).decode("utf-8-sig", "replace"))
        except (OSError, ValueError, RecursionError):
            settings = {}
    chat = mapping(settings.get("chat"))
    conversation.title = text(chat.get("name"))
    workspace = text(chat.get("workspace"))
    conversation.project = "" if workspace == "@log" else workspace
    models = [message.model for message in conversation.messages if message.model]
    conversation.model = text(chat.get("model")) or (models[-1] if models else None)
    times = [message.created_at for message in conversation.messages if message.created_at]
    conversation.created_at = min(times, default=None)
    conversation.updated_at = max(times, default=None)
