"""The profile as the program reads and changes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recount import START, USER, Mirror, mirror, profile, run, say

from sterna.storage import NotFound
from sterna.storage.clock import stamp
from sterna.storage.json_text import from_json, jsonb_deep_merge, to_json
from sterna.storage.specification.functions import SpecifiedFunctions

NOW = stamp(START)


@pytest.fixture
def store() -> Mirror:
    return mirror()


def logged(store: Mirror, action: str) -> list[dict[str, Any]]:
    return [
        json.loads(row["details"])
        for row in store.db.rows("select details from user_activity_log where action = :a order by rowid", a=action)
    ]


def test_interface_preferences_are_merged_into_what_is_there(store: Mirror) -> None:
    answer = store.profiles.update_user_preferences(USER, "ui", {"theme": "light", "panes": {"left": 30}})
    assert answer == {"success": True, "preference_type": "ui", "updated_at": NOW}
    store.profiles.update_user_preferences(USER, "ui", {"panes": {"right": None}})
    kept = store.profiles.get_user_complete_profile(USER)["preferences"]["ui"]
    assert kept["theme"] == "light"
    assert kept["panes"] == {"left": 30, "right": None}
    assert kept["sidebar_width"] == 280


def test_preferences_can_be_set_where_there_were_none(store: Mirror) -> None:
    run(store, "update profiles set session_preferences = null")
    assert store.profiles.update_user_preferences(USER, "session", {"max_history": 3})["success"]
    assert store.profiles.get_user_complete_profile(USER)["preferences"]["session"] == {"max_history": 3}


def test_model_preferences_change_only_what_they_name(store: Mirror) -> None:
    store.profiles.update_user_preferences(USER, "model", {"temperature": 1.234, "system_prompt": "Be brief."})
    kept = store.profiles.get_user_complete_profile(USER)["preferences"]["model"]
    assert kept == {
        "default_model": "deepseek/deepseek-r1-0528:free",
        "temperature": 1.23,
        "system_prompt": "Be brief.",
        "allowed_models": ["deepseek/deepseek-r1-0528:free"],
    }
    store.profiles.update_user_preferences(USER, "model", {"allowed_models": ["a", "b"], "default_model": "a"})
    kept = store.profiles.get_user_complete_profile(USER)["preferences"]["model"]
    assert (kept["allowed_models"], kept["default_model"], kept["temperature"]) == (["a", "b"], "a", 1.23)


def test_a_change_of_preferences_is_logged_with_what_was_asked(store: Mirror) -> None:
    store.profiles.update_user_preferences(USER, "model", {"temperature": 1})
    assert logged(store, "preferences_updated") == [{"preference_type": "model", "updated_fields": {"temperature": 1}}]


@pytest.mark.parametrize(
    ("kind", "preferences"),
    [
        ("colours", {}),
        ("model", {"temperature": 2.005}),
        ("model", {"temperature": -1}),
        ("model", {"temperature": "warm"}),
        ("model", {"temperature": True}),
        ("model", {"temperature": float("nan")}),
        ("model", {"temperature": 1e400}),
        ("model", {"temperature": "1e999999"}),
        ("model", {"default_model": "x" * 101}),
        ("model", {"default_model": 7}),
        ("model", {"allowed_models": "all"}),
        ("model", {"allowed_models": [1]}),
        ("ui", {"width": float("inf")}),
        ("ui", ["theme"]),
        ("ui", {"when": START}),
    ],
)
def test_preferences_that_make_no_sense_are_refused_and_change_nothing(
    store: Mirror, kind: str, preferences: Any
) -> None:
    before = profile(store)
    answer = store.profiles.update_user_preferences(USER, kind, preferences)
    assert answer["success"] is False
    assert answer["error"]
    assert profile(store) == before
    assert logged(store, "preferences_updated") == []


def test_text_that_no_database_takes_is_made_fit(store: Mirror) -> None:
    assert store.profiles.update_user_preferences(USER, "ui", {"na\x00me": ["\ud800", "ok"]})["success"]
    kept = store.profiles.get_user_complete_profile(USER)["preferences"]["ui"]
    assert kept["name"] == ["\ufffd", "ok"]


def test_a_strangers_preferences_are_not_found(store: Mirror) -> None:
    assert store.profiles.update_user_preferences("nobody", "ui", {}) == {"success": False, "error": "User not found"}


def test_a_new_tier_is_answered_with_the_old_one(store: Mirror) -> None:
    assert SpecifiedFunctions(store).update_user_tier(USER, "pro") == {
        "success": True,
        "old_tier": "free",
        "new_tier": "pro",
        "updated_at": NOW,
    }
    assert profile(store)["subscription_tier"] == "pro"
    assert logged(store, "tier_updated") == [{"old_tier": "free", "new_tier": "pro"}]


@pytest.mark.parametrize("tier", ["admin", "", "Pro", "gold"])
def test_a_tier_that_is_not_sold_is_refused(store: Mirror, tier: str) -> None:
    assert SpecifiedFunctions(store).update_user_tier(USER, tier)["success"] is False
    assert profile(store)["subscription_tier"] == "free"


def test_a_stranger_has_no_tier_to_change(store: Mirror) -> None:
    assert SpecifiedFunctions(store).update_user_tier("nobody", "pro") == {"success": False, "error": "User not found"}


def test_a_log_entry_is_found_under_the_id_that_was_given_back(store: Mirror) -> None:
    entry = store.profiles.log_user_activity(USER, "looked", "session", "conv_1", {"at": "é"})
    row = store.db.one("select * from user_activity_log where id = :id", id=entry)
    assert row is not None
    assert (row["action"], row["resource_type"], row["resource_id"]) == ("looked", "session", "conv_1")
    assert (json.loads(row["details"]), row["timestamp"]) == ({"at": "é"}, NOW)


def test_nothing_is_logged_for_a_stranger(store: Mirror) -> None:
    with pytest.raises(NotFound):
        store.profiles.log_user_activity("nobody", "looked")


def test_a_sync_by_hand_brings_the_profile_up_to_date_and_says_so(store: Mirror) -> None:
    run(store, "update profiles set email = 'old@x.org', full_name = null")
    changes = {"email_synced": True, "profile_synced": True, "synced_at": NOW}
    assert SpecifiedFunctions(store).sync_profile_from_auth(USER) == {
        "success": True,
        "updated": True,
        "changes": changes,
    }
    assert (profile(store)["email"], profile(store)["full_name"]) == ("ada@example.org", "Ada")
    assert logged(store, "profile_manual_sync") == [changes]


def test_a_sync_by_hand_invents_no_name(store: Mirror) -> None:
    run(store, "update auth_users set email = null, raw_user_meta_data = null")
    run(store, "update profiles set full_name = null")
    SpecifiedFunctions(store).sync_profile_from_auth(USER)
    assert (profile(store)["email"], profile(store)["full_name"]) == ("ada@example.org", None)


def test_a_sync_by_hand_makes_a_missing_profile_and_logs_nothing(store: Mirror) -> None:
    run(store, "delete from profiles")
    answer = SpecifiedFunctions(store).sync_profile_from_auth(USER)
    assert answer == {"success": True, "updated": True, "changes": {"profile_created": True, "created_at": NOW}}
    assert profile(store)["full_name"] == "Ada"
    assert store.db.rows("select 1 from user_activity_log") == []


def test_a_sync_by_hand_of_a_stranger_finds_nobody(store: Mirror) -> None:
    assert SpecifiedFunctions(store).sync_profile_from_auth("x") == {
        "success": False,
        "error": "User not found in auth.users",
    }


def test_the_complete_profile_has_the_published_shape(store: Mirror) -> None:
    run(store, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)
    say(store, "m1", role="assistant", model="g/m", output_tokens=3, elapsed_ms=5)
    SpecifiedFunctions(store).track_user_usage(USER, 1, usage_date="2026-02-22")
    SpecifiedFunctions(store).track_user_usage(USER, 1, usage_date="2026-02-21")
    whole = store.profiles.get_user_complete_profile(USER)
    assert list(whole) == [
        *("id", "email", "full_name", "avatar_url", "subscription_tier", "credits"),
        *("preferences", "available_models", "usage_stats", "timestamps"),
    ]
    assert list(whole["preferences"]) == ["model", "ui", "session"]
    assert set(whole["available_models"][0]) == {
        *("model_id", "model_name", "model_description", "model_tags", "daily_limit", "monthly_limit")
    }
    assert len(whole["usage_stats"]["today"]) == 2  # the eighth day back is out
    assert whole["usage_stats"]["today"][0] == {
        "messages_sent": 0,
        "messages_received": 1,
        "total_tokens": 3,
        "models_used": {"g/m": 1},
        "sessions_created": 1,
        "active_minutes": 1,
    }
    assert whole["usage_stats"]["total"]["total_tokens"] == 3
    assert whole["timestamps"] == {"created_at": NOW, "updated_at": NOW, "last_active": NOW}


def test_the_complete_profile_of_a_quiet_account_has_no_days(store: Mirror) -> None:
    run(store, "delete from model_access")
    whole = store.profiles.get_user_complete_profile(USER)
    assert whole["usage_stats"]["today"] is None
    assert whole["available_models"] is None
    assert whole["preferences"]["ui"]["message_grouping"] is True
    assert whole["preferences"]["session"]["export_format"] == "markdown"


def test_a_stranger_has_no_profile(store: Mirror) -> None:
    assert store.profiles.get_user_complete_profile("nobody") == {"error": "User not found"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_merge_keeps_what_only_one_side_says_and_takes_the_second_for_the_rest(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    merged = jsonb_deep_merge(a, b)
    assert merged.keys() == a.keys() | b.keys()
    for key, value in merged.items():
        if key not in b:
            assert value == a[key]
        elif not (isinstance(a.get(key), dict) and isinstance(b[key], dict)):
            assert value == b[key]
    assert jsonb_deep_merge(merged, b) == merged


def test_a_merge_with_nothing_gives_the_other_side() -> None:
    assert jsonb_deep_merge(None, {"a": 1}) == {"a": 1}
    assert jsonb_deep_merge({"a": 1}, None) == {"a": 1}
    assert jsonb_deep_merge({"a": 1}, {}) == {"a": 1}


@given(JSON)
def test_json_that_was_kept_says_the_same(value: Any) -> None:
    assert from_json(to_json(value)) == json.loads(json.dumps(value).replace("\\u0000", ""))
