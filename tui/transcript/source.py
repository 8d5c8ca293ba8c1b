"""What the transcript reads, and the live reply as it sees one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sterna.storage import LiveReply, Message, NotFound, Store

FIRST = 16
"""Messages mounted when a conversation is opened: a screen of them; the rest follows once they are seen."""
PAGE = 40
"""Messages read and mounted at a time from then on."""
WINDOW = 160
"""Messages mounted at most; beyond it the far end is let go."""

Key = tuple[str, str]
START: Key = ("", "")
"""Before every message."""


class Reply(Protocol):
    """A reply of this process that is still arriving (``chat.Reply``)."""

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
    """There are messages before these."""
    newer: bool = False
    """There are messages after these."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """How many versions a reply has, by its id, where that is more than one."""
    end: Key | None = None
    """The newest message of the conversation, where that was looked up."""


def newest(store: Store, session_id: str) -> Page:
    """The end of the conversation."""
    messages = store.messages.before(session_id, None, FIRST + 1)
    return Page(
        messages[-FIRST:],
        store.arriving_replies.of(session_id),
        older=len(messages) > FIRST,
        versions=store.reply_versions.counts(session_id),
        end=messages[-1].key if messages else None,
    )


def oldest(store: Store, session_id: str) -> Page:
    """The beginning of the conversation."""
    page = after(store, session_id, START)
    return replace(page, live=store.arriving_replies.of(session_id), end=_end(store, session_id))


def around(store: Store, session_id: str, message_id: str) -> Page:
    """The messages around one; the end of the conversation when it is gone."""
    try:
        messages = store.messages.around(session_id, message_id, FIRST)
    except NotFound:
        messages = []
    if not messages:
        return newest(store, session_id)
    older = bool(store.messages.before(session_id, messages[0].key, 1))
    newer = bool(store.messages.after(session_id, messages[-1].key, 1))
    versions = store.reply_versions.counts(session_id)
    return Page(messages, store.arriving_replies.of(session_id), older, newer, versions, _end(store, session_id))


def before(store: Store, session_id: str, key: Key) -> Page:
    """The messages before ``key``."""
    messages = store.messages.before(session_id, key, PAGE + 1)
    return Page(messages[-PAGE:], older=len(messages) > PAGE, versions=store.reply_versions.counts(session_id))


def after(store: Store, session_id: str, key: Key) -> Page:
    """The messages after ``key``."""
    messages = store.messages.after(session_id, key, PAGE + 1)
    return Page(messages[:PAGE], newer=len(messages) > PAGE, versions=store.reply_versions.counts(session_id))


def again(store: Store, session_id: str, first: Key, last: Key | None) -> Page:
    """The messages from ``first`` to ``last`` (None: to the end), as they are now."""
    since = (first[0], "")  # the same moment, before every id
    messages = store.messages.after(session_id, since, WINDOW + PAGE)
    messages = [message for message in messages if message.key >= first]
    newer = bool(messages) and bool(store.messages.after(session_id, messages[-1].key, 1))
    if last is not None:
        kept = [message for message in messages if message.key <= last]
        newer = newer or len(kept) < len(messages)
        messages = kept
    versions, live = store.reply_versions.counts(session_id), store.arriving_replies.of(session_id)
    return Page(messages, live, newer=newer, versions=versions, end=_end(store, session_id))


def matches(store: Store, session_id: str, query: str) -> list[tuple[str, str]]:
    """(time, id) of the messages that ``query`` finds, oldest first."""
    hits = store.search.search(query, limit=1000, session_id=session_id)
    return sorted((hit.at, hit.message_id) for hit in hits if hit.message_id is not None)


def _end(store: Store, session_id: str) -> Key | None:
    newest = store.messages.before(session_id, None, 1)
    return newest[0].key if newest else None
