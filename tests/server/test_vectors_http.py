"""The conformance vectors of docs/specification/vectors.md, as clients of the server see them.

| vector | over HTTP, here | as SQL |
|---|---|---|
| 1, 2 | test_scenarios: first sign-in, returning sign-in | test_sql_users: first_sign_in, two_sign_ins |
| 3 | vector_3 | test_sql_chat: keeps_its_own_times |
| 4 | vector_4 | test_sql_chat: a_failed_message_counts_nowhere |
| 5 | vector_5 | test_sql_chat: sending_the_same_messages_again |
| 6 | vector_6 | test_sql_chat: a_written_count_shows_until |
| 7 | vector_7 (3) | vector_7 (here, 42501, 23505); test_sql_chat_owners: the_same_id_is_another_row, not_ones_own |
| 8 | vector_8 | test_sql_chat: a_message_that_moves |
| 9 | vector_9 (2) | test_sql_chat: an_emptied_conversation, a_deleted_conversation |
| 10 | vector_10 | test_sql_users: objects_merge_deeply |
| 11 | vector_11 | test_sql_usage: a_tier_has_its_models, somebody_unknown |
| 12 | vector_12 | test_sql_chat: the_preview_counts_characters |
| 13 | vector_13 | test_sql_users: temperatures_are_rounded |
| 14 | vector_14 (numbers; the seconds are measured in benchmarks) | test_sql_sync_stamps: many_rows_at_once |
| 15 | vector_15 | test_sql_chat_owners: a_batch_of_conversations |
| 16 | vector_16 | test_sync_get: a_walk_meets_every_conversation_once |
| 17 | test_visits_endpoint: hash_generation, environment_toggle | |
| 18 | | test_sql_memory: sees_one_row_of_users, reads_back_as_it_was_written |
| 19 | test_analytics_endpoint: the_four_functions; cli/test_analytics_command | test_sql_analytics: start_batch_end |
| 20 | | test_sql_catalogue: the_names_of_the_source_migrations; test_sql_memory, test_sql_visits: the names |
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from accounts import Db, Person, acting_as

SYNC = "/api/chat/sync"
DAY = "2025-07-24T"
Row = dict[str, Any]

M1: Row = {"id": "m1", "role": "user", "content": "hello", "input_tokens": 7, "timestamp": DAY + "10:00:00.000Z"}
M2: Row = {
    "id": "m2",
    "role": "assistant",
    "content": "x" * 250,
    "model": "g/m",
    "input_tokens": 7,
    "output_tokens": 33,
    "total_tokens": 40,
    "elapsed_time": 5,
    "timestamp": DAY + "10:00:05.000Z",
}
M3: Row = {
    "id": "m3",
    "role": "system",
    "content": "be brief",
    "total_tokens": 3,
    "timestamp": DAY + "09:00:00.000Z",
}
M4: Row = {
    "id": "m4",
    "role": "user",
    "content": "bad",
    "input_tokens": 100,
    "total_tokens": 100,
    "timestamp": DAY + "10:01:00.000Z",
}


def push(who: Person, *conversations: Row) -> list[Row]:
    answer = who.http.post(
        SYNC, json={"conversations": [{"userId": str(who.id)} | conversation for conversation in conversations]}
    )
    assert answer.status_code == 200, answer.text
    details: list[Row] = answer.json()["results"]["details"]
    return details


def stored(who: Person, *conversations: Row) -> None:
    details = push(who, *conversations)
    assert [detail.get("error") for detail in details] == [None] * len(conversations)


def conversation(who: Person, session_id: str = "s1") -> Row:
    answer = who.http.get("/api/chat/session", params={"id": session_id})
    assert answer.status_code == 200, answer.text
    session: Row = answer.json()["session"]
    return session


def today(who: Person) -> Row:
    result: Row = who.http.get("/api/user/data").json()["today"]
    return {name: value for name, value in result.items() if name != "usage_date"}


def used(who: Person) -> tuple[Any, ...]:
    """Sent, received, input, output, models, generation_ms and active_minutes of today."""
    names = "messages_sent messages_received input_tokens output_tokens models_used generation_ms active_minutes"
    day = today(who)
    return tuple(day[name] for name in names.split())


def ids(who: Person, session_id: str = "s1") -> list[str]:
    answer = who.http.get("/api/chat/messages", params={"session_id": session_id})
    return [message["id"] for message in answer.json()["messages"]]


def test_vector_3_a_new_conversation_keeps_its_updated_at_until_its_first_change(ada: Person) -> None:
    stored(ada, {"id": "s1", "title": "Old", "updatedAt": "2001-01-01T00:00:00.000Z"})
    assert conversation(ada)["updated_at"].startswith("2001-01-01T00:00:00")
    assert today(ada)["sessions_created"] == 1
    stored(ada, {"id": "s1", "title": "New", "updatedAt": "2001-01-01T00:00:00.000Z"})
    changed = datetime.fromisoformat(conversation(ada)["updated_at"])
    assert changed > datetime(2026, 1, 1, tzinfo=UTC)
    assert today(ada)["sessions_created"] == 1


def test_vector_4_a_message_that_failed_counts_nowhere_once_it_is_known(ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1, M2, M3, M4]})
    assert (conversation(ada)["message_count"], conversation(ada)["total_tokens"]) == (4, 143)
    assert used(ada)[:4] == (2, 1, 107, 33)
    stored(ada, {"id": "s1", "messages": [M4 | {"error": True}]})
    shown = conversation(ada)
    assert (shown["message_count"], shown["total_tokens"], shown["last_model"]) == (3, 43, "g/m")
    assert shown["last_message_preview"] == "x" * 200
    assert shown["last_message_timestamp"].startswith(DAY + "10:00:05")
    assert used(ada) == (1, 1, 7, 33, {"g/m": 1}, 5000, 1)


def test_vector_5_sending_rows_again_unchanged_counts_nothing(ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1, M2, M3, M4]})
    stored(ada, {"id": "s1", "messages": [M4 | {"error": True}]})
    before = (today(ada), conversation(ada), ada.http.get("/api/user/data").json()["allTime"])
    for _ in range(2):
        stored(ada, {"id": "s1", "messages": [M1, M2]})
    assert (today(ada), conversation(ada), ada.http.get("/api/user/data").json()["allTime"]) == before


def test_vector_6_a_pushed_count_shows_until_the_next_message_and_makes_no_new_conversation(ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1, M2]})
    stored(ada, {"id": "s1", "messageCount": 99, "totalTokens": 40})
    assert conversation(ada)["message_count"] == 99
    assert today(ada)["sessions_created"] == 1
    stored(ada, {"id": "s1", "messages": [M3]})
    assert conversation(ada)["message_count"] == 3
    assert today(ada)["sessions_created"] == 1


def test_vector_7_an_id_that_another_has_too_is_ones_own_and_says_nothing(ada: Person, bob: Person) -> None:
    stored(ada, {"id": "s1", "title": "hers", "messages": [M1, M2]})
    before = (conversation(ada), ids(ada), today(ada))
    result = push(bob, {"id": "s1", "title": "his", "messages": [M2 | {"content": "his"}]})
    assert result == [{"conversationId": "s1", "status": "synced", "messageCount": 1}]
    assert push(bob, {"id": "s9", "messages": [M2]})[0]["status"] == "synced"
    assert (conversation(bob)["title"], conversation(bob)["message_count"]) == ("his", 0)  # m2 moved to s9
    assert bob.http.delete("/api/chat/sessions", params={"id": "s1"}).status_code == 200
    assert (conversation(ada), ids(ada), today(ada)) == before


def test_vector_7_naming_another_person_is_refused_whole(ada: Person, bob: Person) -> None:
    items = [{"id": "mine", "userId": str(bob.id)}, {"id": "s1", "userId": str(ada.id), "messages": [M1]}]
    answer = bob.http.post(SYNC, json={"conversations": items})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert bob.http.get("/api/chat/sessions").json()["count"] == 0
    assert ada.http.get("/api/chat/sessions").json()["count"] == 0


def test_vector_7_deleting_what_is_anothers_answers_as_what_is_nowhere(ada: Person, bob: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1]})
    values = [bob.http.delete("/api/chat/sessions", params={"id": name}) for name in ("s1", "nowhere")]
    assert (values[0].status_code, values[0].json()) == (values[1].status_code, values[1].json())
    assert bob.http.delete("/api/chat/clear-all").json()["deletedCount"] == 0
    assert ids(ada) == ["m1"]


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("insert into chat_sessions (user_id, id) values (%(ada)s, 's2')", "42501"),
        (
            "insert into chat_sessions (user_id, id, title) values (%(ada)s, 's1', 'his')"
            " on conflict (user_id, id) do update set title = excluded.title",
            "42501",
        ),
        (
            "insert into chat_messages (user_id, session_id, id, role, content)"
            " values (%(ada)s, 's1', 'm1', 'user', 'his')"
            " on conflict (user_id, id) do update set content = excluded.content",
            "42501",
        ),
        ("update chat_sessions set user_id = %(ada)s", "42501"),
        ("insert into chat_sessions (user_id, id) values (%(bob)s, 'own')", "23505"),
    ],
)
def test_vector_7_sql_in_anothers_name_is_refused(db: Db, ada: Person, bob: Person, statement: str, state: str) -> None:
    stored(ada, {"id": "s1", "title": "hers", "messages": [M1]})
    stored(bob, {"id": "own"})
    with pytest.raises(psycopg.Error) as refused, acting_as(db, bob.identity):
        db.execute(statement.encode(), {"ada": ada.id, "bob": bob.id})
    assert refused.value.sqlstate == state
    with acting_as(db, bob.identity):
        for table in ("chat_messages", "chat_sessions"):
            assert db.execute(f"delete from {table} where user_id = %s".encode(), (ada.id,)).rowcount == 0
    assert (conversation(ada)["title"], ids(ada)) == ("hers", ["m1"])


def test_vector_8_a_message_that_moves_is_counted_again_in_both_conversations(ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1, M2, M3]}, {"id": "s2"})
    before = used(ada)
    stored(ada, {"id": "s2", "messages": [M2]})
    left, entered = conversation(ada), conversation(ada, "s2")
    assert (left["message_count"], left["total_tokens"], left["last_model"]) == (2, 3, None)
    assert left["last_message_preview"] == "hello"
    assert (entered["message_count"], entered["total_tokens"], entered["last_model"]) == (1, 40, "g/m")
    assert entered["last_message_preview"] == "x" * 200
    assert used(ada) == before


def test_vector_9_an_emptied_conversation_shows_nothing(db: Db, ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1, M2]})
    before = used(ada)
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where session_id = 's1'")
    shown = conversation(ada)
    assert (shown["message_count"], shown["total_tokens"]) == (0, 0)
    assert (shown["last_message_preview"], shown["last_message_timestamp"], shown["last_model"]) == (None,) * 3
    assert used(ada) == before


def test_vector_9_a_deleted_conversation_takes_its_messages_and_leaves_the_use(db: Db, ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1, M2]})
    before = today(ada)
    assert ada.http.delete("/api/chat/sessions", params={"id": "s1"}).json()["success"] is True
    assert ada.http.get("/api/chat/messages", params={"session_id": "s1"}).status_code == 404
    assert db.execute("select 1 from chat_messages where user_id = %s", (ada.id,)).fetchall() == []
    assert today(ada) == before


def test_vector_10_preferences_merge_deeply_and_an_array_or_null_replaces(ada: Person) -> None:
    for given in ({"a": {"x": 1}, "b": [1]}, {"a": {"y": 2}, "b": [2], "c": None}):
        assert ada.http.put("/api/user/data", json={"ui": given}).status_code == 200
    ui = ada.http.get("/api/user/data").json()["preferences"]["ui"]
    assert {name: ui[name] for name in "abc"} == {"a": {"x": 1, "y": 2}, "b": [2], "c": None}
    assert ui["theme"] == "dark"


def test_vector_11_the_free_tier_has_two_models_and_so_has_somebody_unknown(
    db: Db, ada: Person, http: httpx.Client
) -> None:
    free = ["deepseek/deepseek-r1-0528:free", "google/gemini-flash-1.5:free"]
    for client in (ada.http, http):
        assert [model["id"] for model in client.get("/api/models").json()["models"]] == free
    with acting_as(db, ada.identity):
        row = db.execute("select can_user_use_model(%s, 'openai/gpt-4o') as may", (ada.id,)).fetchone()
    assert row == {"may": False}


def test_vector_12_the_preview_of_300_emoji_is_200_emoji(ada: Person) -> None:
    stored(ada, {"id": "s1", "messages": [M1 | {"content": "😀" * 300}]})
    shown = ada.http.get(SYNC).json()["conversations"][0]["lastMessagePreview"]
    assert shown == "😀" * 200
    assert len(shown.encode()) == 800


@pytest.mark.parametrize(("given", "stored"), [(2.004, 2.0), (0.755, 0.76), (0, 0.0)])
def test_vector_13_a_temperature_is_rounded_before_it_is_checked(ada: Person, given: float, stored: float) -> None:
    answer = ada.http.put("/api/user/data", json={"model": {"temperature": given}})
    assert answer.status_code == 200, answer.text
    assert ada.http.get("/api/user/data").json()["preferences"]["model"]["temperature"] == stored


@pytest.mark.parametrize("given", [2.005, -0.005])
def test_vector_13_a_temperature_that_rounds_out_of_range_is_refused(ada: Person, given: float) -> None:
    answer = ada.http.put("/api/user/data", json={"model": {"temperature": given}, "full_name": "not stored"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    body = ada.http.get("/api/user/data").json()
    assert body["preferences"]["model"]["temperature"] == 0.7
    assert body["profile"]["full_name"] != "not stored"


def test_vector_14_five_thousand_messages_in_one_push_are_counted_right(db: Db, ada: Person) -> None:
    rows = [
        (M1 if n % 2 else M2)
        | {"id": f"m{n:04}", "content": f"{n:04} " + "x" * 795}
        | {"timestamp": f"{DAY}{10 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z"}
        for n in range(5000)
    ]
    stored(ada, {"id": "s1", "messages": rows})
    shown = conversation(ada)
    assert (shown["message_count"], shown["total_tokens"], shown["last_model"]) == (5000, 2500 * 40, "g/m")
    assert shown["last_message_preview"] == rows[-1]["content"][:200]
    assert used(ada) == (2500, 2500, 2500 * 7, 2500 * 33, {"g/m": 2500}, 2500 * 5000, 209)
    assert ids(ada) == [row["id"] for row in rows]
    row = db.execute("select message_count from profiles where id = %s", (ada.id,)).fetchone()
    assert row == {"message_count": 5000}


def test_vector_15_a_title_too_long_costs_only_its_own_conversation(ada: Person) -> None:
    items = [{"id": "a", "title": "fine", "messages": [M1]}, {"id": "b", "title": "x" * 256, "messages": [M2]}]
    answer = ada.http.post(SYNC, json={"conversations": items})
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert answer.json()["results"] == {
        "synced": 1,
        "errors": 1,
        "details": [
            {"conversationId": "a", "status": "synced", "messageCount": 1},
            {"conversationId": "b", "error": "title_too_long"},
        ],
    }
    assert [session["id"] for session in ada.http.get("/api/chat/sessions").json()["sessions"]] == ["a"]


def test_vector_16_a_walk_over_the_pages_meets_every_conversation_once(ada: Person) -> None:
    spoken: list[Row] = [
        {"id": f"c{n:02}", "messageCount": 77, "messages": [M1 | {"id": f"m{n}", "timestamp": f"{DAY}10:00:{n:02}Z"}]}
        for n in range(23)
    ]
    empty: list[Row] = [{"id": f"e{n:02}"} for n in range(22)]
    stored(ada, *spoken, *empty)
    met: list[Row] = []
    sizes: list[int] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = ada.http.get(SYNC, params=cursor).json()
        met += page["conversations"]
        sizes.append(len(page["conversations"]))
        if (after := page["meta"]["nextCursor"]) is None:
            break
        cursor = {"cursor_ts": after["ts"], "cursor_id": after["id"]}
    assert sizes == [20, 20, 5]
    assert sorted(item["id"] for item in met) == sorted(item["id"] for item in [*spoken, *empty])
    assert {item["id"]: item["messageCount"] for item in met} == {
        item["id"]: 1 if item["id"].startswith("c") else 0 for item in [*spoken, *empty]
    }
    assert {item["isActive"] for item in met} == {False}
    assert [item["messages"] for item in met] == [[]] * len(met)
