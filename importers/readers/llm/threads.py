"""Tables since 0.32: threads point into a tree of messages that they share, turns say when a model was called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...parents import reparented
from ...records import ROOT, Conversation, Message, Part, Text, ToolCall, Unsupported
from ...roles import role
from ...sqlite import cell, rows
from ...times import moment
from ...values import count, mapping, mappings, parsed, text
from .contents import Contents, settings

_CHAIN = """
with recursive chain (hash) as (
    select tip_message_hash from threads where id = :thread
    union select tip_message_hash from turns where thread_id = :thread
    union select m.parent_hash from chain c join messages m on m.hash = c.hash where m.parent_hash is not null
)
"""
_MESSAGES = f"{_CHAIN} select m.hash, m.parent_hash, m.role from chain join messages m using (hash) order by m.rowid"
_PARTS = f"""{_CHAIN}
select p.message_hash, p.type, p.text, p.payload from chain c join parts p on p.message_hash = c.hash
order by p.message_hash, p.position
"""
_DEEPEST_FORK = 100


def add_thread(contents: Contents, thread: dict[str, Any], conversation: Conversation) -> None:
    """Add the messages of a thread to a conversation, which may have older ones."""
    chain = _Chain(contents, thread)
    tip = cell(thread["tip_message_hash"])
    shown = chain.path(tip)
    if shown and (first := chain.messages[shown[0]]).role == "system":
        told = "\n\n".join(part.text for part in first.parts if isinstance(part, Text))
        if not conversation.messages or told == conversation.system_prompt:
            conversation.system_prompt = told
            del chain.messages[shown[0]]
    same = _same(conversation.messages, [chain.messages[each] for each in shown if each in chain.messages])
    above = reparented(chain.parents, chain.messages)
    for number, message in chain.messages.items():
        parent = above.get(number, ROOT)
        message.parent = same.get(parent, parent)
    conversation.messages += [message for number, message in chain.messages.items() if number not in same]
    tip = tip if tip in chain.messages else above.get(tip, ROOT)
    conversation.shown = same.get(tip, tip) or conversation.shown
    conversation.parent_id = cell(thread["forked_from"])
    times = [message.created_at for message in conversation.messages if message.created_at]
    started = moment(thread["datetime_utc"])
    is_fork = bool(conversation.parent_id and started)
    conversation.created_at = started if is_fork else min(times, default=started)
    conversation.updated_at = max([*times, started] if started and is_fork else times, default=started)
    conversation.model = chain.model or conversation.model


class _Chain:
    """Messages of a thread by their hash; that of a tool only adds results to the calls before it."""

    def __init__(self, contents: Contents, thread: dict[str, Any]) -> None:
        self._contents = contents
        database, which = contents.database, {"thread": thread["id"]}
        nodes = list(database.query(_MESSAGES, which))
        self.parents: dict[str, str | None] = {cell(row["hash"]): cell(row["parent_hash"]) or None for row in nodes}
        parts: dict[str, list[dict[str, Any]]] = {}
        for row in list(database.query(_PARTS, which)):
            parts.setdefault(cell(row["message_hash"]), []).append(row)
        self.messages: dict[str, Message] = {}
        self.model: str | None = None
        self._timed: set[str] = set()
        calls: dict[str, ToolCall] = {}
        for row in nodes:
            number = cell(row["hash"])
            message = Message(number, role(row["role"]) or "assistant")
            is_result = row["role"] == "tool"
            for part in parts.get(number, []):
                self._add(message, part, calls)
            if message.parts or message.reasoning or not is_result:
                self.messages[number] = message
        for turn in self._turns(thread):
            self._time(turn)

    def path(self, tip: str) -> list[str]:
        """Return the hashes that lead to a message, from the first."""
        found: dict[str, None] = {}
        node: str | None = tip
        while node is not None and node in self.parents and node not in found:
            found[node] = None
            node = self.parents[node]
        return [each for each in reversed(found) if each in self.messages]

    def _add(self, message: Message, row: dict[str, Any], calls: dict[str, ToolCall]) -> None:
        kind, payload = cell(row["type"]), mapping(parsed(cell(row["payload"])))
        said = cell(row["text"]) if row["text"] is not None else self._pieces(payload)
        call_id = cell(payload.get("tool_call_id"))
        parts: list[Part] = message.parts
        if kind == "text":
            parts += [Text(said)] if said else []
        elif kind == "reasoning":
            message.reasoning = "\n\n".join(filter(None, [message.reasoning, said]))
        elif kind == "tool_call":
            call = ToolCall(text(payload.get("name")) or "tool", payload.get("arguments"), id=call_id)
            calls[call_id] = call
            parts.append(call)
        elif kind == "tool_result":
            found = calls.get(call_id)
            if found is None or found.result is not None:
                found = ToolCall(text(payload.get("name")) or "tool", id=call_id)
                parts.append(found)
            failure = text(payload.get("exception"))
            found.result, found.is_error = text(payload.get("output")) or failure, bool(failure)
            parts += [self._contents.attachment(cell(each.get("id"))) for each in mappings(payload.get("attachments"))]
        elif kind == "attachment":
            parts.append(self._contents.attachment(cell(mapping(payload.get("attachment")).get("id"))))
        else:
            parts.append(Unsupported(kind or "part", {**payload, "text": said}))

    def _pieces(self, payload: dict[str, Any]) -> str:
        """Return a text that is put together of fragments and of what was typed."""
        if isinstance(payload.get("text"), str):
            return str(payload["text"])
        pieces = mappings(payload.get("text_ref"))
        return "".join(text(each.get("literal")) or self._contents.fragment(each.get("fragment")) for each in pieces)

    def _turns(self, thread: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the calls of a model in this thread and those that it was forked from, the first one first."""
        found: list[dict[str, Any]] = []
        seen: set[object] = set()
        current = thread
        while current["id"] not in seen and len(seen) < _DEEPEST_FORK:
            seen.add(current["id"])
            found[:0] = rows(self._contents.database, "turns", "thread_id = ?", [current["id"]], "rowid")
            origin = rows(self._contents.database, "threads", "id = ?", [current["forked_from"]])
            if not origin:
                break
            current = origin[0]
        return found

    def _time(self, turn: dict[str, Any]) -> None:
        """Give a turn's time, model and tokens to its messages: new are those that no earlier turn has."""
        tip, asked = cell(turn["tip_message_hash"]), cell(turn["parent_message_hash"])
        time, model = moment(turn["datetime_utc"]), cell(turn["model"]) or None
        self.model = model or self.model
        node: str | None = tip
        is_reply = True
        while node is not None and node in self.parents and node not in self._timed:
            self._timed.add(node)
            is_reply = is_reply and node != asked
            if message := self.messages.get(node):
                message.created_at = time
                if is_reply and message.role == "assistant":
                    message.model = model
            node = self.parents[node]
        reply = self.messages.get(tip)
        if reply is not None and reply.role == "assistant":
            reply.input_tokens, reply.output_tokens = count(turn["input_tokens"]), count(turn["output_tokens"])
            reply.elapsed_ms = count(turn["duration_ms"])
            reply.metadata |= settings(turn, self._contents)


def _same(older: Sequence[Message], newer: list[Message]) -> dict[str, str]:
    """Return which messages of a thread are older ones, by their ids: it begins with what was said before."""
    found: dict[str, str] = {}
    said = [message for message in older if message.role != "system"]
    for old, new in zip(said, (message for message in newer if message.role != "system"), strict=False):
        if old.role != new.role or _text(old) != _text(new):
            break
        found[new.id] = old.id
    return found


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))
