"""The server's data about the person, in the mirror, with changes that are not sent yet on top.

See docs/specification/schema.md#usage-in-the-mirror.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sterna.storage import Settled, Store
from sterna.storage.specification.functions import SpecifiedFunctions

USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "me.db")
    opened.linking.adopt("https://chat.example.org", USER, "ada@example.org")
    yield opened
    opened.close()


def server_data(store: Store, **today: Any) -> dict[str, Any]:
    """An answer of /api/user/data."""
    day = {"usage_date": store.db.stamp()[:10], "messages_sent": 0, "models_used": {}} | today
    return {
        "profile": {"id": USER, "email": "ada@example.org", "full_name": "Ada", "avatar_url": None,
                    "subscription_tier": "pro", "credits": 7},
        "preferences": {
            "model": {"default_model": "g/m", "temperature": 0.5, "system_prompt": "Be kind.", "allowed_models": []},
            "ui": {"theme": "light", "deep": {"a": 1}},
            "session": {},
        },
        "today": day,
        "recentDays": [day] if today else [],
        "allTime": {"total_messages": 40, "total_tokens": 900, "sessions_created": 3},
    }  # fmt: skip


def say(store: Store, text: str, session: str | None = None) -> str:
    begun = store.live_replies.begin_turn(session, text, model="g/m")
    store.live_replies.settle(begun.reply.id, Settled("done", "Yes.", model="g/m", output_tokens=5))
    return begun.session.id


def sent(store: Store) -> None:
    store.db.execute("delete from sync_outbox")


def model(name: str, tier: str, daily: int | None = None) -> dict[str, Any]:
    return {"id": name, "tier": tier, "name": name, "daily_limit": daily, "monthly_limit": None,
            "pricing": {"prompt": "0.000001", "completion": "0"}}  # fmt: skip


def test_the_profile_is_the_server_s(store: Store) -> None:
    sent(store)
    assert store.server_profile.merge(server_data(store), {})
    found = store.profiles.get_user_complete_profile(USER)
    assert (found["full_name"], found["subscription_tier"], found["credits"]) == ("Ada", "pro", 7)
    assert found["preferences"]["ui"] == {"theme": "light", "deep": {"a": 1}}
    assert found["preferences"]["model"]["temperature"] == 0.5
    assert found["usage_stats"]["total"]["total_messages"] == 40


def test_use_is_the_server_s_and_what_is_said_here_after_it_comes_on_top(store: Store) -> None:
    say(store, "one")
    sent(store)
    store.server_profile.merge(server_data(store, messages_sent=10, messages_received=9, models_used={"g/m": 9}), {})
    assert store.usage.usage_today()["messages_sent"] == 10
    say(store, "two")
    today = store.usage.usage_today()
    assert (today["messages_sent"], today["messages_received"], today["models_used"]) == (11, 10, {"g/m": 10})


def test_use_is_not_taken_while_something_waits_to_be_sent(store: Store) -> None:
    """The server would count it again."""
    sent(store)
    say(store, "waits")
    assert not store.server_profile.merge(server_data(store, messages_sent=10), {})
    assert store.usage.usage_today()["messages_sent"] == 1


def test_days_that_the_server_knows_nothing_of_are_gone_and_older_ones_stay(store: Store) -> None:
    say(store, "one")
    sent(store)
    SpecifiedFunctions(store).track_user_usage(USER, 3, usage_date="2020-01-01")
    store.server_profile.merge(server_data(store), {})
    assert store.usage.usage_today()["messages_sent"] == 0
    assert store.db.one("select messages_sent from user_usage_daily where usage_date = '2020-01-01'") is not None


def test_conversations_that_stay_here_are_counted_here(store: Store) -> None:
    private = say(store, "for me alone")
    store.privacy.set_private(private, True)
    sent(store)
    store.server_profile.merge(server_data(store, messages_sent=10, models_used={"g/m": 2}), {})
    today = store.usage.usage_today()
    assert (today["messages_sent"], today["messages_received"], today["models_used"]) == (11, 1, {"g/m": 3})


def test_what_was_changed_offline_is_kept_and_waits(store: Store) -> None:
    sent(store)
    store.server_profile.change_preferences("ui", {"deep": {"b": 2}})
    store.server_profile.change_preferences("ui", {"deep": {"c": 3}})
    store.server_profile.change_preferences("model", {"temperature": 1})
    store.server_profile.change_full_name("Ada L.")
    waiting = {"ui": {"deep": {"b": 2, "c": 3}}, "model": {"temperature": 1}, "full_name": "Ada L."}
    assert store.server_profile.pending_profile() == waiting
    store.server_profile.merge(server_data(store), {})
    found = store.profiles.get_user_complete_profile(USER)
    assert found["preferences"]["ui"]["deep"] == {"a": 1, "b": 2, "c": 3}
    assert (found["full_name"], found["preferences"]["model"]["temperature"]) == ("Ada L.", 1.0)
    assert store.server_profile.pending_profile() == waiting


def test_what_was_told_waits_no_more_unless_it_changed_meanwhile(store: Store) -> None:
    store.server_profile.change_full_name("Ada L.")
    store.server_profile.change_preferences("ui", {"theme": "dark"})
    on_its_way = store.server_profile.pending_profile()
    store.server_profile.change_preferences("ui", {"theme": "blue"})
    store.server_profile.merge(server_data(store), on_its_way)
    assert store.server_profile.pending_profile() == {"ui": {"theme": "blue"}}
    assert store.profiles.get_user_complete_profile(USER)["preferences"]["ui"]["theme"] == "blue"


def test_a_preference_that_cannot_be_is_refused_and_does_not_wait(store: Store) -> None:
    assert not store.server_profile.change_preferences("model", {"temperature": 9})["success"]
    assert store.server_profile.pending_profile() == {}


def test_models_come_with_tiers_limits_and_what_is_used(store: Store) -> None:
    assert not store.server_profile.server_relays()
    store.server_profile.merge_models([model("g/m", "free", 20), model("g/big", "enterprise")], relays=True)
    say(store, "one")
    small, big = store.server_profile.server_models()
    assert (small["allowed"], small["limits"], small["today"]) == (True, "1 of 20 today", 1)
    assert (big["allowed"], big["limits"], big["tier"]) == (False, "", "enterprise")
    assert store.server_profile.server_relays()
    assert [one["model_id"] for one in store.model_access.get_user_allowed_models(USER)] == ["g/m"]
