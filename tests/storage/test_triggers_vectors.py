"""The conformance vectors that a mirror can show, each under its number.

See docs/specification/vectors.md#vectors; the rules are in docs/specification/triggers.md.
"""

from __future__ import annotations

import json

import pytest
from recount import USER, Mirror, day, mirror, profile, run, say, session

from sterna.storage import Invalid
from sterna.storage.json_text import jsonb_deep_merge
from sterna.storage.specification.functions import SpecifiedFunctions


@pytest.fixture
def store() -> Mirror:
    made = mirror()
    run(made, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)
    return made


def at(time: str) -> str:
    return f"2026-03-01T{time}.000000Z"


def exchange(store: Mirror) -> None:
    """m1 and m2 of docs/specification/vectors.md#vector-4."""
    say(store, "m1", content="hi", input_tokens=7, message_timestamp=at("10:00:00"))
    say(
        store,
        "m2",
        role="assistant",
        model="g/m",
        content="x" * 250,
        input_tokens=7,
        output_tokens=33,
        total_tokens=40,
        elapsed_time=5,
        message_timestamp=at("10:00:05"),
    )


def use(store: Mirror) -> dict[str, object]:
    today = day(store)
    shown = ("messages_sent", "messages_received", "input_tokens", "output_tokens", "models_used", "generation_ms")
    return {name: today[name] for name in (*shown, "active_minutes")}


USED = {
    "messages_sent": 1,
    "messages_received": 1,
    "input_tokens": 7,
    "output_tokens": 33,
    "models_used": {"g/m": 1},
    "generation_ms": 5000,
    "active_minutes": 1,
}


def test_vector_1_a_first_sign_in_makes_the_profile_and_logs_it() -> None:
    store = mirror(user="al")
    run(store, "insert into auth_users (id, email, raw_user_meta_data) values ('v1', 'a@x.org', '{\"name\":\"Al\"}')")
    run(store, "insert into auth_users (id, email) values ('v2', 'local.part@x.org')")
    rows = {row["id"]: row for row in store.db.rows("select * from profiles")}
    made = rows["v1"]
    assert (made["full_name"], made["subscription_tier"], made["credits"]) == ("Al", "free", 0)
    assert set(json.loads(made["usage_stats"])) == {"total_messages", "total_tokens", "sessions_created", "last_reset"}
    assert rows["v2"]["full_name"] == "local.part"
    logged = store.db.rows(
        "select action, resource_type, resource_id, details from user_activity_log where user_id = 'v1'"
    )
    assert [tuple(row)[:3] for row in logged] == [("profile_created", "profile", "v1")]
    assert json.loads(logged[0]["details"]) == {"sync_source": "google_oauth", "created_from_oauth": True}


def test_vector_2_two_updates_and_a_new_address_are_two_synced_rows() -> None:
    store = mirror()
    for _ in range(2):
        run(store, "update auth_users set last_sign_in_at = '2026-03-01T12:00:00.000000Z'")
    run(store, "update auth_users set email = 'new@x.org'")
    rows = store.db.rows("select details from user_activity_log where action = 'profile_synced' order by rowid")
    assert [json.loads(row[0])["email_updated"] for row in rows] == [False, True]


def test_vector_3_a_supplied_time_lasts_until_the_first_update(store: Mirror) -> None:
    past = "2001-01-01T00:00:00.000000Z"
    run(store, "insert into chat_sessions (id, user_id, updated_at) values ('v3', :user, :past)", user=USER, past=past)
    assert session(store, "v3")["updated_at"] == past
    assert day(store)["sessions_created"] == 2  # with the fixture's
    run(store, "update chat_sessions set title = 'x' where id = 'v3'")
    assert session(store, "v3")["updated_at"] == at("12:00:00")


def test_vector_4_counts_tokens_preview_model_and_use(store: Mirror) -> None:
    exchange(store)
    say(store, "m3", role="system", content="s", total_tokens=3, message_timestamp=at("09:00:00"))
    say(store, "m4", content="bad", input_tokens=100, total_tokens=100, message_timestamp=at("10:01:00"))
    run(store, "update chat_messages set error_message = 'failed' where id = 'm4'")
    shown = session(store)
    assert (shown["message_count"], shown["total_tokens"]) == (3, 43)
    assert (shown["last_message_preview"], shown["last_model"]) == ("x" * 200, "g/m")
    assert shown["last_message_timestamp"] == at("10:00:05")
    assert use(store) == USED


