"""Conversations in files that many programs write: JSON lines, an array, or a single object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning, document
from ..json_stream import BrokenJson, json_array, json_lines
from ..lines import loaded
from ..records import Conversation, Skipped
from ..times import moment
from ..tree import FileTree
from ..values import chosen, identifier, items, mapping, text

_NATIVE = 16
"""Characters of an id that is one everywhere; data sets number theirs."""
_MOST_LOOKED_AT = 5
"""Items of a file that are looked at to find out what it is."""
_TITLES = ("title", "name", "chat_title")
_IDS = ("conversation_id", "conversationId", "chat_id", "uuid", "id", "custom_id")
_CREATED = ("created_at", "createdAt", "create_time", "created", "timestamp", "date")
_UPDATED = ("updated_at", "updatedAt", "update_time", "updated", "lastModified")


def first_items(head: bytes, *keys: str) -> Iterator[Any]:
    """Yield the first items of a file, as far as its head has them; none where it has none of these keys.

    One alone does not say what a file is: it may be damaged, or have nothing in it.
    """
    if keys and not any(b'"%b"' % key.encode() in head for key in keys):
        return
    value = beginning(head)
    if head.lstrip().startswith(b"["):
        yield from islice(items(value), _MOST_LOOKED_AT)
    elif is_lines(head):
        yield from map(loaded, _lines(head))
    else:
        yield value


def paths_with(tree: FileTree, is_item: Callable[[dict[str, Any]], object], *keys: str) -> list[str]:
    """Return the paths of files with one of these keys, whose first items have one that ``is_item`` is true of."""
    return [path for path in tree.paths if any(is_item(mapping(one)) for one in first_items(tree.head(path), *keys))]


def is_lines(head: bytes) -> bool:
    """Return whether a file has one JSON object on each line; the first one may be damaged."""
    first, *others = _lines(head) or [b""]
    if isinstance(loaded(first), dict):
        return True
    return any(isinstance(loaded(line), dict) for line in others) and beginning(head) == beginning(first)


def _lines(head: bytes) -> list[bytes]:
    return list(islice(filter(bytes.strip, head.split(b"\n")), _MOST_LOOKED_AT))


def each_item(tree: FileTree, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each item of a file with its place; a BrokenJson instead of one that is none."""
    head = tree.head(path)
    if head.lstrip().startswith(b"["):
        with tree.open(path) as file:
            number = 0
            try:
                for number, value in enumerate(json_array(file), 1):
                    yield f"{path}, item {number}", value
            except BrokenJson as error:
                yield f"{path}, item {number + 1}", error
    elif is_lines(head):
        with tree.open(path) as file:
            for number, value in json_lines(file):
                yield f"{path}:{number}", value
    else:
        try:
            yield path, document(tree, path)
        except BrokenJson as error:
            yield path, error


def convert_each(
    tree: FileTree, path: str, convert: Callable[[Any], Conversation | None]
) -> Iterator[Conversation | Skipped]:
    """Yield the conversation of each item; a Skipped for one that is none."""
    for where, value in each_item(tree, path):
        if isinstance(value, BrokenJson):
            yield Skipped(str(value), where=where)
        elif value is not None:
            yield convert(value) or Skipped("It is no conversation.", where=where)


def described(data: dict[str, Any], chat: ChatMessages) -> Conversation:
    """Return a conversation with what an item says beside its messages."""
    native = _first(data, _IDS)
    times = [message.created_at for message in chat.messages if message.created_at]
    models = [message.model for message in chat.messages if message.model]
    return Conversation(
        id=native if len(native) >= _NATIVE else "",
        title=_first(data, _TITLES),
        messages=chat.messages,
        created_at=next(filter(None, (moment(data.get(name)) for name in _CREATED)), min(times, default=None)),
        updated_at=next(filter(None, (moment(data.get(name)) for name in _UPDATED)), max(times, default=None)),
        model=text(data.get("model")) or (models[-1] if models else None),
        system_prompt=text(data.get("system")) or text(data.get("system_prompt")) or chat.system_prompt,
        metadata=chosen(mapping(data.get("metadata")), "source") | ({"id": native} if native else {}),
    )


def _first(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return next(filter(None, (identifier(data.get(name)) for name in names)), "")
