"""Queries of the transcript, and the live reply as it sees one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from sterna.storage import LiveReply, Message, NotFound, Store, Version

from .places import count_places

if TYPE_CHECKING:
    from sterna.chat import ToolAsk
    from sterna.storage.conversations.tool_calls import ToolCall

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
    def waits_for(self) -> str: ...
    @property
    def message(self) -> Message | None: ...
    @property
    def running(self) -> bool: ...
    @property
    def details(self) -> Mapping[str, Any]: ...
    @property
    def tool_calls(self) -> tuple[ToolCall, ...]: ...
    @property
    def asking(self) -> ToolAsk | None: ...
    @property
    def call_started(self) -> float: ...
    @property
    def progress(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Page:
    """Neighbouring messages, oldest first."""

    messages: list[Message]
    live: list[LiveReply] = field(default_factory=list)
    """Replies that are arriving on the shown branch."""
    live_elsewhere: frozenset[str] = frozenset()
    """Ids of replies that are arriving on other branches."""
    older: bool = False
    """True when there are messages before these."""
    newer: bool = False
    """True when there are messages after these."""
    versions: Mapping[str, Version] = field(default_factory=dict)
    """Places of messages that have other versions, by id."""
    end: Key | None = None
    """Key of the newest message of the conversation, where that was read."""


def newest(store: Store, conversation_id: str) -> Page:
    """Return the end of the conversation."""
    cut = _cut(store, conversation_id)
    messages = store.messages.before(conversation_id, (cut[0], cut[1] + "\0") if cut else None, FIRST + 1)
    shown = messages[-FIRST:]
    page = Page(
        shown,
        older=len(messages) > FIRST,
        versions=store.branches.versions(conversation_id, shown),
        end=messages[-1].key if messages else None,
    )
    return _with_live(store, conversation_id, page)


def oldest(store: Store, conversation_id: str) -> Page:
    """Return the beginning of the conversation."""
    page = after(store, conversation_id, START)
    return _with_live(store, conversation_id, replace(page, end=_end(store, conversation_id)))


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
    versions = store.branches.versions(conversation_id, messages)
    page = Page(messages, older=older, newer=newer, versions=versions, end=_end(store, conversation_id))
    return _with_live(store, conversation_id, page)


def before(store: Store, conversation_id: str, key: Key) -> Page:
    """Return the messages before ``key``."""
    messages = store.messages.before(conversation_id, key, PAGE + 1)
    shown = messages[-PAGE:]
    return Page(shown, older=len(messages) > PAGE, versions=store.branches.versions(conversation_id, shown))


def after(store: Store, conversation_id: str, key: Key) -> Page:
    """Return the messages after ``key``."""
    messages = _up_to(_cut(store, conversation_id), store.messages.after(conversation_id, key, PAGE + 1))
    shown = messages[:PAGE]
    return Page(shown, newer=len(messages) > PAGE, versions=store.branches.versions(conversation_id, shown))


def between(store: Store, conversation_id: str, first: Key, last: Key | None) -> Page:
    """Return the messages from ``first`` to ``last`` (None: to the end), as they are now.

    Where another branch is shown now and has none of them, return its end.
    """
    cut = _cut(store, conversation_id)
    since = (first[0], "")  # the same moment, before every id
    messages = store.messages.after(conversation_id, since, WINDOW + PAGE)
    messages = _up_to(cut, [message for message in messages if message.key >= first])
    if not messages:
        return newest(store, conversation_id)
    older = bool(store.messages.before(conversation_id, messages[0].key, 1))
    newer = messages[-1].key != cut and bool(store.messages.after(conversation_id, messages[-1].key, 1))
    if last is not None and (inside := [message for message in messages if message.key <= last]):
        newer = newer or len(inside) < len(messages)
        messages = inside
    versions = store.branches.versions(conversation_id, messages)
    page = Page(messages, older=older, newer=newer, versions=versions, end=_end(store, conversation_id))
    return _with_live(store, conversation_id, page)


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
    found = [
        (each.key, count)
        for each in messages
        if (count := count_places(pattern, each.content, each.reasoning, message=each))
    ]
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


def last_prompt(store: Store, conversation_id: str) -> Message | None:
    """Return the newest message of the person in a conversation."""
    return next((each for each in store.messages.newest_first(conversation_id, None) if each.role == "user"), None)


def last_reply(store: Store, conversation_id: str) -> Message | None:
    """Return the newest reply of a conversation."""
    newest_first = store.messages.newest_first(conversation_id, None)
    return next((each for each in newest_first if each.role == "assistant" and each.content), None)


def reply_versions(store: Store, message_id: str) -> tuple[Message | None, list[Message]]:
    """Return a prompt with the replies to it that have text; of a reply, its prompt and its versions."""
    message = store.messages.get(message_id)
    prompt = message if message.role == "user" else store.messages.parent(message)
    followers = [store.messages.get(id_) for id_ in store.branches.followers(message.session_id, prompt)]
    return prompt, [each for each in followers if each.role == "assistant" and each.content.strip()]


def _cut(store: Store, conversation_id: str) -> Key | None:
    """Return the key of a reply of which another version is arriving: what follows it makes room for that meanwhile."""
    for reply in store.arriving_replies.of(conversation_id):
        if (
            reply.parent_id
            and not reply.continues
            and not store.shown_branch.is_hidden(reply.parent_id, conversation_id)
        ):
            with suppress(NotFound):
                parent = store.messages.get(reply.parent_id)
                following = store.messages.after(conversation_id, parent.key, 1)
                if following and following[0].role == "assistant":
                    return following[0].key
    return None


def _up_to(cut: Key | None, messages: list[Message]) -> list[Message]:
    return messages if cut is None else [message for message in messages if message.key <= cut]


def _with_live(store: Store, conversation_id: str, page: Page) -> Page:
    """Return the page with the replies that are arriving, each on the branch that it belongs to."""
    live = store.arriving_replies.of(conversation_id)
    elsewhere = frozenset(
        reply.id
        for reply in live
        if store.shown_branch.is_hidden(reply.continues or reply.parent_id or reply.user_message_id, conversation_id)
    )
    return replace(page, live=[reply for reply in live if reply.id not in elsewhere], live_elsewhere=elsewhere)


def _end(store: Store, conversation_id: str) -> Key | None:
    newest = store.messages.before(conversation_id, None, 1)
    return newest[0].key if newest else None