def test_vector_5_sending_the_same_rows_again_changes_nothing(store: Mirror) -> None:
    exchange(store)
    before = (session(store), profile(store))
    exchange(store)
    assert use(store) == USED
    assert (session(store), profile(store)) == before


def test_vector_6_a_supplied_count_shows_until_the_next_message(store: Mirror) -> None:
    exchange(store)
    run(
        store,
        "insert into chat_sessions (id, user_id, message_count) values ('s', :user, 99)"
        " on conflict (id) do update set message_count = excluded.message_count",
        user=USER,
    )
    assert session(store)["message_count"] == 99
    assert day(store)["sessions_created"] == 1
    say(store, "m3", content="next")
    assert session(store)["message_count"] == 3


def test_vector_8_a_move_is_seen_by_both_conversations(store: Mirror) -> None:
    run(store, "insert into chat_sessions (id, user_id) values ('other', :user)", user=USER)
    exchange(store)
    run(store, "update chat_messages set session_id = 'other' where id = 'm2'")
    assert (session(store)["message_count"], session(store)["total_tokens"], session(store)["last_model"]) == (
        1,
        0,
        None,
    )
    moved = session(store, "other")
    assert (moved["message_count"], moved["total_tokens"], moved["last_model"]) == (1, 40, "g/m")
    assert use(store) == USED


def test_vector_9_an_emptied_conversation_shows_nothing_and_use_stays(store: Mirror) -> None:
    exchange(store)
    run(store, "delete from chat_messages")
    shown = session(store)
    assert (shown["message_count"], shown["total_tokens"]) == (0, 0)
    assert (shown["last_message_preview"], shown["last_message_timestamp"], shown["last_message"]) == (None, None, None)
    exchange(store)
    run(store, "delete from chat_sessions where id = 's'")
    assert store.db.rows("select 1 from chat_messages") == []
    assert day(store)["messages_sent"] == 2


def test_vector_10_a_deep_merge_goes_into_objects_and_replaces_the_rest() -> None:
    assert jsonb_deep_merge({"a": {"x": 1}, "b": [1]}, {"a": {"y": 2}, "b": [2], "c": None}) == {
        "a": {"x": 1, "y": 2},
        "b": [2],
        "c": None,
    }


def test_vector_11_a_free_account_has_two_models_and_so_has_a_stranger(store: Mirror) -> None:
    free = [model["model_id"] for model in store.model_access.get_user_allowed_models(USER)]
    assert sorted(free) == ["deepseek/deepseek-r1-0528:free", "google/gemini-flash-1.5:free"]
    assert [model["model_id"] for model in store.model_access.get_user_allowed_models("nobody")] == free
    assert not SpecifiedFunctions(store).can_user_use_model(USER, "openai/gpt-4o")
    assert SpecifiedFunctions(store).can_user_use_model("nobody", "google/gemini-flash-1.5:free")


def test_vector_12_a_preview_is_cut_between_characters(store: Mirror) -> None:
    say(store, "m1", content="🦜" * 300)
    assert session(store)["last_message_preview"] == "🦜" * 200
    assert len(session(store)["last_message_preview"].encode()) == 800


@pytest.mark.parametrize(("given", "kept"), [(2.004, 2.0), (0.755, 0.76), (0, 0.0), (1.999, 2.0), (0.994, 0.99)])
def test_vector_13_a_temperature_has_two_decimals(store: Mirror, given: float, kept: float) -> None:
    run(store, "update profiles set temperature = :given", given=given)
    assert profile(store)["temperature"] == kept
    run(store, "insert into auth_users (id) values ('v13')")
    run(store, "delete from profiles where id = 'v13'")
    run(store, "insert into profiles (id, email, temperature) values ('v13', '', :given)", given=given)
    assert store.db.rows("select temperature from profiles where id = 'v13'")[0][0] == kept


@pytest.mark.parametrize("given", [2.005, -0.005, 3])
def test_vector_13_a_temperature_that_rounds_out_of_range_is_refused(store: Mirror, given: float) -> None:
    with pytest.raises(Invalid):
        run(store, "update profiles set temperature = :given", given=given)
