"""Conversations written with plain SQL: counters and previews."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from accounts import Db, Person, acting_as
from conversations_by_sql import NOON, conversation, insert_example, profile, upsert_messages, usage, usage_figures

from sterna.server.identity import Identity


def test_a_conversation_keeps_its_own_times_until_it_changes(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id, updated_at) values ('s1', %s, '2001-01-01Z')", (ada.id,))
    assert conversation(db, ada.id)["updated_at"].year == 2001
    assert usage(db, ada.id)["sessions_created"] == 1
    with acting_as(db, ada.identity):
        db.execute("update chat_sessions set title = 'New', updated_at = '2001-01-01Z' where id = 's1'")
    after = conversation(db, ada.id)
    assert after["updated_at"] == after["last_activity"] > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failed_message_counts_nowhere_and_a_system_message_only_as_one_more(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        db.execute("update chat_messages set error_message = 'failed' where user_id = %s and id = 'm4'", (ada.id,))
    shown = conversation(db, ada.id)
    assert (shown["message_count"], shown["total_tokens"]) == (3, 43)
    assert (shown["last_message_preview"], shown["last_model"]) == ("x" * 200, "g/m")
    assert shown["last_message_timestamp"] == datetime(2025, 7, 24, 10, 0, 5, tzinfo=UTC)
    assert shown["last_message"] == {
        "id": "m2",
        "role": "assistant",
        "content": "x" * 250,
        "model": "g/m",
        "created_at": "2025-07-24T10:00:05.000000Z",
    }
    assert usage_figures(db, ada.id) == (1, 1, 7, 33, 5000, 1, {"g/m": 1})
    assert profile(db, ada.id)["message_count"] == 3


def test_sending_the_same_messages_again_counts_nothing(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
    before, shown = usage_figures(db, ada.id), conversation(db, ada.id)
    with acting_as(db, ada.identity):
        upsert_messages(
            db,
            ada.id,
            "s1",
            [
                ("m1", "user", "hello", None, 7, 0, 0, 0, "2025-07-24T10:00:00Z"),
                ("m2", "assistant", "x" * 250, "g/m", 7, 33, 40, 5, "2025-07-24T10:00:05Z"),
            ],
        )
    assert usage_figures(db, ada.id) == before
    after = conversation(db, ada.id)
    assert (after["message_count"], after["total_tokens"]) == (shown["message_count"], shown["total_tokens"])


def test_a_failed_reply_that_succeeds_later_is_counted_once_and_a_correction_adds_the_difference(
    db: Db, ada: Person
) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        db.execute(
            "insert into chat_messages (id, session_id, role, content, model, output_tokens, error_message)"
            " values ('r', 's1', 'assistant', '', 'g/m', 10, 'down')"
        )
    assert usage_figures(db, ada.id)[:2] in {(0, 0), (None, None)}
    assert conversation(db, ada.id)["message_count"] == 0
    for tokens in (10, 10, 25):
        with acting_as(db, ada.identity):
            db.execute(
                "update chat_messages set error_message = null, content = 'ok', output_tokens = %s where id = 'r'",
                (tokens,),
            )
    assert usage_figures(db, ada.id) == (0, 1, 0, 25, 0, 0, {"g/m": 1})
    assert profile(db, ada.id)["message_count"] == 1


def test_a_mixed_upsert_counts_the_new_and_only_the_difference_of_the_old(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        upsert_messages(
            db,
            ada.id,
            "s1",
            [
                ("m4", "user", "bad", None, 60, 0, 60, 0, "2025-07-24T10:01:00Z"),
                ("m5", "assistant", "new", "h/n", 0, 9, 9, 2, "2025-07-24T10:02:00Z"),
            ],
        )
    shown = conversation(db, ada.id)
    assert (shown["message_count"], shown["total_tokens"], shown["last_model"]) == (5, 112, "h/n")
    assert usage_figures(db, ada.id) == (2, 2, 67, 42, 7000, 1, {"g/m": 1, "h/n": 1})


def test_a_written_count_shows_until_the_next_message_and_a_second_insert_makes_no_second_session(
    db: Db, ada: Person
) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        db.execute(
            "insert into chat_sessions (id, user_id, message_count) values ('s1', %s, 99)"
            " on conflict (user_id, id) do update set message_count = excluded.message_count",
            (ada.id,),
        )
    assert conversation(db, ada.id)["message_count"] == 99
    with acting_as(db, ada.identity):
        upsert_messages(db, ada.id, "s1", [("m6", "user", "more", None, 0, 0, 0, 0, "2025-07-24T11:00:00Z")])
    assert conversation(db, ada.id)["message_count"] == 5
    assert usage(db, ada.id)["sessions_created"] == 1


def test_a_message_that_moves_leaves_one_conversation_and_enters_the_other(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        db.execute("insert into chat_sessions (id, user_id) values ('s2', %s)", (ada.id,))
        before = usage_figures(db, ada.id)
        db.execute("update chat_messages set session_id = 's2' where user_id = %s and id = 'm2'", (ada.id,))
    first, two = conversation(db, ada.id), conversation(db, ada.id, "s2")
    assert (first["message_count"], first["total_tokens"], first["last_model"]) == (3, 103, None)
    assert (two["message_count"], two["total_tokens"], two["last_model"]) == (1, 40, "g/m")
    assert two["last_message"]["id"] == "m2"
    assert usage_figures(db, ada.id) == before


def test_an_emptied_conversation_shows_nothing_and_use_stays_what_it_was(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        before = usage_figures(db, ada.id)
        db.execute("delete from chat_messages where user_id = %s and session_id = 's1'", (ada.id,))
    empty = conversation(db, ada.id)
    assert (empty["message_count"], empty["total_tokens"]) == (0, 0)
    assert [empty[f"last_{name}"] for name in ("message_preview", "message_timestamp", "model", "message")] == [
        None
    ] * 4
    with acting_as(db, ada.identity):
        db.execute("delete from chat_sessions where user_id = %s and id = 's1'", (ada.id,))
    assert usage_figures(db, ada.id) == before
    assert profile(db, ada.id)["last_session_id"] is None
    assert db.execute("select count(*) as n from session_counts where user_id = %s", (ada.id,)).fetchone() == {"n": 0}


def test_a_deleted_conversation_takes_its_messages_and_is_not_counted_when_it_comes_back(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        db.execute("delete from chat_sessions where user_id = %s and id = 's1'", (ada.id,))
        assert db.execute("select 1 from chat_messages").fetchall() == []
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s), ('s2', %s)", (ada.id, ada.id))
    assert usage(db, ada.id)["sessions_created"] == 2
    assert profile(db, ada.id)["total_conversations"] == 2
    assert profile(db, ada.id)["last_session_id"] == "s2"


def test_the_preview_counts_characters_not_bytes(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        upsert_messages(db, ada.id, "s1", [("e", "user", "😀" * 300, None, 0, 0, 0, 0, NOON.format(0))])
    assert conversation(db, ada.id)["last_message_preview"] == "😀" * 200


def test_of_two_messages_at_one_instant_the_higher_id_in_bytes_is_the_newest(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        upsert_messages(
            db,
            ada.id,
            "s1",
            [(name, "user", name, "g/" + name, 0, 0, 0, 0, NOON.format(0)) for name in ("B", "a", "_")],
        )
    shown = conversation(db, ada.id)
    assert (shown["last_message_preview"], shown["last_model"]) == ("a", "g/a")


def test_a_user_message_without_a_model_does_not_hide_the_last_model(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
    shown = conversation(db, ada.id)
    assert (shown["last_message_preview"], shown["last_model"]) == ("bad", "g/m")


def test_a_model_on_a_user_message_is_not_counted_as_used(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        upsert_messages(
            db,
            ada.id,
            "s1",
            [
                ("q", "user", "?", "g/m", 1, 0, 1, 0, NOON.format(0)),
                ("r", "assistant", "!", "g/m", 1, 1, 2, 1, NOON.format(1)),
                ("r2", "assistant", "!", 'odd "name"', 1, 1, 2, 1, NOON.format(2)),
            ],
        )
    assert usage(db, ada.id)["models_used"] == {"g/m": 1, 'odd "name"': 1}


def test_missing_counters_are_nothing_and_negative_ones_are_refused(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        upsert_messages(db, ada.id, "s1", [("n", "assistant", "!", None, None, None, None, None, NOON.format(0))])
    assert usage_figures(db, ada.id) == (0, 1, 0, 0, 0, 0, {})
    assert profile(db, ada.id)["usage_stats"]["total_messages"] == 1
    with pytest.raises(psycopg.errors.CheckViolation), acting_as(db, ada.identity):
        upsert_messages(db, ada.id, "s1", [("n2", "assistant", "!", None, 0, -5, 0, 0, NOON.format(0))])


def test_totals_go_past_what_four_bytes_hold(db: Db, ada: Person) -> None:
    most = 2**31 - 1
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        rows = [(f"b{n}", "assistant", "", None, 0, most, most, 0, NOON.format(n)) for n in range(3)]
        upsert_messages(db, ada.id, "s1", rows)
    assert conversation(db, ada.id)["total_tokens"] == 3 * most == usage(db, ada.id)["output_tokens"]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ({"elapsed_time": 5}, (5, 5000)),
        ({"elapsed_ms": 1499}, (1, 1499)),
        ({"elapsed_ms": 1500}, (2, 1500)),
        ({"elapsed_time": 9, "elapsed_ms": 1500}, (2, 1500)),
        ({}, (0, 0)),
    ],
)
def test_seconds_and_milliseconds_are_one_thing(
    db: Db, ada: Person, written: dict[str, int], stored: tuple[int, int]
) -> None:
    row = {"elapsed_time": 0, "elapsed_ms": 0} | written
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (id, user_id) values ('s1', %s)", (ada.id,))
        db.execute(
            "insert into chat_messages (id, session_id, role, content, elapsed_time, elapsed_ms)"
            " values ('m', 's1', 'assistant', '', %(elapsed_time)s, %(elapsed_ms)s)",
            row,
        )
        text = "select elapsed_time, elapsed_ms from chat_messages where id = 'm'"
        assert tuple((db.execute(text).fetchone() or {}).values()) == stored
        db.execute("update chat_messages set elapsed_time = 7 where id = 'm'")
        assert tuple((db.execute(text).fetchone() or {}).values()) == (7, 7000)
        db.execute("update chat_messages set elapsed_ms = 2500 where id = 'm'")
        assert tuple((db.execute(text).fetchone() or {}).values()) == (3, 2500)


def test_what_comes_back_from_elsewhere_keeps_its_times_and_is_not_used_again(db: Db, ada: Person) -> None:
    with acting_as(db, ada.identity):
        insert_example(db, ada.id)
        db.execute("delete from chat_sessions where user_id = %s", (ada.id,))
    before, counted = usage_figures(db, ada.id), profile(db, ada.id)["message_count"]
    with acting_as(db, Identity("service_role")):
        db.execute("select sync_applying(true)")
        db.execute("insert into chat_sessions (id, user_id, updated_at) values ('s1', %s, '2001-01-01Z')", (ada.id,))
        upsert_messages(db, ada.id, "s1", [("m1", "user", "hello", None, 7, 0, 0, 0, "2025-07-24T10:00:00Z")])
        db.execute("select sync_applying(false)")
    back = conversation(db, ada.id)
    assert (back["updated_at"].year, back["message_count"]) == (2001, 1)
    assert (usage_figures(db, ada.id), profile(db, ada.id)["message_count"]) == (before, counted)
    assert db.execute("select 1 from sterna.applying").fetchall() == []


@pytest.mark.parametrize("messages", [100, 3_000])
def test_one_message_more_reads_as_little_after_many_failed_ones_as_after_few(
    db: Db, ada: Person, messages: int
) -> None:
    db.execute("insert into chat_sessions (id, user_id) values ('long', %s)", (ada.id,))
    insert = (
        "insert into chat_messages (user_id, session_id, id, role, content, model, error_message)"
        " select %s, 'long', 'm' || n, 'assistant', '', 'g', case when n > 3 then 'failed' end"
        " from generate_series(%s::integer, %s::integer) as n"
    )
    db.execute(insert, (ada.id, 1, messages))
    db.execute("analyze")
    read = []
    with db.transaction():
        for n in (messages + 1, messages + 2):
            db.execute(insert, (ada.id, n, n))
            row = db.execute(
                "select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer as rows"
                " from pg_stat_xact_user_tables where relname = 'chat_messages'"
            ).fetchone()
            read.append((row or {})["rows"])
    assert read[1] - read[0] < 25
    assert conversation(db, ada.id, "long")["message_count"] == 3
