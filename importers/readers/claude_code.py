"""Claude Code: ``~/.claude/projects/<folder>/<session>.jsonl``, with the logs of sub-agents below it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import ClassVar
from weakref import WeakKeyDictionary

from ..documents import document
from ..growing import Start, follow
from ..json_stream import BrokenJson
from ..lines import Record, each_first_record, first_records, records
from ..prompt_lists import Prompt, prompts_of_lost_sessions
from ..reader import Reader
from ..records import Conversation, Mark, Skipped
from ..times import moment
from ..tree import FileTree
from ..values import mapping, text
from .claude_code_lines import Session

_HELPERS = ("agent-acompact-", "agent-aprompt_suggestion-")
"""Logs of agents that sum up a session or guess the next prompt: they repeat all of it."""
_copies: WeakKeyDictionary[FileTree, dict[str, dict[str, list[str]]]] = WeakKeyDictionary()


class ClaudeCode(Reader):
    """Reader of sessions. Copies of a session that was resumed or forked are branches of one conversation."""

    name: ClassVar[str] = "claude-code"
    label: ClassVar[str] = "Claude Code"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_session(tree, path) or _is_prompt_history(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if not _is_session(tree, path):
            lines = [record for _, record in records(tree, path)]
            yield from (line for line in lines if isinstance(line, Skipped))
            prompts = (_prompt(line) for line in lines if not isinstance(line, Skipped))
            yield from prompts_of_lost_sessions(prompts, (other for other in tree.paths if other != path))
            return
        group = _group(tree, path)
        if group[0] != path:  # read with the first of its copies
            return
        yield from _read_group(tree, group)

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if not _is_session(tree, path):
            return  # the prompts of sessions that were gathered are here
        group = [path] if mark else _group(tree, path)
        if len(group) > 1:
            yield from _read_group(tree, group)
            return

        def begin(start: Start) -> Session:
            return Session({} if start.is_rest else _summaries(tree, path), start)

        def end(session: Session) -> Iterator[Conversation]:
            session.end_of_log()
            return _conversations(tree, path, session)

        yield from follow(tree, path, mark, begin, end)


def _read_group(tree: FileTree, group: list[str]) -> Iterator[Conversation | Skipped]:
    session = Session(_summaries(tree, group[0]))
    for path in group:
        for number, record in records(tree, path):
            if isinstance(record, Skipped):
                yield record
            else:
                session.take(number, record)
        session.end_of_log()
    yield from _conversations(tree, group[0], session)


def _conversations(tree: FileTree, path: str, session: Session) -> Iterator[Conversation]:
    stem = PurePosixPath(path).stem
    parent, agent = _parent_of(path)
    if not session.main.messages and len(session.agents) == 1:  # log of a sub-agent
        [(found, thread)] = session.agents.items()
        parent = parent or session.session_id
        agent = agent or found
        conversation = session.conversation(f"{parent}/{agent}" if parent else stem, thread)
        details = _agent_details(tree, path)
        conversation.title = text(details.get("description")) or text(details.get("name"))
        conversation.parent_id = parent
        yield conversation
        return
    key = session.origin or session.session_id or stem
    if session.main.messages:
        conversation = session.conversation(key, session.main)
        conversation.title = session.title()
        latest = session.session_id or stem
        conversation.resume = f"claude --resume {latest}" if _is_plain(latest) else ""
        yield conversation
    for agent, thread in session.agents.items():
        if thread.messages:
            conversation = session.conversation(f"{key}/{agent}", thread)
            conversation.parent_id = key
            yield conversation


def _prompt(record: Record) -> Prompt:
    session, project, prompt = (text(record.get(key)) for key in ("sessionId", "project", "display"))
    return session, project, record.get("timestamp"), prompt


def _is_plain(session: str) -> bool:
    return session.replace("-", "").isalnum()


def _parent_of(path: str) -> tuple[str, str]:
    """Return the session above a log of a sub-agent, and the agent; empty where the path does not tell."""
    parts = PurePosixPath(path).parts
    agent = PurePosixPath(path).stem.removeprefix("agent-")
    if "subagents" in parts[1:]:
        return parts[parts.index("subagents", 1) - 1], agent
    return "", agent if PurePosixPath(path).stem.startswith("agent-") else ""


def _agent_details(tree: FileTree, path: str) -> dict[str, object]:
    beside = path.removesuffix(".jsonl") + ".meta.json"
    try:
        return mapping(document(tree, beside)) if beside in tree.paths else {}
    except (OSError, BrokenJson):
        return {}


def _is_session(tree: FileTree, path: str) -> bool:
    if PurePosixPath(path).name.startswith(_HELPERS):
        return False
    return any(
        ("leafUuid" in record and record.get("type") == "summary")
        or (
            record.get("type") in ("user", "assistant")
            and {"parentUuid", "sessionId"} <= record.keys()
            and "content" in mapping(record.get("message"))
        )
        for record in islice(each_first_record(tree, path), 50)
    )


def _is_prompt_history(tree: FileTree, path: str) -> bool:
    first = first_records(tree, path, 1)
    return bool(first) and {"display", "timestamp", "project"} <= first[0].keys()


def _group(tree: FileTree, path: str) -> list[str]:
    """Return the sessions that begin with the same line, the oldest first: one was copied when it was resumed."""
    root = _root(tree, path)
    if not root:
        return [path]
    folder = str(PurePosixPath(path).parent)
    known = _copies.setdefault(tree, {})
    if folder not in known:
        groups: dict[str, list[str]] = {}
        for other in _beside(tree, path):
            if found := _root(tree, other):
                groups.setdefault(found, []).append(other)
        for group in groups.values():
            if len(group) > 1:
                group.sort(key=lambda member: (_is_copy(tree, member), _last_time(tree, member), member))
        known[folder] = groups
    group = known[folder].get(root, [])
    return group if path in group else [path]


def _beside(tree: FileTree, path: str) -> list[str]:
    """Return the files of the folder that a file is in."""
    folder = PurePosixPath(path).parent
    return [other for other in tree.paths if PurePosixPath(other).parent == folder]


def _root(tree: FileTree, path: str) -> str:
    """Return the id of the first line of a session, with whether it is one of a sub-agent."""
    for record in each_first_record(tree, path):
        if record.get("type") in ("user", "assistant", "system") and text(record.get("uuid")):
            side = "side " if record.get("isSidechain") is True else ""
            return f"{side}{record['uuid']}" if "sessionId" in record else ""
    return ""


def _is_copy(tree: FileTree, path: str) -> bool:
    return any("forkedFrom" in record for record in first_records(tree, path))


def _last_time(tree: FileTree, path: str) -> float:
    """Return the time of the last line in the head: copies go on later than their origin."""
    times = [found for record in first_records(tree, path) if (found := moment(record.get("timestamp")))]
    return times[-1].timestamp() if times else 0.0


def _summaries(tree: FileTree, path: str) -> dict[str, str]:
    """Return titles by the line that they sum up; old versions wrote them into other sessions of the folder."""
    return {
        leaf: text(record.get("summary"))
        for other in _beside(tree, path)
        if b'"leafUuid"' in tree.head(other)
        for record in first_records(tree, other)
        if (leaf := text(record.get("leafUuid")))
    }
