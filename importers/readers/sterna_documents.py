"""Markdown that `sterna export` writes: one document or several in a file, with the branches below a line.

It has no ids of messages, so a document is taken only where its conversation is not there any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from sterna.storage.text import one_line

from ..records import ROOT, Attachment, Conversation, Message, Text
from ..times import naive_moment
from ..tree import FileTree
from ..values import text, texts
from .sterna_quotes import divided

_TIME = r"\d{4,}-\d\d-\d\d \d\d:\d\d"
_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
BEGINNING = re.compile(
    rf"\A\ufeff?(?:# [^\n]*\r?\n\r?\n{_TIME} · [^\s·]+\r?\n"
    rf'|---\r?\n(?:title: "[^\n]*\r?\n)?id: "[^\n]*\r?\ncreated: "{_STAMP}"\r?\n)'
)
_FRONT = re.compile(r"\A---\n((?:[a-z_]+: [^\n]*\n)+)---\n\n")
_TITLE = re.compile(rf"^# (?P<title>[^\n]*)\n\n(?P<at>{_TIME}) · (?P<id>[^\s·]+)\n", re.MULTILINE)
_HEADING = re.compile(rf"## (?P<role>You|Reply|System) · (?P<at>{_TIME})(?: · (?P<rest>.*))?")
_STATES = ("stopped", "interrupted", "failed")
_BRANCH = re.compile(r"\*Another branch, (?:after “(?P<after>.*)”|from the beginning)\*")
_ATTACHED = re.compile(r"- Attached: (?:\[(?P<label>[^\]]*)\]\(<(?P<path>[^>]*)>\)|(?P<name>.*))")
_ERROR = re.compile(r"\*\((?P<error>.*)\)\*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
MOST = 64 << 20
"""Bytes of a file that is read."""


def documents(tree: FileTree, path: str) -> Iterator[Conversation]:
    """Yield the conversations of a Markdown file."""
    with tree.open(path) as file:
        whole = file.read(MOST).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    front: dict[str, Any] = {}
    if (found := _FRONT.match(whole)) is not None:
        front = dict(filter(None, map(_field, found[1].splitlines())))
        whole = whole[found.end() :]
    titles = list(_TITLE.finditer(whole))
    if front:  # it stands before one conversation, whose text may look like the beginning of another
        del titles[1:]
    folder = path.rpartition("/")[0]
    for number, title in enumerate(titles):
        end = titles[number + 1].start() if number + 1 < len(titles) else len(whole)
        messages, shown = _messages(whole[title.end() : end], tree, folder)
        yield Conversation(
            title["id"],
            title["title"],
            messages,
            shown,
            created_at=naive_moment(title["at"]),
            metadata={"document": True, "session": _session(front), "settings": _settings(front)},
        )


def _field(line: str) -> tuple[str, Any] | None:
    """Return a line of front matter; None where its value is no JSON."""
    name, _, value = line.partition(": ")
    try:
        return name, json.loads(value)
    except ValueError:
        return None


def _session(front: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_at": front[name] for name in ("created", "updated") if isinstance(front.get(name), str)}


def _settings(front: dict[str, Any]) -> dict[str, Any]:
    tags = [f"tag:{tag}" for tag in texts(front.get("tags"))]
    prompt, source = text(front.get("system_prompt")), text(front.get("source"))
    settings: dict[str, Any] = dict.fromkeys(tags, True)
    if prompt:
        settings["system_prompt"] = prompt
    return settings | ({"source": source} if source not in ("", "sterna") else {})


def _messages(body: str, tree: FileTree, folder: str) -> tuple[list[Message], str | None]:
    """Return all messages, and the last one of the branch that is shown, which comes first."""
    messages: list[Message] = []
    shown: str | None = None
    lines: list[str] = []
    fence = ""
    parent: str | None = ROOT
    body_lines = body.split("\n")
    for number, line in enumerate(body_lines):
        fence = _fence_after(line, fence)
        if fence and _HEADING.fullmatch(line) and not _is_closed(body_lines, number + 1, fence):
            fence = ""
        branch = None if fence else _BRANCH.fullmatch(line)
        heading = None if fence else _HEADING.fullmatch(line)
        if branch is not None and lines[-3:] == ["", "---", ""]:
            del lines[-3:]
            _end(messages, lines, tree, folder)
            shown = shown or (messages[-1].id if messages else None)
            parent = _place(messages, branch["after"])
            lines, fence = [], ""
        elif heading is not None:
            _end(messages, lines, tree, folder)
            lines, fence = [], ""
            messages.append(_begun(heading, parent, f"n{len(messages)}"))
            parent = None
        else:
            lines.append(line)
    _end(messages, lines, tree, folder)
    for message in messages:
        place = int(message.metadata.pop("place"))
        if message.parent is None:
            message.parent = f"n{place - 1}"
    return messages, shown


def _fence_after(line: str, fence: str) -> str:
    """Return the fence of the block of code that is open after a line; empty if none is."""
    if (mark := _FENCE.match(line)) is None:
        return fence
    if not fence:
        return mark[1]
    return "" if mark[1].startswith(fence) and not line[mark.end() :].strip() else fence


def _is_closed(lines: list[str], number: int, fence: str) -> bool:
    """Return whether a block of code ends before the next heading: a reply that was stopped may leave one open."""
    for line in islice(lines, number, None):
        mark = _FENCE.match(line)
        if mark is not None and mark[1].startswith(fence):
            return not line[mark.end() :].strip()
        if _HEADING.fullmatch(line):
            return False
    return False


def _begun(heading: re.Match[str], parent: str | None, name: str) -> Message:
    rest = (heading["rest"] or "").split(" · ") if heading["rest"] else []
    state = rest.pop() if rest and rest[-1] in _STATES else ""
    message = Message(name, "assistant", parent=parent, created_at=naive_moment(heading["at"]))
    message.role = {"You": "user", "System": "system"}.get(heading["role"], "assistant")  # type: ignore[assignment]
    message.model = " · ".join(rest) or None
    message.stopped = state == "stopped"
    message.metadata["place"] = int(name[1:])
    return message


def _end(messages: list[Message], lines: list[str], tree: FileTree, folder: str) -> None:
    """Give the last message its text, files and error."""
    if not messages or messages[-1].parts:
        return
    message = messages[-1]
    while lines and not lines[-1]:
        lines.pop()
    if lines and message.role == "assistant" and (error := _ERROR.fullmatch(lines[-1])):
        message.error = error["error"]
        lines.pop()
    files: list[Attachment] = []
    missing: list[str] = []
    while lines and (attached := _ATTACHED.fullmatch(lines[-1])):
        path = f"{folder}/{attached['path']}" if folder else attached["path"] or ""
        is_here = attached["path"] is not None and tree.size(path) > 0
        name = attached["label"] or attached["name"] or "file"
        if is_here:
            files.insert(0, Attachment(name, open=partial(tree.open, path)))
        else:
            missing.insert(0, name)
        lines.pop()
    message.reasoning, parts = divided(lines)
    message.parts = [*parts, *files]
    if missing:
        message.metadata["metadata"] = {"missing_files": missing}


def _place(messages: list[Message], after: str | None) -> str:
    """Return the id of the message after which a branch begins."""
    for message in messages:
        first = message.parts[0] if message.parts else None
        if after is not None and isinstance(first, Text) and one_line(first.text, 60) == after:
            return message.id
    return ROOT
