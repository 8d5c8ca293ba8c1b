"""Earlier calls of tools in a request: whoever wrote them, every provider takes them."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sterna.chat.attachments.sending import Attached
from sterna.chat.context import fitting_calls, select_messages, to_chat_messages, tokens_of
from sterna.providers import ChatMessage, ImagePart
from sterna.storage import Message, Role
from sterna.storage.conversations.tool_calls import size_of_calls

AT = "2026-01-01T00:00:{:02}.000000Z"
PICTURE = ImagePart("image/png", b"\x89PNG")


def message(number: int, role: Role, content: str, *calls: Any) -> Message:
    metadata = {"tool_calls": list(calls)} if calls else {}
    return Message(f"m{number}", "conv", role, content, AT.format(number), metadata=metadata)


def called(result: str | None = "ok", at: int = 0, **more: Any) -> dict[str, Any]:
    return {"name": "look", "arguments": {"path": "a"}, "result": result, "at": at} | more


def test_the_newest_calls_are_sent_and_of_older_replies_the_text_alone() -> None:
    newest_first = [
        message(5, "user", "And c?"),
        message(4, "assistant", "B is a tern.", called("x" * 400)),
        message(3, "user", "And b?"),
        message(2, "assistant", "A is a gull.", called("x" * 4_000)),
        message(1, "user", "What is a?"),
    ]
    selected, is_full = select_messages(newest_first, budget=400)
    assert (len(selected), is_full) == (5, False)
    messages = to_chat_messages(selected)
    fitting = fitting_calls(selected, 400 - sum(map(tokens_of, messages)))
    assert fitting == {"m4"}
    sent = to_chat_messages(selected, with_calls=fitting)
    assert [(each.role, bool(each.tool_requests)) for each in sent] == [
        ("user", False), ("assistant", False), ("user", False), ("assistant", True), ("tool", False),
        ("assistant", False), ("user", False),
    ]  # fmt: skip
    assert sum(map(tokens_of, sent)) <= 400


def test_a_reply_of_calls_alone_is_sent_only_with_them() -> None:
    newest_first = [
        message(2, "user", "Go on."),
        message(1, "assistant", "", called(None)),
        message(0, "user", "Look."),
    ]
    selected, _ = select_messages(newest_first, budget=1_000)
    assert to_chat_messages(selected) == (ChatMessage("user", "Look.\n\nGo on."),)
    sent = to_chat_messages(selected, with_calls={"m1"})
    assert [each.role for each in sent] == ["user", "assistant", "tool", "assistant", "user"]
    assert sent[2].content == "There is no result: the call was not finished."


def test_images_of_results_follow_the_last_one_and_never_come_from_the_assistant() -> None:
    newest_first = [message(1, "assistant", "Look.", called(at=5), called(at=5)), message(0, "user", "Draw.")]
    attached = {"m1": Attached("", (PICTURE,))}
    sent = to_chat_messages(newest_first, attached=attached, with_calls={"m1"})
    assert [each.images for each in sent] == [(), (), (), (PICTURE,), ()]
    plain = to_chat_messages(newest_first, attached=attached)
    assert [each.images for each in plain] == [(), ()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CALL = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=90) | JSON,
        "arguments": JSON,
        "result": st.text(max_size=20) | JSON,
        "id": JSON,
        "at": st.integers(-5, 40) | JSON,
        "cut": JSON,
    },
)


@given(st.lists(st.tuples(st.text(max_size=20), st.lists(CALL | JSON, max_size=4)), min_size=1, max_size=4))
def test_calls_of_other_programs_become_messages_that_no_provider_refuses(
    replies: list[tuple[str, list[Any]]],
) -> None:
    newest_first = [message(99, "user", "!")]
    for number, (content, calls) in reversed(list(enumerate(replies))):
        newest_first += [message(2 * number + 1, "assistant", content, *calls), message(2 * number, "user", "?")]
    ids = {each.id for each in newest_first if size_of_calls(each.metadata)}
    sent = to_chat_messages(newest_first, with_calls=ids)
    seen: set[str] = set()
    open_calls: list[str] = []
    for before, each in zip((None, *sent), sent, strict=False):
        if each.role == "tool":
            assert open_calls.pop(0) == each.tool_id
            assert each.content.strip()
            continue
        assert not open_calls, "each call has a result, right behind it"
        assert before is None or before.role != each.role
        assert not (each.role == "user" and before is not None and before.role == "tool")
        assert each.content or each.tool_requests
        for call in each.tool_requests:
            assert re.fullmatch(r"[A-Za-z0-9]{9}", call.id)
            assert call.id not in seen
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call.name)
            assert isinstance(json.loads(call.arguments), dict)
            seen.add(call.id)
            open_calls.append(call.id)
