"""/api/user/data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from accounts import Db, Person

DATA = "/api/user/data"


def read(who: Person) -> dict[str, Any]:
    answer = who.http.get(DATA)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(who: Person, body: Any) -> str:
    answer = who.http.put(DATA, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
    return str(answer.json()["error"])


def test_a_new_account_has_its_defaults_and_no_use(ada: Person, db: Db) -> None:
    data = read(ada)
    assert list(data) == ["profile", "preferences", "today", "recentDays", "allTime", "availableModels", "timestamps"]
    assert data["profile"] == {
        "id": str(ada.id),
        "email": ada.email,
        "full_name": ada.email.partition("@")[0],
        "avatar_url": None,
        "subscription_tier": "free",
        "credits": 0,
        "account_type": "user",
        "is_banned": False,
        "banned_until": None,
        "ban_reason": None,
    }
    assert data["preferences"]["model"] == {
        "default_model": "deepseek/deepseek-r1-0528:free",
        "temperature": 0.7,
        "system_prompt": "You are a helpful AI assistant.",
        "allowed_models": ["deepseek/deepseek-r1-0528:free"],
        "personality_preset": None,
    }
    assert data["preferences"]["ui"]["theme"] == "dark"
    assert data["preferences"]["session"]["max_history"] == 10
    assert data["today"] == {
        "usage_date": str(db.execute("select (now() at time zone 'utc')::date as day").fetchone()["day"]),  # type: ignore[index]
        "messages_sent": 0,
        "messages_received": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        "models_used": {},
        "sessions_created": 0,
        "active_minutes": 0,
        "generation_ms": 0,
    }
    assert data["recentDays"] == []
    assert data["allTime"].pop("last_reset")
    assert data["allTime"] == {"total_messages": 0, "total_tokens": 0, "sessions_created": 0}
    assert set(data["availableModels"][0]) == {
        "model_id",
        "model_name",
        "model_description",
        "model_tags",
        "daily_limit",
        "monthly_limit",
    }
    for at in data["timestamps"].values():
        assert at.endswith("Z")
        assert datetime.fromisoformat(at).microsecond % 1000 == 0


def test_use_is_told_for_today_for_recent_days_and_for_all_time(ada: Person, db: Db) -> None:
    ada.http.post("/api/chat/sessions", json={"id": "c"})
    db.execute(
        "insert into chat_messages"
        " (user_id, session_id, id, role, content, model, input_tokens, output_tokens, total_tokens, elapsed_ms)"
        " values (%(user)s, 'c', 'm1', 'user', 'hi', null, 7, 0, 7, 0),"
        " (%(user)s, 'c', 'm2', 'assistant', 'yo', 'g/m', 7, 33, 40, 5000)",
        {"user": ada.id},
    )
    for ago in (3, 7, 8):
        db.execute(
            "insert into user_usage_daily (user_id, usage_date, messages_sent) values (%s, current_date - %s, %s)",
            (ada.id, ago, ago),
        )
    data = read(ada)
    today = data["today"]
    assert {key: value for key, value in today.items() if key != "usage_date"} == {
        "messages_sent": 1,
        "messages_received": 1,
        "input_tokens": 7,
        "output_tokens": 33,
        "total_tokens": 40,
        "models_used": {"g/m": 1},
        "sessions_created": 1,
        "active_minutes": 1,
        "generation_ms": 5000,
    }
    assert data["recentDays"][0] == today
    assert [day["messages_sent"] for day in data["recentDays"]] == [1, 3, 7]
    days = [datetime.fromisoformat(day["usage_date"]) for day in data["recentDays"]]
    assert days[0] - days[1] == timedelta(days=3)
    assert (data["allTime"]["total_messages"], data["allTime"]["total_tokens"]) == (2, 40)


def test_a_change_is_answered_with_what_is_so_now(ada: Person) -> None:
    before = read(ada)
    answer = ada.http.put(
        DATA,
        json={
            "full_name": "Ada L.",
            "ui": {"theme": "light", "panes": {"left": 3}},
            "session": {"max_history": 50},
            "model": {
                "default_model": "a/b",
                "temperature": 1.25,
                "system_prompt": "Be brief.",
                "allowed_models": ["a/b"],
            },
        },
    )
    assert answer.status_code == 200, answer.text
    data = answer.json()
    assert data["profile"] == before["profile"] | {"full_name": "Ada L."}
    assert data["preferences"] == {
        "ui": before["preferences"]["ui"] | {"theme": "light", "panes": {"left": 3}},
        "session": before["preferences"]["session"] | {"max_history": 50},
        "model": {
            "default_model": "a/b",
            "temperature": 1.25,
            "system_prompt": "Be brief.",
            "allowed_models": ["a/b"],
            "personality_preset": None,
        },
    }
    assert data.pop("ignored") == []
    assert read(ada) == data


def test_ui_and_session_are_merged_however_deep(ada: Person) -> None:
    ada.http.put(DATA, json={"ui": {"panes": {"left": 1, "right": 2}}})
    ui = ada.http.put(DATA, json={"ui": {"panes": {"left": 9}}}).json()["preferences"]["ui"]
    assert (ui["panes"], ui["theme"]) == ({"left": 9, "right": 2}, "dark")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("default_model", "a/b"),
        ("temperature", 0.2),
        ("temperature", None),
        ("system_prompt", "x"),
        ("default_model", None),
    ],
)
def test_one_model_preference_leaves_the_others(ada: Person, key: str, value: Any) -> None:
    before = read(ada)["preferences"]["model"]
    assert ada.http.put(DATA, json={"model": {key: value}}).json()["preferences"]["model"] == before | {key: value}


def test_an_empty_change_changes_nothing(ada: Person) -> None:
    before = read(ada)
    bodies: list[dict[str, Any]] = [{}, {"ui": {}}, {"ui": None, "session": None, "model": None}, {"model": {}}]
    for body in bodies:
        after = ada.http.put(DATA, json=body).json()
        assert (after["profile"], after["preferences"]) == (before["profile"], before["preferences"])


@pytest.mark.parametrize(("given", "stored"), [(0, 0.0), (2, 2.0), (2.004, 2.0), (0.755, 0.76)])
def test_a_temperature_has_two_places(ada: Person, given: float, stored: float) -> None:
    answer = ada.http.put(DATA, json={"model": {"temperature": given}})
    assert answer.json()["preferences"]["model"]["temperature"] == stored


@pytest.mark.parametrize("given", [-0.1, 2.005, 3, 1e300])
def test_a_temperature_out_of_range_is_refused_with_a_sentence(ada: Person, given: float) -> None:
    assert refused(ada, {"model": {"temperature": given}}) == "Temperature must be a number between 0 and 2"
    assert read(ada)["preferences"]["model"]["temperature"] == 0.7


@pytest.mark.parametrize(
    "body",
    [
        {"model": {"temperature": "hot"}},
        {"model": {"default_model": "m" * 101}},
        {"model": {"allowed_models": [1]}},
        {"model": "a/b"},
        {"ui": []},
        {"ui": {"large": "x" * 70_000}},
        {"full_name": "n" * 256},
        {"full_name": 7},
        {"model": {"personality_preset": "p" * 101}},
        {"model": {"personality_preset": 7}},
        [],
    ],
)
def test_what_cannot_be_stored_is_refused_and_changes_nothing(ada: Person, body: Any) -> None:
    before = read(ada)
    assert refused(ada, body)
    assert read(ada) == before


def test_a_change_with_one_bad_part_changes_nothing(ada: Person) -> None:
    before = read(ada)
    refused(ada, {"full_name": "New", "ui": {"theme": "light"}, "model": {"temperature": 9}})
    assert read(ada) == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(ada: Person, number: str) -> None:
    for body in ('{"ui": {"width": %s}}', '{"model": {"temperature": %s}}'):
        answer = ada.http.put(DATA, content=body % number, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text


def test_text_that_postgresql_cannot_hold_is_cleaned(ada: Person) -> None:
    body = '{"full_name": "A\\u0000da \\ud800", "ui": {"a\\u0000b": "c\\u0000d"}}'
    answer = ada.http.put(DATA, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["profile"]["full_name"], answer.json()["preferences"]["ui"]["ab"]) == ("Ada \ufffd", "cd")


def test_only_ones_own_is_told_and_changed(ada: Person, bob: Person, http: httpx.Client) -> None:
    before = read(ada)
    bob.http.put(DATA, json={"full_name": "Bob", "ui": {"theme": "blue"}})
    assert read(ada) == before
    for answer in (http.get(DATA), http.put(DATA, json={"full_name": "Nobody"})):
        assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")


def test_the_form_of_web_clients_is_taken(ada: Person) -> None:
    """A personality is stored and given back; what nothing here stores is named, and the rest is stored."""
    body = {
        "ui": {"theme": "light"},
        "session": {"auto_title": False},
        "model": {
            "default_model": "a/b",
            "temperature": 0.3,
            "system_prompt": "Be brief.",
            "personality_preset": "professional",
            "top_p": 1,
        },
        "profile": {"credits": 100},
        "subscription_tier": "pro",
    }
    answer = ada.http.put(DATA, json=body)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["ignored"] == ["profile", "subscription_tier", "model.top_p"]
    assert result["preferences"]["model"]["personality_preset"] == "professional"
    assert result["preferences"]["model"]["temperature"] == 0.3
    assert result["preferences"]["ui"]["theme"] == "light"
    assert (result["profile"]["credits"], result["profile"]["subscription_tier"]) == (0, "free")
    # other changes leave the personality; null removes it
    ada.http.put(DATA, json={"model": {"temperature": 0.4}})
    assert read(ada)["preferences"]["model"]["personality_preset"] == "professional"
    ada.http.put(DATA, json={"model": {"personality_preset": None}})
    assert read(ada)["preferences"]["model"]["personality_preset"] is None


def test_a_personality_is_ones_own_and_goes_with_the_account(ada: Person, bob: Person, db: Db) -> None:
    for who, preset in ((ada, "helpful"), (bob, "terse")):
        who.http.put(DATA, json={"model": {"personality_preset": preset}})
    assert read(ada)["preferences"]["model"]["personality_preset"] == "helpful"
    assert ada.http.get("/api/user/export").json()["profile"]["personality_preset"] == "helpful"
    db.execute("delete from auth.users where id = %s", (ada.id,))
    rows = db.execute("select user_id from profile_extras where user_id in (%s, %s)", (ada.id, bob.id)).fetchall()
    assert rows == [{"user_id": bob.id}]


def test_every_refusal_says_message_too(ada: Person, http: httpx.Client) -> None:
    """Check the place where some web clients look for the sentence."""
    for answer in (http.get(DATA), ada.http.put(DATA, json={"model": {"temperature": 9}}), ada.http.patch(DATA)):
        assert answer.json()["message"] == answer.json()["error"]
