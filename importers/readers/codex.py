"""Codex: ``~/.codex/sessions/YYYY/MM/DD/rollout-….jsonl``, archived and compressed ones too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import ClassVar
from weakref import WeakKeyDictionary

from ..growing import Start, follow
from ..lines import ZSTD_HEAD, Record, each_first_record, first_records, records
from ..prompt_lists import Prompt, prompts_of_lost_sessions
from ..reader import Reader
from ..records import Conversation, Mark, Skipped
from ..tree import FileTree
from ..values import at, mapping, text
from .codex_lines import Rollout

_TYPES = {"session_meta", "turn_context", "response_item", "event_msg", "compacted"}
_known_titles: WeakKeyDictionary[FileTree, dict[str, str]] = WeakKeyDictionary()


class Codex(Reader):
    """Reader of rollouts. A fork is a conversation of its own; in a sub-agent the copied part is hidden."""

    name: ClassVar[str] = "codex"
    label: ClassVar[str] = "Codex"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_rollout(tree, path) or _is_prompt_history(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if not _is_rollout(tree, path):
            lines = [record for _, record in records(tree, path)]
            yield from (line for line in lines if isinstance(line, Skipped))
            prompts = (_prompt(line) for line in lines if not isinstance(line, Skipped))
            yield from prompts_of_lost_sessions(prompts, (other for other in tree.paths if other != path))
            return
        for item in _follow(tree, path, ""):
            if not isinstance(item, Mark):
                yield item

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if _is_rollout(tree, path):
            yield from _follow(tree, path, mark)


def _follow(tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
    is_packed = tree.head(path).startswith(ZSTD_HEAD)

    def begin(start: Start) -> Rollout:
        return Rollout(frozenset() if start.is_rest else _turns_of_parent(tree, _meta(tree, path)), start)

    def end(rollout: Rollout) -> Iterator[Conversation]:
        conversation = rollout.conversation(PurePosixPath(path).name.removesuffix(".zst").removesuffix(".jsonl"))
        if conversation.messages:
            conversation.title = conversation.title or _titles(tree).get(conversation.id, "")
            conversation.is_archived = "archived_sessions" in PurePosixPath(path).parts
            yield conversation

    try:
        for item in follow(tree, path, mark, begin, end):
            if not (is_packed and isinstance(item, Mark)):
                yield item
    except ImportError:
        yield Skipped("The log is compressed: install the package zstandard to read it.", where=path)


def _is_rollout(tree: FileTree, path: str) -> bool:
    records = first_records(tree, path, 3)
    if not records:
        return tree.head(path).startswith(ZSTD_HEAD) and PurePosixPath(path).name.startswith("rollout-")
    if text(records[0].get("type")) in _TYPES and isinstance(records[0].get("payload"), dict):
        return True
    is_old = {"id", "timestamp", "instructions"} <= records[0].keys() and "type" not in records[0]
    return is_old and "messages" not in records[0]


def _is_prompt_history(tree: FileTree, path: str) -> bool:
    first = first_records(tree, path, 1)
    return bool(first) and {"session_id", "ts", "text"} <= first[0].keys()


def _prompt(record: Record) -> Prompt:
    return text(record.get("session_id")), "", record.get("ts"), text(record.get("text"))


def _meta(tree: FileTree, path: str) -> Record:
    for record in first_records(tree, path, 3):
        if record.get("type") == "session_meta":
            return mapping(record.get("payload"))
    return {}


def _turns_of_parent(tree: FileTree, meta: Record) -> frozenset[str]:
    """Return the turns of the session that started this one; a sub-agent's log repeats them."""
    parent = text(meta.get("parent_thread_id"))
    parent = parent or text(at(meta, "source", "subagent", "thread_spawn", "parent_thread_id"))
    if not parent:
        return frozenset()
    for other in tree.paths:
        if parent in other and _is_rollout(tree, other):
            return frozenset(
                turn
                for _, record in records(tree, other)
                if not isinstance(record, Skipped) and (turn := text(at(record, "payload", "turn_id")))
            )
    return frozenset()


def _titles(tree: FileTree) -> dict[str, str]:
    """Return the titles in the list of all sessions, of which the newest counts."""
    if tree not in _known_titles:
        _known_titles[tree] = {
            text(record.get("id")): text(record.get("thread_name"))
            for path in tree.paths
            if not PurePosixPath(path).name.startswith("rollout-")
            and "thread_name" in next(each_first_record(tree, path), {})
            for _, record in records(tree, path)
            if not isinstance(record, Skipped)
        }
    return _known_titles[tree]
