"""Effects of each trigger, one at a time."""

from __future__ import annotations

import json
import sqlite3

import pytest
from recount import START, USER, Mirror, day, mirror, profile, run, say, session

from sterna.storage import StoreError
from sterna.storage.clock import stamp

NOON = stamp(START)
ZERO = (0, 0, 0, 0, 0)


@pytest.fixture(params=[False, True], ids=["plain", "recursive triggers"])
def store(request: pytest.FixtureRequest) -> Mirror:
    made = mirror(recursive=request.param)
    run(made, "insert into chat_sessions (id, user_id) values ('s', :user), ('t', :user)", user=USER)
    return made


def use(store: Mirror) -> tuple[int, int, int, int, int]:
    today = day(store)
    return (
        today["messages_sent"],
        today["messages_received"],
        today["input_tokens"],
        today["output_tokens"],
        today["generation_ms"],
    )


def test_every_write_to_a_profile_stamps_it(store: Mirror) -> None:
    store.clock.move(minutes=1)
    run(store, "update profiles set credits = 5, updated_at = '2001-01-01T00:00:00.000000Z'")
    assert profile(store)["updated_at"] == stamp(store.clock())


def test_a_new_profile_says_since_when_it_counts_as_postgresql_would_write_it(store: Mirror) -> None:
    assert profile(store)["usage_stats"]["last_reset"] == "2026-03-01 12:00:00+00"
    store.clock.move(milliseconds=120)
    store.profiles.ensure_profile("other", "b@example.org")
    row = store.db.one("select usage_stats from profiles where id = 'other'")
    assert row is not None
    assert json.loads(row[0])["last_reset"] == "2026-03-01 12:00:00.12+00"


def test_the_outside_name_of_an_account_follows_its_id_until_it_has_one_of_its_own(store: Mirror) -> None:
    assert profile(store)["clerk_id"] == USER
    run(store, "update auth_users set id = 'server'")
    assert profile(store)["clerk_id"] == "server"
    run(store, "update profiles set clerk_id = 'user_1'")
    run(store, "update auth_users set id = 'another'")
    assert profile(store)["clerk_id"] == "user_1"


def test_an_account_that_takes_another_id_keeps_everything(store: Mirror) -> None:
    say(store, "m", input_tokens=3)
    run(store, "update auth_users set id = 'server'")
    assert session(store)["user_id"] == "server"
    assert day(store)["user_id"] == "server"
    assert {row[0] for row in store.db.rows("select user_id from user_activity_log")} == {"server"}
    assert store.db.rows("pragma foreign_key_check") == []


def test_a_later_sign_in_with_less_to_say_keeps_the_name_and_the_picture(store: Mirror) -> None:
    store.profiles.ensure_profile(USER, "ada@example.org", {"name": "Ada", "avatar_url": "http://a/b"})
    store.profiles.ensure_profile(USER, "new@example.org", {})
    shown = profile(store)
    assert (shown["full_name"], shown["avatar_url"], shown["email"]) == ("Ada", "http://a/b", "new@example.org")


def test_a_sign_in_without_an_address_is_no_reason_to_fail() -> None:
    store = mirror(user="u")
    run(store, "insert into auth_users (id, email) values ('none', null)")
    row = store.db.one("select email, full_name from profiles where id = 'none'")
    assert row is not None
    assert tuple(row) == ("", "")


def test_a_profile_that_went_missing_is_made_by_the_next_sign_in(store: Mirror) -> None:
    run(store, "delete from profiles")
    store.profiles.ensure_profile(USER, "ada@example.org")
    assert [row[0] for row in store.db.rows("select action from user_activity_log")] == ["profile_created"]


def test_a_profile_is_made_once(store: Mirror) -> None:
    store.clock.move(days=1)
    store.profiles.ensure_profile(USER, "ada@example.org")
    made = store.db.rows("select 1 from user_activity_log where action = 'profile_created'")
    assert (len(made), profile(store)["created_at"]) == (1, NOON)


