"""Gemini CLI: sessions in ``~/.gemini/tmp/<project>/chats``, saved checkpoints, and the list of prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar

from ..documents import document
from ..json_stream import BrokenJson, json_array
from ..lines import Place, Record, first_records, loaded, records_from
from ..prompt_lists import prompts_of_lost_sessions
from ..reader import Reader
from ..records import Conversation, Mark, Message, Skipped
from ..tree import FileTree
from ..values import at, count, identifier, mapping, mappings, parsed, text, texts
from .gemini_cli_session import GeminiSession
from .google_parts import calls_of, result_of, spoken_parts, thoughts_of

MOST_MARKED = 2_000
"""Messages of a session whose log is read from the place that was reached: a mark names them all."""


class GeminiCli(Reader):
    """Reader of sessions in both forms: one document, and a log with the operations ``$set`` and ``$rewindTo``."""

    name: ClassVar[str] = "gemini-cli"
    label: ClassVar[str] = "Gemini CLI"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _kind(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        try:
            yield from self._read(tree, path)
        except BrokenJson as error:
            yield Skipped(str(error), where=path)

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if _kind(tree, path) == "log":
            yield from _log(tree, path, mark)
        else:
            yield from self.read(tree, path)

    def _read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        kind = _kind(tree, path)
        if kind == "prompts":
            with tree.open(path) as file:
                prompts = [
                    (text(one.get("sessionId")), "", one.get("timestamp"), text(one.get("message")))
                    for one in mappings(list(json_array(file)))
                ]
            yield from prompts_of_lost_sessions(_without(prompts, _sessions(tree)), ())
        elif kind == "checkpoint":
            yield _checkpoint(tree, path)
        elif kind == "document":
            session = GeminiSession()
            session.take(mapping(document(tree, path)))
            yield from _conversations(tree, path, session)
        else:
            yield from (item for item in _log(tree, path, "") if not isinstance(item, Mark))


def _log(tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
    """Yield the session of a log, of which only the new lines are read, unless they change what stands before them."""
    values = parsed(mark) if mark else None
    offset, number, header, active = values if isinstance(values, list) and len(values) == 4 else (0, 1, {}, [])
    session = GeminiSession(mapping(header), texts(active))
    skipped: list[Skipped] = []
    last: Record = {}
    start = place = Place(count(offset), count(number))
    for at_line, record in records_from(tree, path, start):
        if isinstance(record, Skipped):
            skipped.append(record)
            continue
        session.take(last)
        place, last = at_line, record
    before = [place.offset, place.number, dict(session.header), session.active]
    session.take(last)
    if session.misses:
        yield from _log(tree, path, "")
        return
    yield from skipped
    for conversation in _conversations(tree, path, session):
        if session.is_rest:
            conversation.is_partial, conversation.created_at, conversation.metadata = True, None, {}
        yield conversation
    if session.active and len(session.active) <= MOST_MARKED:
        yield Mark(json.dumps(before))


def _conversations(tree: FileTree, path: str, session: GeminiSession) -> Iterator[Conversation]:
    projects = _projects(tree)
    conversation = session.conversation(projects)
    _place(conversation, session.header, path, projects)
    if conversation.messages:
        yield conversation


def _kind(tree: FileTree, path: str) -> str:
    head = tree.head(path).lstrip()
    if head.startswith(b"["):
        if b'"messageId"' in head and b'"sessionId"' in head and b'"type"' in head:
            return "prompts"
        return "checkpoint" if _is_content(head) else ""
    if not head.startswith(b"{"):
        return ""
    if b'"history"' in head[:200] and _is_content(head.partition(b"[")[2] and b"[" + head.partition(b"[")[2]):
        return "checkpoint"
    if b'"sessionId"' not in head or (b'"projectHash"' not in head and b'"startTime"' not in head):
        return ""
    first = first_records(tree, path, 1)
    if first:
        is_header = "sessionId" in first[0] and ("projectHash" in first[0] or "startTime" in first[0])
        return "log" if is_header and "type" not in first[0] else ""
    return "document" if b'"messages"' in head and b'"projectHash"' in head else ""


def _is_content(head: bytes) -> bool:
    start = head.replace(b" ", b"").replace(b"\n", b"").replace(b"\r", b"")[:200_000]
    return start.startswith((b'[{"role":"user","parts":', b'[{"role":"model","parts":', b'[{"parts":[')) and (
        b'"role":"' in start
    )


def _sessions(tree: FileTree) -> set[str]:
    """Return the sessions that have a file of their own."""
    return {
        session
        for path in tree.paths
        if b'"sessionId"' in tree.head(path) and _kind(tree, path) in ("log", "document")
        for session in [text((first_records(tree, path, 1) or [{}])[0].get("sessionId")) or _session_of(tree, path)]
    }


def _session_of(tree: FileTree, path: str) -> str:
    try:
        return text(mapping(document(tree, path)).get("sessionId"))
    except (OSError, BrokenJson):
        return ""


def _without(prompts: list[tuple[str, str, object, str]], known: set[str]) -> list[tuple[str, str, object, str]]:
    return [prompt for prompt in prompts if prompt[0] not in known]


def _projects(tree: FileTree) -> dict[str, str]:
    """Return folders by their hash and their short name."""
    found: dict[str, str] = {}
    for path in tree.paths:
        if PurePosixPath(path).name == "projects.json":
            for folder, name in mapping(mapping(loaded(tree.head(path))).get("projects")).items():
                found[text(name)] = found[hashlib.sha256(folder.encode("utf-8", "replace")).hexdigest()] = folder
    return found


def _place(conversation: Conversation, header: Record, path: str, projects: dict[str, str]) -> None:
    """Add what the path tells: the project, and the session that started a sub-agent."""
    parts = PurePosixPath(path).parts
    if "chats" not in parts[:-1]:
        return
    below = parts[parts.index("chats") + 1 :]
    if len(below) == 2 or header.get("kind") == "subagent":
        conversation.parent_id = below[0] if len(below) == 2 else ""
        conversation.id = f"{conversation.parent_id}/{PurePosixPath(path).stem}"
        conversation.resume = ""
    if not conversation.project and parts.index("chats") > 0:
        name = parts[parts.index("chats") - 1]
        conversation.project = projects.get(name, name)


def _checkpoint(tree: FileTree, path: str) -> Conversation:
    """Return a conversation that was saved with ``/chat save``; it has neither ids nor times."""
    with tree.open(path) as file:
        history = mappings(list(json_array(file, "history")))
    conversation = Conversation("", PurePosixPath(path).stem.removeprefix("checkpoint-"))
    calls: dict[str, Any] = {}
    for one in history:
        parts = one.get("parts")
        for part in mappings(parts):
            call, name, result, is_error = result_of(mapping(part.get("functionResponse")))
            found = calls.get(call or name)
            if "functionResponse" in part and found is not None:
                found.result, found.is_error = result, is_error
        message = Message("", "assistant" if one.get("role") == "model" else "user", spoken_parts(parts))
        message.reasoning = thoughts_of(parts)
        for made in calls_of(parts):
            message.parts.append(made)
            calls[made.id or made.name] = made
        if message.parts or message.reasoning:
            first = identifier(at(parts, "text"))
            message.hidden = not conversation.messages and first.startswith("This is the Gemini CLI")
            conversation.messages.append(message)
    return conversation
