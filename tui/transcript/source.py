"""Queries of the transcript, and the live reply as it sees one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sterna.storage import LiveReply, Message, NotFound, Store

FIRST = 16
"""Messages mounted when a conversation is opened: a screen of them; the rest follows once they are drawn."""
PAGE = 40
"""Messages read and mounted at a time from then on."""
WINDOW = 160
"""Most messages that are mounted; beyond it the far end is removed."""

Key = tuple[str, str]
_CODE = re.compile(r"```|~~~|^(?: {4}|\t)", re.MULTILINE)

START: Key = ("", "")
"""Key before every message."""


class Reply(Protocol):
    """Reply of this process that is still arriving (``chat.Reply``)."""

    @property
    def id(self) -> str: ...
    @property
    def session_id(self) -> str: ...
    @property
    def user_message_id(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def content(self) -> str: ...
    @property
    def reasoning(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def started(self) -> float: ...
    @property
    def message(self) -> Message | None: ...
    @property
    def running(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Page:
    """Neighbouring messages, oldest first."""

    messages: list[Message]
    live: list[LiveReply] = field(default_factory=list)
    older: bool = False
    """True when there are messages before these."""
    newer: bool = False
    """True when there are messages after these."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Number of versions of a reply, by its id, where that is more than one."""
    end: Key | None = None
    """Key of the newest message of the conversation, where that was read."""


def newest(store: Store, conversation_id: str) -> Page:
    """Return the end of the conversation."""
    messages = store.messages.before(conversation_id, None, FIRST + 1)
    shown = messages[-FIRST:]
    return Page(
        shown,
        store.arriving_replies.of(conversation_id),
        older=len(messages) > FIRST,
        versions=_versions(store, conversation_id, shown),
        end=messages[-1].key if messages else None,
    )


def oldest(store: Store, conversation_id: str) -> Page:
    """Return the beginning of the conversation."""
    page = after(store, conversation_id, START)
    return replace(page, live=store.arriving_replies.of(conversation_id), end=_end(store, conversation_id))


def around(store: Store, conversation_id: str, message_id: str) -> Page:
    """Return the messages around one, whose branch is shown then; the end of the conversation when it is gone."""
    try:
        if store.db.read_only is None:
            store.branches.show(message_id)
        messages = store.messages.around(conversation_id, message_id, FIRST)
    except NotFound:
        messages = []
    if not messages:
        return newest(store, conversation_id)
    older = bool(store.messages.before(conversation_id, messages[0].key, 1))
    newer = bool(store.messages.after(conversation_id, messages[-1].key, 1))
    versions = _versions(store, conversation_id, messages)
    return Page(
        messages, store.arriving_replies.of(conversation_id), older, newer, versions, _end(store, conversation_id)
    )


def before(store: Store, conversation_id: str, key: Key) -> Page:
    """Return the messages before ``key``."""
    messages = store.messages.before(conversation_id, key, PAGE + 1)
    shown = messages[-PAGE:]
    return Page(shown, older=len(messages) > PAGE, versions=_versions(store, conversation_id, shown))


def after(store: Store, conversation_id: str, key: Key) -> Page:
    """Return the messages after ``key``."""
    messages = store.messages.after(conversation_id, key, PAGE + 1)
    shown = messages[:PAGE]
    return Page(shown, newer=len(messages) > PAGE, versions=_versions(store, conversation_id, shown))


def between(store: Store, conversation_id: str, first: Key, last: Key | None) -> Page:
    """Return the messages from ``first`` to ``last`` (None: to the end), as they are now."""
    since = (first[0], "")  # the same moment, before every id
    messages = store.messages.after(conversation_id, since, WINDOW + PAGE)
    messages = [message for message in messages if message.key >= first]
    newer = bool(messages) and bool(store.messages.after(conversation_id, messages[-1].key, 1))
    if last is not None:
        inside = [message for message in messages if message.key <= last]
        newer = newer or len(inside) < len(messages)
        messages = inside
    versions, live = _versions(store, conversation_id, messages), store.arriving_replies.of(conversation_id)
    return Page(messages, live, newer=newer, versions=versions, end=_end(store, conversation_id))


def matches(store: Store, conversation_id: str, query: str) -> list[tuple[str, str]]:
    """Return time and id of the messages that ``query`` matches, oldest first."""
    hits = store.search.search(query, limit=1000, session_id=conversation_id)
    return sorted((hit.at, hit.message_id) for hit in hits if hit.message_id is not None)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Places of a text in some messages."""

    found: list[tuple[Key, int]]
    """Messages that have it, with the number of places."""
    next: Key | None
    """Key of the last message that was read; None at the end of the conversation."""


def occurrences(store: Store, conversation_id: str, pattern: re.Pattern[str], key: Key, limit: int) -> Occurrences:
    """Count the matches of ``pattern`` in the ``limit`` messages after ``key``."""
    messages = store.messages.after(conversation_id, key, limit)
    found = [(message.key, count) for message in messages if (count := len(pattern.findall(message.content)))]
    return Occurrences(found, messages[-1].key if len(messages) == limit else None)


def with_code(store: Store, conversation_id: str, key: Key, step: int) -> str | None:
    """Return the id of the next message after ``key`` that may have a block of code; with ``step`` -1 before it."""
    while True:
        read = store.messages.after if step > 0 else store.messages.before
        messages = read(conversation_id, key, PAGE)
        for message in messages if step > 0 else reversed(messages):
            if message.role != "user" and _CODE.search(message.content):
                return message.id
        if len(messages) < PAGE:
            return None
        key = messages[-1 if step > 0 else 0].key


def last_reply(store: Store, conversation_id: str) -> Message | None:
    """Return the newest reply of a conversation."""
    key: Key | None = None
    while messages := store.messages.before(conversation_id, key, PAGE):
        for message in reversed(messages):
            if message.role == "assistant" and message.content:
                return message
        key = messages[0].key
    return None


def _versions(store: Store, conversation_id: str, messages: list[Message]) -> dict[str, int]:
    places = store.branches.versions(conversation_id, messages)
    return {m.id: places[m.id].count for m in messages if m.id in places and m.role == "assistant"}


def _end(store: Store, conversation_id: str) -> Key | None:
    newest = store.messages.before(conversation_id, None, 1)
    return newest[0].key if newest else None
