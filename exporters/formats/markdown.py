"""Markdown documents with front matter, as Obsidian and static site generators read it.

Reasoning and tool calls are quoted lines: Obsidian folds them, other programs show a quotation, and nothing in them can
end it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from sterna.storage import Attachment, Message, one_line
from sterna.storage.conversations.citations import Source, is_web, link_address, numbered, sources
from sterna.storage.conversations.documents import (
    attachment_label,
    beginning,
    named_attachment,
    texts,
    without_controls,
)
from sterna.storage.conversations.tool_calls import ToolCall, tool_calls, with_tool_calls

from ..chat import Chat
from ..files import ExportFiles
from ..format import Format, Options

REASONING = "[!quote]- Reasoning"
TOOL = "[!example]- Tool: "
_TICKS = re.compile("`{3,}")


class Markdown(Format):
    """One document; front matter stands before a single conversation only."""

    name = "markdown"
    suffix = ".md"

    def pieces(self, chats: Iterable[Chat], files: ExportFiles, options: Options) -> Iterator[str]:
        held: Chat | None = None
        is_alone = True
        for chat in chats:
            if held is not None:
                is_alone = False
                yield from _document(held, files, options, has_front=False)
            held = chat
        if held is not None:
            yield from _document(held, files, options, has_front=is_alone)


def _document(chat: Chat, files: ExportFiles, options: Options, *, has_front: bool) -> Iterator[str]:
    """Yield a conversation in pieces that end with a line end."""

    def line(attachment: Attachment) -> str:
        path = files.link(attachment)
        return f"- Attached: [{attachment_label(attachment)}](<{path}>)\n" if path else named_attachment(attachment)

    if has_front:
        yield front_matter(chat)
    yield beginning(chat.conversation)
    shown = chat.shown
    yield from texts(map(_with_quotes, shown), line)
    if options.branches:
        written = {message.id for message in shown}
        for path in _other_branches(chat):
            rest = [message for message in path if message.id not in written]
            if rest:
                place = path.index(rest[0])
                after = f"after “{one_line(path[place - 1].content, 60)}”" if place else "from the beginning"
                yield f"\n---\n\n*Another branch, {after}*\n"
                yield from texts(map(_with_quotes, rest), line)
                written |= {message.id for message in rest}
    yield "\n"


def front_matter(chat: Chat) -> str:
    """Return what a conversation is about as YAML between two lines; each value is JSON, which YAML contains."""
    row = chat.conversation
    fields = {
        "title": without_controls(row.title).strip(),
        "id": row.id,
        "created": row.created_at,
        "updated": row.updated_at,
        "model": chat.model,
        "tags": list(chat.labels.tags),
        "source": chat.source or "sterna",
        "system_prompt": chat.system_prompt,
    }
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items() if value)
    return "---\n" + "".join(lines) + "---\n\n"


def _other_branches(chat: Chat) -> Iterator[list[Message]]:
    """Yield the branches, the newest first, each from its beginning."""
    by_id = {message.id: message for message in chat.messages}
    parents = chat.parents
    leaves = by_id.keys() - set(parents.values())
    for leaf in sorted(leaves, key=lambda id_: by_id[id_].key, reverse=True):
        path: list[Message] = []
        place = leaf
        while place:
            path.append(by_id[place])
            place = parents[place]
        yield path[::-1]


def _with_quotes(message: Message) -> Message:
    """Return a message whose text contains its reasoning, tool calls and sources."""
    calls = tool_calls(message.metadata)
    named = [(number, source) for number, source in enumerate(sources(message.metadata), 1) if is_web(source.url)]
    if not calls and not message.reasoning and not named:
        return message
    content, calls = numbered(message.content, message.metadata, calls)
    pieces = [_quote(REASONING, message.reasoning)] if message.reasoning else []
    between = with_tool_calls(content, calls)
    pieces += [piece if isinstance(piece, str) else _tool_call(piece) for piece in between]
    if named:
        pieces.append("\n".join(_source(number, source) for number, source in named))
    return message._replace(content="\n\n".join(pieces))


def _source(number: int, source: Source) -> str:
    title = re.sub(r"([\\\[\]<>*_`])", r"\\\1", one_line(source.title or source.url, 200))
    return f"{number}. [{title}]({link_address(source.url)})"


def _tool_call(call: ToolCall) -> str:
    is_text = isinstance(call.arguments, str)
    arguments = call.arguments if is_text else json.dumps(call.arguments, ensure_ascii=False)
    body = "" if call.arguments is None else _fenced("" if is_text else "json", str(arguments))
    if call.result is not None:
        body += ("\n" if body else "") + _fenced("error" if call.is_error else "result", call.result)
    return _quote(f"{TOOL}{one_line(call.name)}", body)


def _fenced(info: str, text: str) -> str:
    fence = max(["```", *(ticks + "`" for ticks in _TICKS.findall(text))], key=len)
    return f"{fence}{info}\n{text}\n{fence}"


def _quote(title: str, text: str) -> str:
    lines = "".join(f"\n> {line}" if line else "\n>" for line in text.split("\n")) if text else ""
    return f"> {title}{lines}"
