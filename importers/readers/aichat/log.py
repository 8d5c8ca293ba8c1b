"""``messages.md``: one block for each question, which nothing separates safely from what it quotes."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator

from ...records import Conversation, Message, Part, Text
from ...times import moment
from ...tree import FileTree
from ...values import mappings, parsed
from .sessions import tool_call

CHAT = re.compile(r"# CHAT: (.*) \[(\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d))\](?: \(([^()]*)\))?\s*$")
_LINE = "--------"
_TOOLS = re.compile(r"\A\s*<tool_calls>\n(.*?)\n</tool_calls>\n?", re.DOTALL)


def log_conversations(tree: FileTree, path: str) -> Iterator[Conversation]:
    """Yield the conversation of each block. One begins at its heading, behind a line of dashes."""
    heading: re.Match[str] | None = None
    block: list[str] = []
    last = _LINE
    with io.TextIOWrapper(tree.open(path), encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            line = line.rstrip("\r\n")
            found = CHAT.match(line) if last == _LINE else None
            if found is not None:
                if heading is not None:
                    yield _conversation(heading, block)
                heading, block = found, []
            else:
                block.append(line)
            last = line if line.strip() else last
    if heading is not None:
        yield _conversation(heading, block)


def _conversation(heading: re.Match[str], block: list[str]) -> Conversation:
    title, time, role = heading.groups()
    split = block.index(_LINE) if _LINE in block else len(block)
    question = "\n".join(block[:split])
    reply = "\n".join(block[split + 1 :]).rstrip()
    reply = reply.removesuffix(_LINE).rstrip("\n")
    parts: list[Part] = []
    if tools := _TOOLS.match(reply):
        parts += map(tool_call, mappings(parsed(tools[1])))
        reply = reply[tools.end() :] if parts else reply
    parts += [Text(reply)] if reply else []
    created = moment(time)
    key = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:12]
    asked = Message("question", "user", [Text(question)], created_at=created)
    answered = [Message("reply", "assistant", parts, created_at=created)] if parts else []
    metadata = {"role": role} if role else {}
    return Conversation(f"messages {time} {key}", title, [asked, *answered], None, created, created, metadata=metadata)
