"""Messages of a ChatGPT conversation: its tree of nodes, in which a reply is several nodes in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ...records import ROOT, Message, Text, Unsupported
from ...spilled import SpilledList, SpilledMap
from ...times import moment
from ...values import flag, mapping, text
from .content import as_content, instructions, visible_parts
from .files import ExportFiles
from .replies import add_reply, is_hidden

Object = dict[str, Any]

_CONTEXT = {"user_editable_context", "model_editable_context"}


class Turns:
    """Messages made of the nodes of one conversation.

    Nodes of a reply that follow one another without a branch are one message, named by the first of them: it stays the
    same message when a later export has more of it. Nodes that say nothing are left out, and what follows them follows
    what they followed.
    """

    def __init__(self, nodes: Mapping[str, Any], files: ExportFiles, model: str | None = None) -> None:
        """Read nodes; ``model`` is that of replies that do not name theirs."""
        self.messages: list[Message] | SpilledList[Message] = SpilledList() if isinstance(nodes, SpilledMap) else []
        self.system_prompt = ""
        self.placed: dict[str, str] = {}
        """Message that each node is in, or that its children follow."""
        self.canvases: dict[str, int] = {}
        """Documents, each with the position of the last message that wrote it."""
        self._nodes = nodes
        self._files = files
        self._model = model
        self._running: dict[str, tuple[Message, int]] = {}
        """Nodes behind which a reply may go on, with that reply and its position."""
        self._ids: set[str] = set()
        self._followers = self._counted()
        self._read()

    def _counted(self) -> dict[str, int]:
        followers: dict[str, int] = {}
        for node in self._nodes.values():
            parent = node.get("parent") if isinstance(node, dict) else None
            if isinstance(parent, str):
                followers[parent] = followers.get(parent, 0) + 1
        return followers

    def _read(self) -> None:
        nodes, placed = self._nodes, self.placed
        for start in nodes:
            if start in placed:
                continue
            path: dict[str, None] = {}
            key: object = start
            while isinstance(key, str) and key in nodes and key not in placed and key not in path:
                path[key] = None
                key = mapping(nodes[key]).get("parent")
            for waiting in reversed(path):
                self._place(waiting)
        for reply, place in self._running.values():
            self._end(reply, place)
        self._running.clear()
        self._followers.clear()
        self._ids.clear()

    def _place(self, key: str) -> None:
        node = self._nodes[key]
        node = node if isinstance(node, dict) else {}
        parent = node.get("parent")
        above, before = ROOT, None
        if isinstance(parent, str) and parent in self.placed:
            above = self.placed[parent]
            before = self._running.pop(parent, None)
        running = before
        message = node.get("message")
        if isinstance(message, dict):
            author = message.get("author")
            role = author.get("role") if isinstance(author, dict) else None
            if role in ("assistant", "tool") and not self._is_aside(message):
                running = self._reply(key, message, role, above, running)
                above = running[0].id if running is not None else above
            elif made := self._said(key, message, role, above):
                above, running = made, None
        self.placed[key] = above
        if before is not None and running is not before:
            self._end(*before)
        if running is not None:
            if self._followers.get(key) == 1:
                self._running[key] = running
            else:
                self._end(*running)

    def _end(self, reply: Message, place: int) -> None:
        """Put a reply to which nothing is added any more back to its place."""
        reply.model = reply.model or self._model
        if document := reply.metadata.get("canvas"):
            self.canvases[document] = max(place, self.canvases.get(document, 0))
        self.messages[place] = reply

    def _is_aside(self, message: Object) -> bool:
        """Return whether a node is no part of the reply around it: context, or text that is not shown."""
        content = message.get("content")
        kind = text(content.get("content_type")) if isinstance(content, dict) else ""
        if kind in _CONTEXT:
            return True
        metadata = message.get("metadata")
        if not isinstance(metadata, dict) or not is_hidden(metadata):
            return False
        return mapping(message.get("author")).get("role") == "assistant" and message.get("recipient") in (
            None,
            "",
            "all",
        )

    def _reply(
        self, key: str, message: Object, role: object, above: str, running: tuple[Message, int] | None
    ) -> tuple[Message, int] | None:
        """Return the reply that a node belongs to, with its position; None for a node that says nothing."""
        reply = running[0] if running is not None else Message("", "assistant", parent=above)
        if not add_reply(reply, message, role, self._files) and running is None:
            return None
        if reply.created_at is None:
            reply.created_at = moment(message.get("create_time"))
        return running if running is not None else (reply, self._keep(reply, key, message))

    def _said(self, key: str, message: Object, role: object, above: str) -> str:
        """Add a message of the person, or context that is hidden; return its id, empty for one that says nothing."""
        content, metadata = as_content(message.get("content")), mapping(message.get("metadata"))
        kind = text(content.get("content_type"))
        if kind in _CONTEXT or flag(metadata.get("is_user_system_message")):
            value = instructions(content, metadata)
            if not value or value == self.system_prompt:
                return ""
            if not self.system_prompt and kind != "model_editable_context":
                self.system_prompt = value
                return ""
            made = Message("", "system", [Text(value)], above, hidden=True)
        else:
            who: Literal["user", "assistant", "system"] = (
                "user" if role == "user" else "assistant" if role == "assistant" else "system"
            )
            made = Message("", who, parent=above, hidden=role == "system" or is_hidden(metadata))
            if kind in ("text", "multimodal_text"):
                made.parts = visible_parts(content, metadata, self._files, made.sources if who == "assistant" else None)
            elif content:
                made.parts = [Unsupported(kind or "content", content)]
            if not made.parts:
                return ""
            if who == "assistant":
                made.model = self._model
        made.created_at = moment(message.get("create_time"))
        self._keep(made, key, message)
        return made.id

    def _keep(self, made: Message, key: str, message: Object) -> int:
        """Give a message its id, and add it; returns its position."""
        own = text(message.get("id"))
        made.id = own if own and own != key and own not in self._ids else key
        self._ids.add(made.id)
        self.messages.append(made)
        return len(self.messages) - 1
