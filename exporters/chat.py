"""One conversation with all that a format may write of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sterna.storage import Conversation, HistoryReader, LiveReply, Message
from sterna.storage.conversations.message_tree import MessageTree
from sterna.storage.conversations.tags import Labels, labels_of

PAGE = 500
"""Messages read at once."""


class Chat(NamedTuple):
    """A conversation, its settings and its messages."""

    conversation: Conversation
    settings: Mapping[str, Any]
    messages: tuple[Message, ...]
    """All of its branches, in the order of time and id."""
    leaf: str | None = None
    """Last message of the shown branch; None: the newest message of all."""
    live: tuple[LiveReply, ...] = ()
    """Replies that are arriving."""

    @property
    def labels(self) -> Labels:
        """Return whether it is pinned or archived, and its tags."""
        return labels_of(key for key, value in self.settings.items() if value)

    @property
    def source(self) -> str:
        """Return the program that it comes from; empty for one that was begun here."""
        return self.text("source")

    @property
    def system_prompt(self) -> str:
        """Return what the model is told before the first message."""
        return self.text("system_prompt")

    @property
    def model(self) -> str:
        """Return the model that the conversation goes on with; empty where it has none of its own."""
        return self.text("model") or self.conversation.last_model or ""

    def text(self, setting: str) -> str:
        """Return a setting that is text; empty for any other."""
        value = self.settings.get(setting)
        return value if isinstance(value, str) else ""

    @property
    def parents(self) -> dict[str, str]:
        """Return the message that each message follows; empty for one that begins the conversation."""
        return self._tree.parents

    @property
    def shown(self) -> list[Message]:
        """Return the messages of the shown branch."""
        tree = self._tree
        leaf = self.leaf if self.leaf in tree.parents else tree.newest_beneath(None)
        path = set(tree.path(leaf)) if leaf else set()
        return [message for message in self.messages if message.id in path]

    @property
    def _tree(self) -> MessageTree:
        named = {message.id: message.parent_id for message in self.messages if message.parent_id is not None}
        return MessageTree.of((message.id for message in self.messages), named)


def read_chat(store: HistoryReader, conversation_id: str, messages: Iterable[Message] | None = None) -> Chat:
    """Return a conversation with all its messages, or with those that were read. Raises NotFound."""
    return Chat(
        store.conversations.get(conversation_id),
        store.conversations.settings(conversation_id),
        tuple(_messages(store, conversation_id) if messages is None else messages),
        store.branches.leaf(conversation_id),
        tuple(store.arriving_replies.of(conversation_id)),
    )


def _messages(store: HistoryReader, conversation_id: str) -> Iterator[Message]:
    page = store.messages.all_after(conversation_id, None, PAGE)
    while page:
        yield from page
        page = store.messages.all_after(conversation_id, page[-1].key, PAGE)