def test_a_second_sync_is_logged_again_after_a_minute(store: Mirror) -> None:
    for _ in range(3):
        store.profiles.ensure_profile(USER, "ada@example.org")
        store.clock.move(seconds=31)
    logged = store.db.rows(
        "select details from user_activity_log where action = 'profile_synced' order by timestamp, rowid"
    )
    assert [json.loads(row[0])["new_user_sync"] for row in logged] == [True, True]
    store.clock.move(minutes=5)
    store.profiles.ensure_profile(USER, "ada@example.org")
    logged = store.db.rows(
        "select details from user_activity_log where action = 'profile_synced' order by timestamp, rowid"
    )
    assert [json.loads(row[0])["new_user_sync"] for row in logged] == [True, True, False]


def test_a_rename_is_activity_whatever_time_it_claims(store: Mirror) -> None:
    store.clock.move(hours=2)
    run(store, "update chat_sessions set title = 'x', updated_at = '2001-01-01T00:00:00.000000Z' where id = 's'")
    assert session(store)["updated_at"] == session(store)["last_activity"] == stamp(store.clock())
    assert session(store, "t")["updated_at"] != stamp(store.clock())


def test_rows_from_elsewhere_keep_their_times_and_count_no_use(store: Mirror) -> None:
    before = profile(store)
    with store.db.write():
        store.db.execute("update write_context set applying = 1")
        store.db.execute(
            "insert into chat_sessions (id, user_id, updated_at, last_activity) values ('e', :u, :t, :t)",
            {"u": USER, "t": "2001-01-01T00:00:00.000000Z"},
        )
        say(store, "m1", "e", input_tokens=4, total_tokens=4)
        say(store, "m2", "e", role="assistant", model="g/m", output_tokens=9, elapsed_ms=10)
        store.db.execute("update chat_sessions set title = 'There' where id = 'e'")
        store.db.execute("update write_context set applying = 0")
    shown = session(store, "e")
    assert (shown["message_count"], shown["last_model"], shown["total_tokens"]) == (2, "g/m", 4)
    assert shown["updated_at"] == shown["last_activity"] == "2001-01-01T00:00:00.000000Z"
    assert profile(store) == before
    assert use(store) == ZERO


def test_a_tool_that_knows_nothing_of_the_clock_is_served_too(store: Mirror) -> None:
    store.db.execute(
        "insert into chat_messages (id, session_id, role, content) values ('m', 's', 'user', 'from a shell')"
    )
    assert session(store)["last_message_preview"] == "from a shell"
    assert session(store)["updated_at"] > "2026-03-01T12:00:00.000000Z"
    assert len(session(store)["updated_at"]) == len(NOON)


def test_a_new_conversation_counts_once_and_is_the_last(store: Mirror) -> None:
    assert day(store)["sessions_created"] == profile(store)["total_conversations"] == 2
    assert profile(store)["last_session_id"] == "t"
    run(
        store,
        "insert into chat_sessions (id, user_id) values ('s', :u) on conflict (id) do update set title = 'n'",
        u=USER,
    )
    assert profile(store)["usage_stats"]["sessions_created"] == day(store)["sessions_created"] == 2


def test_a_conversation_made_again_after_it_was_deleted_is_not_a_new_one(store: Mirror) -> None:
    run(store, "delete from chat_sessions where id = 't'")
    assert profile(store)["last_session_id"] is None
    run(store, "insert into chat_sessions (id, user_id) values ('t', :user)", user=USER)
    assert day(store)["sessions_created"] == profile(store)["total_conversations"] == 2
    assert profile(store)["last_session_id"] == "t"


def test_the_newest_is_by_time_then_by_id(store: Mirror) -> None:
    say(store, "m2", content="second", role="assistant", model="b")
    say(store, "m9", content="third", role="assistant", model="c")
    say(store, "m1", content="first", role="assistant", model="a")
    say(store, "m0", content="older", message_timestamp="2026-03-01T11:59:59.999999Z")
    assert (session(store)["last_message_preview"], session(store)["last_model"]) == ("third", "c")
    assert session(store)["last_message_timestamp"] == NOON


