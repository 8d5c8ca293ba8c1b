"""ShareGPT: data sets of conversations, in the many shapes that were made of the first one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from ..chat_messages import ChatMessages
from ..reader import Reader
from ..records import Conversation, Message, Skipped, ToolCall
from ..roles import TOOL_ROLES, role
from ..tree import FileTree
from ..values import identifier, mapping, mappings, parsed, text
from .generic_items import convert_each, described, paths_with

_LISTS = ("conversations", "conversation", "items", "dialog", "turns")
_HTML = re.compile(r"<(?:div class=\"|p>|pre>|ol>|ul>|h[1-6]>)")
_BREAKS = {"p": "\n\n", "div": "\n", "br": "\n", "pre": "\n\n", "li": "\n", "tr": "\n", "ol": "\n", "ul": "\n"}


class ShareGpt(Reader):
    name = "sharegpt"
    label = "ShareGPT"
    is_generic = True

    def detect(self, tree: FileTree) -> list[str]:
        return paths_with(tree, _turns, "from", "human")

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        yield from convert_each(tree, path, _conversation)


def _turns(data: dict[str, Any]) -> list[Any]:
    """Return the turns of an item; empty where it has none."""
    for name in _LISTS:
        turns = data.get(name)
        if isinstance(turns, list) and any(_is_turn(each) for each in mappings(turns)):
            return turns
    return []


def _is_turn(value: dict[str, Any]) -> bool:
    speaker = value.get("from")
    if isinstance(speaker, str) and "value" in value:
        return role(speaker) is not None or speaker in TOOL_ROLES or speaker == "function_call"
    return isinstance(value.get("human"), str) and isinstance(value.get("assistant"), str)


def _conversation(value: Any) -> Conversation | None:
    data = mapping(value)
    turns = _turns(data)
    if not turns:
        return None
    chat = ChatMessages()
    for turn in turns:
        _add(chat, turn)
    found = described(data, chat)
    if found.id:  # ids repeat over the parts of one chat
        found.id = ""
    return found


def _add(chat: ChatMessages, turn: Any) -> None:
    data = mapping(turn)
    if "human" in data and "assistant" in data:
        chat.add({"role": "user", "content": data["human"]})
        chat.add({"role": "assistant", "content": data["assistant"]})
        return
    said = data.get("value")
    if data.get("from") == "function_call":
        call = mapping(parsed(said))
        message = Message("", "assistant")
        arguments = parsed(call.get("arguments")) if call else said
        chat.call(message, ToolCall(text(call.get("name")) or "tool", arguments, id=identifier(call.get("id"))))
        chat.messages.append(message)
    elif isinstance(said, str) and _HTML.search(said):
        chat.add({**data, "value": plain(said)})
    else:
        chat.add(turn)


def plain(markup: str) -> str:
    """Return the text of a reply that was copied from a page."""
    reader = _Plain()
    reader.feed(markup)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.pieces)).strip()


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self._in_code = True
            self.pieces.append("\n\n```\n")
        elif tag == "code" and not self._in_code:
            self.pieces.append("`")
        elif tag in _BREAKS and not self._in_code:
            self.pieces.append(_BREAKS[tag] + ("- " if tag == "li" else ""))
        elif tag[:1] == "h" and tag[1:].isdigit():
            self.pieces.append("\n\n" + "#" * int(tag[1:]) + " ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_code = False
            self.pieces.append("\n```\n\n")
        elif tag == "code" and not self._in_code:
            self.pieces.append("`")
        elif tag in _BREAKS and not self._in_code:
            self.pieces.append("\n" if tag == "li" else _BREAKS[tag])

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
