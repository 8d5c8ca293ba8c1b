"""What leaves in a format comes back as it was, as far as docs/export.md says that the format keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from memory_tree import conversations

from sterna import storage
from sterna.exporters.chat import Chat
from sterna.exporters.files import ExportFiles
from sterna.exporters.format import Options
from sterna.exporters.registry import make
from sterna.importers import Conversation, Message, Reader, Text, ToolCall
from sterna.importers.readers.chatgpt import ChatGPT
from sterna.importers.readers.sterna import Sterna
from sterna.storage import stamp
from tests.generated import examples

START = datetime(2025, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)
LETTERS = st.characters(
    codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Co"), exclude_characters="`~{\ufeff"
)
lines = st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text.strip() == text and "\x85" not in text)
texts = st.lists(lines, min_size=1, max_size=3).map("\n\n".join)
calls = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["bash", "read"]),
        "arguments": st.dictionaries(st.sampled_from(["command", "path"]), lines, min_size=1),
        "result": texts,
        "is_error": st.booleans(),
    }
)


@st.composite
def chats(draw: st.DrawFn) -> Chat:
    """Return a conversation with branches: questions, and one or two replies to each."""
    messages: list[storage.Message] = []
    parent = ""
    for turn in range(draw(st.integers(1, 4))):
        question = _message(f"q{turn}", "user", draw(texts), len(messages), parent)
        messages.append(question)
        for version in range(draw(st.integers(1, 2))):
            metadata: dict[str, Any] = {"finish": "stopped"} if draw(st.booleans()) else {}
            metadata |= draw(st.sampled_from([{}, {"cost": 0.5}, {"unsupported": [{"kind": "odd", "raw": [1]}]}]))
            content = draw(texts)
            if draw(st.booleans()):
                metadata["tool_calls"] = [draw(calls) | {"at": len(content), "id": ""}]
            reply = _message(f"r{turn}-{version}", "assistant", content, len(messages), question.id)
            reasoning = draw(st.none() | texts)
            messages.append(
                reply._replace(
                    metadata=metadata, reasoning=reasoning, model=draw(st.sampled_from(["acme/small", "big-1"]))
                )
            )
        parent = draw(st.sampled_from(messages[-1:] + messages[-2:-1])).id
        parent = parent if parent.startswith("r") else messages[-1].id
    chosen: dict[str, Any] = {"tag:birds": True, "system_prompt": draw(texts)}
    leaf = draw(st.sampled_from([message.id for message in messages if message.role == "assistant"]))
    conversation = storage.Conversation(
        "conv_1_abcdefgh", "u", draw(lines), stamp(START), stamp(START + timedelta(days=1)), stamp(START),
        len(messages), 0, "acme/small", None, None,
    )  # fmt: skip
    return Chat(conversation, chosen, tuple(messages), leaf)


def _message(id_: str, role: Any, content: str, number: int, parent: str) -> storage.Message:
    at = stamp(START + timedelta(seconds=number))
    return storage.Message(id_, "conv_1_abcdefgh", role, content, at, parent_id=parent)


def again(chat: Chat, form: str, reader: Reader, *, branches: bool = True) -> Conversation:
    """Return what is read of what was written."""
    text = "".join(make(form).pieces([chat], ExportFiles(), Options(branches=branches)))
    (found,) = conversations(reader, {"conversations.json" if form == "chatgpt" else "notes.md": text})
    return found


def said(message: Message) -> list[Any]:
    """Return the parts of a message that was read, in a form to compare."""
    parts: list[Any] = []
    for part in message.parts:
        if isinstance(part, Text):
            parts.append(part.text)
        elif isinstance(part, ToolCall):
            parts.append((part.name, part.arguments, part.result, part.is_error))
    return parts


def written(message: storage.Message) -> list[Any]:
    given = message.metadata.get("tool_calls", ())
    return [message.content, *((c["name"], c["arguments"], c["result"], c["is_error"]) for c in given)]


def facts(messages: Iterable[Any]) -> list[Any]:
    return [(message.role, message.model, message.reasoning or "") for message in messages]


@examples(20)
@given(chats())
def test_json_keeps_messages_branches_and_settings(chat: Chat) -> None:
    found = again(chat, "json", Sterna())
    assert (found.id, found.title, found.metadata["settings"]) == (
        chat.conversation.id,
        chat.conversation.title,
        chat.settings,
    )
    assert facts(found.messages) == facts(chat.messages)
    for message, before in zip(found.messages, chat.messages, strict=True):
        assert (message.id, said(message), message.parent) == (before.id, [before.content], before.parent_id)
        assert stamp(message.created_at or START) == before.message_timestamp
        assert message.metadata["metadata"] == before.metadata


@examples(20)
@given(chats())
def test_chatgpt_keeps_messages_branches_and_the_shown_one(chat: Chat) -> None:
    found = again(chat, "chatgpt", ChatGPT())
    assert (found.id, found.title, found.system_prompt) == (
        chat.conversation.id,
        chat.conversation.title,
        chat.system_prompt,
    )
    assert found.shown == chat.leaf
    assert [stamp(at) for at in (found.created_at, found.updated_at) if at] == list(chat.conversation[3:5])
    by_id = {message.id: message for message in found.messages}
    assert by_id.keys() == {message.id for message in chat.messages}
    for before in chat.messages:
        message = by_id[before.id]
        assert facts([message]) == facts([before])
        assert (said(message), message.parent) == (written(before), before.parent_id)
        assert stamp(message.created_at or START) == before.message_timestamp
        assert message.stopped == (before.finish == "stopped")


def test_a_block_of_code_that_a_stopped_reply_leaves_open_does_not_swallow_what_follows() -> None:
    contents = (
        "Show `a`",
        "```python\nx = 1",
        "And b?",
        "```js\nb()\n```\n\nDone.",
        "And the form?",
        "````\n## You · 2024-01-01 10:00\n````",
    )
    messages = tuple(
        _message(f"m{place}", "assistant" if place % 2 else "user", content, place, f"m{place - 1}" if place else "")
        for place, content in enumerate(contents)
    )
    row = storage.Conversation("c1", "u", "Code", stamp(START), stamp(START), stamp(START), 6, 0, None, None, None)
    found = again(Chat(row, {}, messages, "m5"), "markdown", Sterna())
    assert [said(message) for message in found.messages] == [[content] for content in contents]


@examples(20)
@given(chats())
def test_markdown_keeps_the_shown_branch(chat: Chat) -> None:
    found = again(chat, "markdown", Sterna(), branches=False)
    assert (found.id, found.title) == (chat.conversation.id, chat.conversation.title)
    assert found.metadata["settings"] == chat.settings
    assert found.metadata["session"] == {
        "created_at": chat.conversation.created_at,
        "updated_at": chat.conversation.updated_at,
    }
    assert facts(found.messages) == facts(chat.shown)
    assert [said(message) for message in found.messages] == [written(message) for message in chat.shown]
    assert [message.stopped for message in found.messages] == [message.finish == "stopped" for message in chat.shown]