def test_the_last_model_outlives_a_message_that_names_none(store: Mirror) -> None:
    say(store, "m1", role="assistant", model="g/m", message_timestamp="2026-03-01T10:00:00.000000Z")
    say(store, "m2", content="thanks")
    assert (session(store)["last_model"], session(store)["last_message_preview"]) == ("g/m", "thanks")


def test_a_system_message_is_counted_and_dated_but_never_shown(store: Mirror) -> None:
    say(store, "m1", content="hello", message_timestamp="2026-03-01T10:00:00.000000Z")
    say(store, "m2", role="system", content="be brief", model="x", total_tokens=3)
    shown = session(store)
    assert (shown["message_count"], shown["total_tokens"], shown["last_message_timestamp"]) == (2, 3, NOON)
    assert (shown["last_message_preview"], shown["last_model"]) == ("hello", None)
    assert use(store) == (1, 0, 0, 0, 0)
    assert profile(store)["message_count"] == 2


def test_the_last_message_is_kept_whole(store: Mirror) -> None:
    say(store, "m1", role="assistant", model='q"', content='long "text" ' * 40)
    assert json.loads(session(store)["last_message"]) == {
        "id": "m1",
        "role": "assistant",
        "content": 'long "text" ' * 40,
        "model": 'q"',
        "created_at": NOON,
    }


def test_a_failed_message_counts_nowhere_until_it_is_repaired(store: Mirror) -> None:
    say(store, "m1", role="assistant", model="g/m", output_tokens=9, total_tokens=9, elapsed_ms=70, error_message="no")
    assert (session(store)["message_count"], session(store)["last_message_preview"]) == (0, None)
    assert use(store) == ZERO
    assert profile(store)["message_count"] == 0
    run(store, "update chat_messages set error_message = '' where id = 'm1'")
    assert (session(store)["message_count"], session(store)["total_tokens"], session(store)["last_model"]) == (
        1,
        9,
        "g/m",
    )
    assert use(store) == (0, 1, 0, 9, 70)
    assert (profile(store)["message_count"], profile(store)["token_usage"]) == (1, 9)
    assert day(store)["models_used"] == {"g/m": 1}


def test_a_correction_of_tokens_adds_the_difference(store: Mirror) -> None:
    say(store, "m1", role="assistant", output_tokens=9, total_tokens=20)
    run(store, "update chat_messages set output_tokens = 5, total_tokens = 12 where id = 'm1'")
    assert session(store)["total_tokens"] == 12
    assert use(store) == (0, 1, 0, 5, 0)
    assert profile(store)["usage_stats"]["total_tokens"] == 5


def test_sending_the_same_again_on_a_later_day_opens_no_day(store: Mirror) -> None:
    say(store, "m1", role="assistant", model="g/m", output_tokens=9)
    store.clock.move(days=1)
    say(store, "m1", role="assistant", model="g/m", output_tokens=9)
    assert [row[0] for row in store.db.rows("select usage_date from user_usage_daily")] == ["2026-03-01"]


def test_no_counter_of_a_day_falls_below_zero(store: Mirror) -> None:
    say(store, "m1", input_tokens=3)
    say(store, "m2", role="assistant", output_tokens=9, elapsed_ms=4)
    store.clock.move(days=1)
    run(store, "update chat_messages set error_message = 'lost'")
    assert use(store) == ZERO
    assert (day(store)["total_tokens"], day(store)["active_minutes"]) == (0, 0)


def test_a_correction_on_a_later_day_is_that_days_and_stops_at_zero(store: Mirror) -> None:
    say(store, "m1", role="assistant", model="g/m", output_tokens=9)
    store.clock.move(days=1)
    run(store, "update chat_messages set error_message = 'lost' where id = 'm1'")
    assert use(store) == ZERO
    assert day(store)["models_used"] == {}
    assert day(store, "2026-03-01")["output_tokens"] == 9
    assert profile(store)["usage_stats"]["total_tokens"] == 0


