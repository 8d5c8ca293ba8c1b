"""Markdown files that are conversations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from posixpath import join, normpath
from typing import Any
from urllib.parse import unquote

from ...chat_messages import ChatMessages
from ...inline import linked_file
from ...json_stream import LARGEST_ITEM
from ...reader import Reader
from ...records import Attachment, Conversation, Message, Skipped, Text
from ...times import moment
from ...tree import FileTree
from ...values import identifier, mapping, text, texts
from ...yaml_documents import BrokenYaml, yaml_value
from .marks import TOOL, Mark, is_time, marks_of, named, style_of, time_of

_ENDS = (".md", ".markdown", ".mdown", ".txt", ".text")
_QUICK = re.compile(rb"(?im)^(?:#{1,6}\s|\*\*|__|)\W{0,16}(?:user|you|human|prompt|me|system|developer)\b")
_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_FOOTER = re.compile(r"\s*\n-{3,}\s*\n+(?:[*_]*(?:Powered|Exported|Generated) (?:by|with)[^\n]*)?\s*\Z|\s*\n-{3,}\s*\Z")
_FILE = re.compile(r"!\[[^\]\n]*\]\(<?([^)>\s]+)|^- Attached: \[[^\]\n]*\]\(<?([^)>\n]+)", re.MULTILINE)
_FIELD = re.compile(r"(?:[-*>] )?[*_]{0,2}(\w[\w ]{0,24}):[*_]{0,2}\s*(.+)")
_CREATED = ("created", "created_at", "date", "create_time", "started")
_UPDATED = ("updated", "updated_at", "modified", "last_updated")
_LARGEST_FRONT = 65_536


class Markdown(Reader):
    name = "markdown"
    label = "Markdown"
    is_generic = True

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if path.lower().endswith(_ENDS) and _is_conversation(tree.head(path))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        with tree.open(path) as file:
            data = file.read(LARGEST_ITEM + 1)
        if len(data) > LARGEST_ITEM:
            yield Skipped(f"The file is larger than {LARGEST_ITEM >> 20} MB.", where=path)
            return
        front, lines = _divided(data.decode("utf-8-sig", "replace"))
        style = style_of(lines)
        marks = marks_of(lines, style) if style else []
        if not marks:
            yield Skipped("It is not clear who says what.", where=path)
            return
        about = _about(front, lines[: marks[0].line])
        chat = ChatMessages()
        for mark, after in zip(marks, [*marks[1:], None], strict=True):
            message = _add(chat, mark, lines[mark.line + 1 : after.line if after else len(lines)])
            if message is not None:
                message.parts += _files(tree, path.rpartition("/")[0], message)
        yield _conversation(about, chat)


def _is_conversation(head: bytes) -> bool:
    return _QUICK.search(head) is not None and bool(style_of(_divided(head.decode("utf-8", "replace"))[1]))


def _divided(content: str) -> tuple[dict[str, Any], list[str]]:
    """Return the front matter of a text, and its lines without it."""
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    front: dict[str, Any] = {}
    if (found := _FRONT.match(content[:_LARGEST_FRONT])) is not None:
        try:
            front = {str(key).lower(): value for key, value in mapping(yaml_value(found[1])).items()}
            content = content[found.end() :]
        except BrokenYaml:
            front = {}
    return front, content.split("\n")


def _about(front: dict[str, Any], lines: list[str]) -> dict[str, Any]:
    """Return what front matter and the lines before the first mark say, by names in lower case."""
    found: dict[str, Any] = {}
    for line in lines:
        if line.startswith("# ") and "title" not in found:
            found["title"] = line[2:].strip()
        elif (field := _FIELD.fullmatch(line.strip())) is not None:
            found.setdefault(field[1].lower().strip().replace(" ", "_"), field[2].strip())
        elif is_time(line.partition(" · ")[0]):
            found.setdefault("date", line.partition(" · ")[0].strip())
    return found | front


def _add(chat: ChatMessages, mark: Mark, lines: list[str]) -> Message | None:
    body = "\n".join([mark.rest, *lines] if mark.rest else lines).strip("\n")
    times = [time for note in mark.notes if (time := time_of(note)) is not None]
    models = [note for note in mark.notes if not is_time(note) and any(map(str.isalpha, note))]
    metadata: dict[str, Any] = {}
    first, _, rest = body.partition("\n")
    if not mark.rest and is_time(first):
        times += [time] if (time := time_of(first)) is not None else []
        metadata = {} if times else {"time": first.strip()}
        body = rest.strip("\n")
    body = _FOOTER.sub("", f"\n{body}").lstrip("\n")
    if mark.role == TOOL:
        return chat.result("", "tool", body)
    value = {"role": mark.role, "content": body}
    message = chat.add(value, created_at=times[0] if times else None, metadata=metadata)
    if message is not None and message.role == "assistant":
        message.model = models[0] if models and named(models[0])[0] != "user" else None
    return message


def _files(tree: FileTree, folder: str, message: Message) -> list[Attachment]:
    """Return the pictures and files that a text links to, where the export has them."""
    found: dict[str, Attachment] = {}
    for part in message.parts:
        for link in _FILE.finditer(part.text if isinstance(part, Text) else ""):
            target = link[1] or link[2]
            path = normpath(join(folder, unquote(target)))
            if target.startswith("data:"):
                found[target] = linked_file(target)
            elif tree.has(path):
                found[path] = Attachment(path.rpartition("/")[2], "", partial(tree.open, path))
    return list(found.values())


def _conversation(about: dict[str, Any], chat: ChatMessages) -> Conversation:
    times = [message.created_at for message in chat.messages if message.created_at]
    models = [message.model for message in chat.messages if message.model]
    tags = about.get("tags")
    link = _first(about, "url", "link", "source")
    return Conversation(
        id=_first(about, "conversation_id", "uuid", "id"),
        title=_first(about, "title"),
        messages=[message for message in chat.messages if message.parts or message.reasoning],
        created_at=next(filter(None, (moment(about.get(name)) for name in _CREATED)), min(times, default=None)),
        updated_at=next(filter(None, (moment(about.get(name)) for name in _UPDATED)), max(times, default=None)),
        model=_first(about, "model") or (models[-1] if models else None),
        system_prompt=_first(about, "system_prompt") or chat.system_prompt,
        tags=tuple(each.lstrip("#") for each in (texts(tags) or re.split(r"[\s,]+", text(tags))) if each),
        metadata={"link": link} if link else {},
    )


def _first(about: dict[str, Any], *names: str) -> str:
    return next(filter(None, (identifier(about.get(name)).strip() for name in names)), "")
