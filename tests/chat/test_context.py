"""Selection of the messages that are sent with a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.chat import build_context
from sterna.chat.context import OVERHEAD, estimate_tokens, input_budget
from sterna.storage import Message, Role


def message(number: int, role: Role, content: str, *, error: str | None = None) -> Message:
    at = f"2026-01-01T00:00:{number:02}.000000Z"
    return Message(f"msg_{number:04}", "conv", role, content, at, error_message=error)


def conversation(*contents: str) -> list[Message]:
    roles: tuple[Role, Role] = ("user", "assistant")
    return [message(number, roles[number % 2], content) for number, content in enumerate(contents)][::-1]


def test_messages_come_in_the_order_of_time_after_the_system_prompt() -> None:
    context = build_context(conversation("a", "b", "c"), system_prompt="Be brief.")
    assert [(item.role, item.content) for item in context] == [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]


def test_old_messages_make_room_for_new_ones() -> None:
    context = build_context(conversation(*("x" * 400 for _ in range(99))), context_length=2150)
    assert len(context) == 1200 // 104
    assert context[0].role == "user"


def test_a_question_that_is_too_long_by_itself_is_sent_all_the_same() -> None:
    context = build_context(conversation("old", "old", "y" * 100_000), context_length=1000)
    assert [item.content[:3] for item in context] == ["yyy"]


def test_the_context_never_begins_with_an_answer() -> None:
    context = build_context(conversation("x" * 4000, "answer", "question"), context_length=1000)
    assert [item.content for item in context] == ["question"]


def test_empty_and_failed_messages_are_left_out() -> None:
    newest_first = [message(3, "user", "now"), message(2, "assistant", ""), message(1, "user", "no", error="It broke.")]
    assert [item.content for item in build_context(newest_first)] == ["now"]


@given(
    st.lists(st.text(min_size=1, max_size=3000), min_size=1, max_size=30), st.integers(256, 9000), st.text(max_size=80)
)
def test_what_is_sent_fits_and_is_the_newest_part(contents: list[str], length: int, prompt: str) -> None:
    if len(contents) % 2 == 0:
        contents.pop()
    context = build_context(conversation(*contents), system_prompt=prompt, context_length=length)
    sent = [item.content for item in context if item.role != "system"]
    assert sent == contents[len(contents) - len(sent) :]
    cost = sum(estimate_tokens(item.content) + OVERHEAD for item in context)
    assert cost <= input_budget(length) or len(sent) == 1


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("terns", 2), ("крачка", 3), ("燕鸥飞得很远", 5), ("🐦", 1), ("\ud800", 1)]
)
def test_the_estimate_knows_that_other_scripts_take_more_tokens(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