def test_a_reply_that_changes_its_model_moves_one_use(store: Mirror) -> None:
    say(store, "m1", role="assistant", model='weird".$[0]')
    say(store, "m2", role="assistant", model='weird".$[0]')
    assert day(store)["models_used"] == {'weird".$[0]': 2}
    run(store, "update chat_messages set model = 'é/b' where id = 'm1'")
    assert day(store)["models_used"] == {'weird".$[0]': 1, "é/b": 1}


def test_a_person_who_names_a_model_does_not_use_it(store: Mirror) -> None:
    say(store, "m1", model="g/m", input_tokens=3, output_tokens=99, elapsed_ms=9)
    assert day(store)["models_used"] == {}
    assert use(store) == (1, 0, 3, 0, 0)


def test_a_message_that_moves_is_counted_where_it_is(store: Mirror) -> None:
    say(store, "m1", content="one", total_tokens=1)
    say(store, "m2", content="two", total_tokens=2)
    run(store, "update chat_messages set session_id = 't' where id = 'm2'")
    assert (session(store)["message_count"], session(store)["total_tokens"]) == (1, 1)
    assert (session(store, "t")["message_count"], session(store, "t")["total_tokens"]) == (1, 2)
    assert (session(store)["last_message_preview"], session(store, "t")["last_message_preview"]) == ("one", "two")
    assert use(store) == (2, 0, 0, 0, 0)


def test_deleting_takes_from_the_conversation_but_not_from_the_use(store: Mirror) -> None:
    say(store, "m1", content="one", total_tokens=1, message_timestamp="2026-03-01T10:00:00.000000Z")
    say(store, "m2", content="two", total_tokens=2, input_tokens=2)
    run(store, "delete from chat_messages where id = 'm2'")
    shown = session(store)
    assert (shown["message_count"], shown["total_tokens"], shown["last_message_preview"]) == (1, 1, "one")
    assert use(store) == (2, 0, 2, 0, 0)
    assert profile(store)["message_count"] == 2


def test_deleting_a_conversation_leaves_nothing_of_it(store: Mirror) -> None:
    say(store, "m1", input_tokens=2)
    run(store, "delete from chat_sessions where id = 's'")
    assert store.db.rows("select 1 from chat_messages") == []
    assert store.db.rows("select 1 from session_counts") == []
    assert use(store) == (1, 0, 2, 0, 0)


def test_an_import_is_counted_by_the_one_who_imports(store: Mirror) -> None:
    with store.db.write():
        store.db.execute("update write_context set bulk = 1")
        say(store, "m1", total_tokens=5, input_tokens=5)
        store.db.execute("update write_context set bulk = 0")
    assert session(store)["message_count"] == 0
    assert use(store) == ZERO
    store.usage.recompute_sessions(["s"])
    assert (session(store)["message_count"], session(store)["total_tokens"]) == (1, 5)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"elapsed_ms": 1499}, (1499, 1)),
        ({"elapsed_ms": 1500}, (1500, 2)),
        ({"elapsed_time": 5}, (5000, 5)),
        ({"elapsed_time": 9, "elapsed_ms": 400}, (400, 0)),
        ({"elapsed_time": None, "elapsed_ms": None}, (None, None)),
        ({}, (0, 0)),
    ],
)
def test_seconds_and_milliseconds_say_the_same(
    store: Mirror, written: dict[str, int | None], kept: tuple[int | None, int | None]
) -> None:
    say(store, "m1", role="assistant", **written)
    row = store.db.one("select elapsed_ms, elapsed_time from chat_messages")
    assert row is not None
    assert tuple(row) == kept
    assert use(store)[4] == (kept[0] or 0)


