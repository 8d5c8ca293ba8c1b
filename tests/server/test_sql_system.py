"""Maintenance, and the export of an account."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from accounts import Db, acting_as, make_user

from sterna.server.identity import SERVER, Identity


@pytest.fixture
def al(db: Db) -> Identity:
    return Identity("authenticated", *make_user(db, name="Al"))


def call(db: Db, who: Identity, statement: str, *values: Any) -> Any:
    with acting_as(db, who):
        row = db.execute(f"select {statement} as answer", values).fetchone()
    assert row is not None
    return row["answer"]


def talk(db: Db, who: Identity) -> None:
    with acting_as(db, who):
        db.execute("insert into chat_sessions (id, user_id, title) values ('s', %s, 'Talk')", (who.user_id,))
        for name, at in (("later", "10:01"), ("first", "10:00")):
            db.execute(
                "insert into chat_messages (id, session_id, role, content, message_timestamp)"
                " values (%s, 's', 'user', %s, %s)",
                (name, name, f"2025-07-24T{at}:00Z"),
            )


def test_a_profile_is_told_whole(db: Db, al: Identity) -> None:
    before = call(db, al, "get_user_complete_profile(%s)", al.user_id)
    assert before["usage_stats"]["today"] is None
    talk(db, al)
    result = call(db, al, "get_user_complete_profile(%s)", al.user_id)
    assert (result["full_name"], result["preferences"]["model"]["temperature"]) == ("Al", 0.7)
    assert result["preferences"]["ui"]["theme"] == "dark"
    assert len(result["available_models"]) == 2
    assert [day["messages_sent"] for day in result["usage_stats"]["today"]] == [2]
    assert result["usage_stats"]["total"]["sessions_created"] == 1
    assert result["timestamps"].keys() == {"created_at", "updated_at", "last_active"}
    assert call(db, SERVER, "get_user_complete_profile(gen_random_uuid())") == {"error": "User not found"}


def test_an_export_holds_everything_in_order(db: Db, al: Identity) -> None:
    empty = call(db, al, "export_user_data(%s)", al.user_id)
    assert (empty["conversations"], empty["usage_stats"]) == ([], [])
    talk(db, al)
    result = call(db, al, "export_user_data(%s)", al.user_id)
    assert result["profile"]["email"] == al.email
    (conversation,) = result["conversations"]
    assert conversation["session"]["title"] == "Talk"
    assert [message["content"] for message in conversation["messages"]] == ["first", "later"]
    assert [entry["action"] for entry in result["activity_log"]] == ["profile_created"]
    assert [day["messages_sent"] for day in result["usage_stats"]] == [2]
    assert call(db, SERVER, "export_user_data(gen_random_uuid())") == {"error": "User not found"}


def test_the_summary_counts_today(db: Db, al: Identity) -> None:
    talk(db, al)
    with acting_as(db, al):
        (row,) = db.execute("select * from api_user_summary").fetchall()
    assert (row["id"], row["messages_today"], row["tokens_today"], row["total_sessions"]) == (al.user_id, 2, 0, 1)


def test_what_is_old_goes_and_what_is_not_stays(db: Db, al: Identity) -> None:
    db.execute("insert into system_cache values ('old', '1', now() - interval '1 day'), ('new', '1', null)")
    for age in (89, 91):
        db.execute(
            "insert into user_activity_log (user_id, action, timestamp)"
            " values (%s, %s, now() - make_interval(days => %s))",
            (al.user_id, f"aged {age}", age),
        )
        db.execute(
            "insert into user_usage_daily (user_id, usage_date)"
            " values (%s, (now() at time zone 'UTC')::date - %s::int)",
            (al.user_id, age),
        )
    nothing = call(db, SERVER, "cleanup_old_data(null)")["deleted_records"]
    assert nothing == {"activity_logs": 0, "usage_records": 0, "cache_entries": 0, "visits": 0}
    gone = call(db, SERVER, "cleanup_old_data()")
    assert gone["success"] is True
    assert gone["deleted_records"]["cache_entries"] == 1
    logged = db.execute("select action from user_activity_log where user_id = %s", (al.user_id,)).fetchall()
    assert {row["action"] for row in logged} == {"profile_created", "aged 89"}
    assert len(db.execute("select 1 from user_usage_daily where user_id = %s", (al.user_id,)).fetchall()) == 1
    assert [row["cache_key"] for row in db.execute("delete from system_cache returning cache_key")] == ["new"]
    stats = db.execute("select total_users from system_stats where stat_date = (now() at time zone 'UTC')::date")
    assert stats.fetchone() is not None


@pytest.mark.parametrize("days", [0, -1])
def test_everything_at_once_is_not_housekeeping(db: Db, days: int) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        call(db, SERVER, "cleanup_old_data(%s)", days)


def test_the_health_of_the_database_names_tables_and_indexes(db: Db, al: Identity) -> None:
    result = call(db, SERVER, "analyze_database_health()")
    assert "public.chat_messages" in result["table_sizes"]
    assert result["index_usage"]["idx_profiles_email"]["table"] == "profiles"
    assert result["total_users"] >= 1
    assert result["active_users_last_7_days"] >= 1
