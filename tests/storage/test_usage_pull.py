"""Use as the server counted it: taken once everything was sent, with what only this device has on top."""

from __future__ import annotations

from typing import Any

from builders import acknowledge, exchange

from sterna.storage import Store
from sterna.storage.accounts.usage_pull import RECENT_DAYS, WHOLE_DAYS, WHOLE_EVERY_MS

DAY = {"usage_date": "2026-01-09", "messages_sent": 9, "messages_received": 8, "models_used": {"acme/small": 8}}


def server_usage(**total: int) -> dict[str, Any]:
    counters = {"total_conversations": 40, "message_count": 900, "token_usage": 7_000} | total
    return {"since": "2016-01-01", "days": [DAY], "total": counters}


def test_counters_and_every_day_are_the_servers_once_nothing_waits(store: Store) -> None:
    exchange(store, "hello")
    before = store.search_history.get_user_stats()
    assert not store.usage_pull.apply_usage(server_usage(), WHOLE_DAYS, 1)
    assert store.search_history.get_user_stats() == before
    acknowledge(store)
    assert store.usage_pull.apply_usage(server_usage(), WHOLE_DAYS, 1)
    stats = store.search_history.get_user_stats()
    assert (stats["total_conversations"], stats["message_count"], stats["token_usage"]) == (40, 900, 7_000)
    days = {day["usage_date"]: day["messages_sent"] for day in store.usage.usage_days(10_000)}
    assert days == {"2026-01-09": 9}


def test_what_is_kept_on_this_computer_is_counted_on_top(store: Store) -> None:
    reply = exchange(store, "hello")
    store.privacy.set_private(reply.session_id, True)
    acknowledge(store)
    assert store.usage_pull.apply_usage(server_usage(), WHOLE_DAYS, 1)
    stats = store.search_history.get_user_stats()
    assert (stats["total_conversations"], stats["message_count"]) == (41, 902)
    assert stats["token_usage"] == 7_008
    assert store.usage.usage_today()["messages_sent"] == 1


def test_all_days_are_asked_for_at_first_and_once_a_day(store: Store) -> None:
    assert store.usage_pull.usage_days_wanted(5) == WHOLE_DAYS
    assert store.usage_pull.apply_usage(server_usage(), RECENT_DAYS, 5)
    assert store.usage_pull.usage_days_wanted(5) == WHOLE_DAYS
    assert store.usage_pull.apply_usage(server_usage(), WHOLE_DAYS, 5)
    assert store.usage_pull.usage_days_wanted(6) == RECENT_DAYS
    assert store.usage_pull.usage_days_wanted(5 + WHOLE_EVERY_MS) == WHOLE_DAYS
    assert store.usage_pull.usage_days_wanted(4) == WHOLE_DAYS  # a clock that was wrong