def test_a_later_correction_of_either_moves_the_other(store: Mirror) -> None:
    say(store, "m1", role="assistant", elapsed_ms=5234)
    run(store, "update chat_messages set elapsed_time = 5")  # what an older client sends back
    assert tuple(store.db.rows("select elapsed_ms, elapsed_time from chat_messages")[0]) == (5234, 5)
    run(store, "update chat_messages set elapsed_time = 7")
    assert tuple(store.db.rows("select elapsed_ms, elapsed_time from chat_messages")[0]) == (7000, 7)
    run(store, "update chat_messages set elapsed_ms = 800")
    assert tuple(store.db.rows("select elapsed_ms, elapsed_time from chat_messages")[0]) == (800, 1)
    assert use(store)[4] == 800
    assert day(store)["active_minutes"] == 1


def test_a_conversation_made_again_in_a_shell_without_foreign_keys_counts_from_nothing(store: Mirror) -> None:
    store.db.execute("pragma foreign_keys = off")  # as the sqlite3 shell has it
    say(store, "m1", total_tokens=5)
    run(store, "delete from chat_sessions where id = 's'")
    run(store, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)
    say(store, "m2", total_tokens=7)
    assert (session(store)["message_count"], session(store)["total_tokens"]) == (1, 7)


def test_statistics_are_not_a_persons_changes(store: Mirror) -> None:
    run(store, "delete from sync_outbox")
    say(store, "m1", role="assistant", model="g/m", elapsed_time=3)
    assert [tuple(row) for row in store.db.rows("select kind, id from sync_outbox")] == [("m", "m1")]


BAD = {
    "another role": "insert into chat_messages (id, session_id, role, content) values ('m', 's', 'tool', '')",
    "no such conversation": "insert into chat_messages (id, session_id, role, content) values ('m', 'x', 'user', '')",
    "an older form of time": "insert into chat_messages (id, session_id, role, content, message_timestamp)"
    " values ('m', 's', 'user', '', '2026-03-01 12:00:00')",
    "metadata that is no json": "insert into chat_messages (id, session_id, role, content, metadata)"
    " values ('m', 's', 'user', '', '{')",
    "a title of 256 characters": "update chat_sessions set title = replace(hex(zeroblob(128)), '0', 'é')",
    "a model name of 101 characters": "insert into chat_messages (id, session_id, role, content, model)"
    " values ('m', 's', 'user', '', replace(hex(zeroblob(51)), '0', 'x'))",
    "a number that is text": "update chat_sessions set message_count = 'many'",
    "four attachments": "insert into chat_messages (id, session_id, role, content, attachment_count)"
    " values ('m', 's', 'user', '', 4)",
    "an id that is taken": "insert into chat_sessions (id, user_id) select id, user_id from chat_sessions",
    "a tier nobody sells": "update profiles set subscription_tier = 'admin'",
}


@pytest.mark.parametrize("sql", BAD.values(), ids=BAD.keys())
def test_what_the_schema_does_not_take_changes_nothing(store: Mirror, sql: str) -> None:
    before = (session(store), profile(store))
    with pytest.raises(StoreError):
        run(store, sql)
    assert (session(store), profile(store)) == before


def test_the_schema_is_refused_by_no_check_of_sqlite() -> None:
    store = mirror()
    say_hello(store)
    assert [row[0] for row in store.db.rows("pragma integrity_check")] == ["ok"]
    assert store.db.rows("pragma foreign_key_check") == []


def say_hello(store: Mirror) -> None:
    run(store, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)
    say(store, "m1", content="hello")


def test_a_failure_in_the_middle_leaves_no_counter_behind() -> None:
    store = mirror()
    say_hello(store)
    before = (session(store), day(store), profile(store))

    def failing() -> None:
        with store.db.write():
            say(store, "m2", content="lost", input_tokens=4)
            raise sqlite3.OperationalError("the power went")

    with pytest.raises(sqlite3.OperationalError):
        failing()
    assert (session(store), day(store), profile(store)) == before
