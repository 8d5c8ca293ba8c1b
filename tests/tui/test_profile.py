"""The page about the account: what it says, and that it opens over the real application."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Any

import pytest
from home import Home, frame, until

from sterna.storage import Store
from sterna.storage.specification.functions import SpecifiedFunctions
from sterna.tui.screens.profile_text import Profile, profile_lines

DAY: dict[str, Any] = {
    "usage_date": "2026-03-02",
    "messages_sent": 3,
    "messages_received": 1,
    "total_tokens": 1234,
    "models_used": {"g/m": 1, "[/x]": 4},
}
STATS = {
    "total_conversations": 1,
    "message_count": 4,
    "token_usage": 5678,
    "total_searches": 2,
    "subscription_tier": "pro",
}


def shown_lines(**changes: Any) -> list[str]:
    page = {
        "account": "ada@example.org at chat.example.org",
        "profile": {"full_name": "Ada \x1b[31mLovelace"},
        "stats": STATS,
        "days": [DAY, DAY | {"usage_date": "2026-03-01"}, DAY | {"usage_date": "2026-02-28"}],
        "today": "2026-03-02",
        "activity": [{"action": "tier_updated", "timestamp": "2026-03-02T09:30:00.000000Z"}],
    }
    return [line.plain for line in profile_lines(Profile(**(page | changes)), UTC)]


def test_the_page_says_who_how_much_and_what_was_done() -> None:
    lines = shown_lines()
    assert lines[0] == "ada@example.org at chat.example.org"
    assert "Tier  pro" in lines
    assert "Today  3 messages sent, 1 received, 1,234 tokens" in lines
    assert "This month  6 messages sent, 2 received, 2,468 tokens" in lines
    assert "All time  1 conversation, 4 messages, 5,678 tokens" in lines
    assert lines[lines.index("Replies this month, by model") + 1] == "[/x]  8 replies"
    assert lines[lines.index("Recent activity") + 1] == "2026-03-02 09:30  Tier changed"
    assert "sterna account delete" in lines[-1]


def test_nothing_of_it_is_obeyed_by_the_terminal() -> None:
    assert "\x1b" not in "".join(shown_lines())


def test_without_a_sign_in_and_without_use_it_says_so() -> None:
    lines = shown_lines(account="", days=[], activity=[], profile={"full_name": None})
    assert "Local account (not signed in)" in lines
    assert "Today  0 messages sent, 0 received, 0 tokens" in lines
    assert "Recent activity" not in lines


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_key_shows_it_and_a_key_closes_it(home: Home, size: tuple[int, int]) -> None:
    home.seed(("hello", "Yes."))
    app = home.app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press("shift+f2")
        await until(pilot, lambda: "All time  1 conversation, 2 messages" in frame(app))
        assert "Signed in" in frame(app) or "Account created" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: "All time" not in frame(app))


def test_the_newest_of_what_was_done_comes_first(home: Home) -> None:
    store: Store = home.open()
    store.profiles.update_user_preferences(store.user_id, "ui", {"theme": "light"})
    home.clock.forward(hours=1)
    SpecifiedFunctions(store).update_user_tier(store.user_id, "pro")
    assert [one["action"] for one in store.profiles.recent_activity(2)] == ["tier_updated", "preferences_updated"]
    assert store.profiles.recent_activity(0) == []
    store.close()


def test_limits_are_shown_of_the_models_that_have_any_and_may_be_asked() -> None:
    models = [
        {"model_id": "g/m", "allowed": True, "limits": "3 of 20 today"},
        {"model_id": "g/free", "allowed": True, "limits": ""},
        {"model_id": "g/big", "allowed": False, "limits": "0 of 5 today"},
    ]
    lines = shown_lines(models=models)
    at = lines.index("Limits of your tier")
    assert lines[at + 1] == "g/m  3 of 20 today"
    assert not any("g/free" in line or "g/big" in line for line in lines)


@pytest.mark.parametrize("key", ["shift+f2", "shift+f9"])
async def test_a_page_that_is_left_while_it_is_read_is_no_error(home: Home, key: str) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        gate = asyncio.Event()
        run = app.context.store.run

        async def slow(*args: Any, **named: Any) -> Any:
            await gate.wait()
            return await run(*args, **named)

        app.context.store.run = slow  # type: ignore[method-assign, assignment]
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not app.main and app.screen.query("Panel"))
        screen = app.screen
        await screen.query_one("Panel").remove()
        gate.set()
        await app.workers.wait_for_complete()
        assert app._exception is None
        app.context.store.run = run  # type: ignore[method-assign]
