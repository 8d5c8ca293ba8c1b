"""Sentences made from counts read well for none, one and two."""

from __future__ import annotations

from typing import Any, cast

import pytest
from home import Home, frame, until

from sterna.sync.status import SyncReport, status_line
from sterna.tui.actions.registry import ACTIONS
from sterna.tui.dialogs.confirm import ConfirmClear
from sterna.tui.screens.profile_text import Profile, profile_lines
from sterna.tui.screens.settings import SWITCHES


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 conversations, 0 messages, 0 tokens"),
        (1, "1 conversation, 1 message, 1 token"),
        (2, "2 conversations, 2 messages, 2 tokens"),
    ],
)
def test_the_account_page_counts(count: int, expected: str) -> None:
    names = ("total_conversations", "message_count", "token_usage")
    day = dict.fromkeys(("messages_sent", "messages_received", "total_tokens"), count)
    day |= {"usage_date": "2026-03-14", "models_used": cast(Any, {"acme/small": count} if count else {})}
    page = Profile("", {}, dict.fromkeys(names, count), [day], "2026-03-14", [])
    lines = [content.plain for content in profile_lines(page)]
    assert f"All time  {expected}" in lines
    sent = "1 message sent, 1 received, 1 token" if count == 1 else f"{count} messages sent, {count} received, "
    assert any(one.startswith(f"Today  {sent}") for one in lines)
    replies = {0: "", 1: "acme/small  1 reply", 2: "acme/small  2 replies"}[count]
    assert not replies or replies in lines


@pytest.mark.parametrize(("count", "expected"), [(1, "1 conflict"), (2, "2 conflicts")])
def test_the_status_line_counts_conflicts(count: int, expected: str) -> None:
    from datetime import UTC, datetime

    assert status_line(SyncReport("synced", conflicts=count), datetime.now(UTC)).endswith(f" · {expected}")
    assert "conflict" not in status_line(SyncReport("synced"), datetime.now(UTC))


@pytest.mark.parametrize(("count", "title"), [(1, "Delete the only conversation?"), (2, "Delete all 2 conversations?")])
async def test_the_question_before_everything_is_deleted(home: Home, count: int, title: str) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await app.push_screen(ConfirmClear(count))
        await until(pilot, lambda: title in frame(app))


@pytest.mark.parametrize(("tokens", "expected"), [(0, ""), (1, "1 token · "), (2, "2 tokens · ")])
def test_the_line_under_a_reply(tokens: int, expected: str) -> None:
    from sterna.storage import Message
    from sterna.tui.transcript.parts import MessageOptions, footer

    message = Message("m", "s", "assistant", "Yes.", "2026-03-14T12:00:00Z", output_tokens=tokens, elapsed_ms=900)
    assert [note.content.plain for note in footer(message, MessageOptions())] == [f"{expected}0.9 s"]


def test_labels_are_plain_and_end_without_a_stop() -> None:
    for action in ACTIONS:
        assert action.help[0].isupper(), action.id
        assert not action.help.endswith("."), action.id
        assert "look" not in action.help.lower().split(), action.id
    for _, label in SWITCHES:
        assert not label.endswith("."), label
