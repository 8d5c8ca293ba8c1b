"""Cleaning up, measuring, and leaving with everything."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from recount import START, USER, Mirror, mirror, run, say

from sterna.storage import Invalid, NotFound
from sterna.storage.clock import stamp
from sterna.storage.database.maintenance import size_pretty
from sterna.storage.specification.functions import SpecifiedFunctions


@pytest.fixture
def store() -> Mirror:
    made = mirror()
    run(
        made, "insert into chat_sessions (id, user_id, title) values ('s', :user, 'Terns'), ('e', :user, '')", user=USER
    )
    say(made, "m1", content="Where do they go?", metadata='{"a":[1]}')
    say(made, "m2", role="assistant", model="g/m", content="South 🦜", reasoning="far", is_streaming=1)
    return made


def ago(days: float) -> str:
    return stamp(START - timedelta(days=days))


def old_things(store: Mirror) -> None:
    for days in (10, 89, 91):
        run(
            store,
            "insert into user_activity_log (user_id, action, timestamp) values (:u, 'x', :at)",
            u=USER,
            at=ago(days),
        )
        SpecifiedFunctions(store).track_user_usage(USER, 1, usage_date=ago(days)[:10])
    run(store, "insert into system_cache values ('old', '1', :t, :t, :t), ('kept', '1', null, :t, :t)", t=ago(1))


def test_cleaning_removes_what_is_older_than_asked_and_counts_it(store: Mirror) -> None:
    old_things(store)
    assert SpecifiedFunctions(store).cleanup_old_data() == {
        "success": True,
        "cleanup_date": "2026-03-01",
        "deleted_records": {"activity_logs": 1, "usage_records": 1, "visits": 0, "cache_entries": 1},
        "cleanup_completed_at": stamp(START),
    }
    assert [row[0] for row in store.db.rows("select cache_key from system_cache")] == ["kept"]
    gone = SpecifiedFunctions(store).cleanup_old_data(5)["deleted_records"]
    assert gone == {"activity_logs": 2, "usage_records": 2, "visits": 0, "cache_entries": 0}


def test_cleaning_writes_the_days_totals_once(store: Mirror) -> None:
    SpecifiedFunctions(store).cleanup_old_data()
    say(store, "m3")
    SpecifiedFunctions(store).cleanup_old_data()
    rows = store.db.rows("select stat_date, total_users, total_conversations, total_messages from system_stats")
    assert [tuple(row) for row in rows] == [("2026-03-01", 1, 2, 3)]


def test_cleaning_without_an_age_only_writes_totals(store: Mirror) -> None:
    old_things(store)
    answer = SpecifiedFunctions(store).cleanup_old_data(None)
    assert set(answer["deleted_records"].values()) == {0}
    assert len(store.db.rows("select 1 from system_stats")) == 1


@pytest.mark.parametrize("days", [0, -1])
def test_cleaning_never_removes_today(store: Mirror, days: int) -> None:
    old_things(store)
    with pytest.raises(Invalid):
        SpecifiedFunctions(store).cleanup_old_data(days)
    assert len(store.db.rows("select 1 from user_activity_log where action = 'x'")) == 3


def test_cleaning_keeps_what_sync_must_remember(store: Mirror) -> None:
    run(store, "insert into sync_tombstones (kind, id) values ('m', 'gone')")
    run(store, "delete from chat_sessions where id = 'e'")
    store.clock.move(days=900)
    SpecifiedFunctions(store).cleanup_old_data(1)
    assert ("m", "gone") in [tuple(row) for row in store.db.rows("select kind, id from sync_tombstones")]
    run(store, "insert into chat_sessions (id, user_id) values ('e', :user)", user=USER)
    assert store.usage.usage_today()["sessions_created"] == 0


def test_an_export_holds_every_word(store: Mirror) -> None:
    run(store, "insert into session_settings (session_id, key, value) values ('s', 'model', '\"g/m\"')")
    run(store, "insert into drafts (session_id, content, updated_at) values ('s', 'half a th', :t)", t=ago(0))
    run(
        store,
        "insert into attachments (id, media_type, size, created_at) values (:id, 'text/plain', 1, :t)",
        id="c" * 64,
        t=ago(0),
    )
    whole = store.maintenance.export_user_data(USER)
    assert (whole["export_date"], whole["user_id"]) == (stamp(START), USER)
    assert whole["profile"]["ui_preferences"]["theme"] == "dark"
    assert [entry["session"]["title"] for entry in whole["conversations"]] == ["", "Terns"]
    assert whole["conversations"][0]["messages"] == []
    terns = whole["conversations"][1]
    assert terns["settings"] == {"model": "g/m"}
    first, second = terns["messages"]
    assert (first["content"], first["metadata"], first["is_streaming"]) == ("Where do they go?", {"a": [1]}, False)
    assert (second["content"], second["reasoning"], second["is_streaming"]) == ("South 🦜", "far", True)
    assert "local_id" not in first
    assert "standing" not in first
    assert whole["activity_log"][0]["action"] == "profile_created"
    assert whole["usage_stats"][0]["models_used"] == {"g/m": 1}
    assert whole["drafts"] == [{"session_id": "s", "content": "half a th", "attachments": [], "updated_at": ago(0)}]
    assert [attached["id"] for attached in whole["attachments"]] == ["c" * 64]


def test_a_table_of_a_person_is_never_forgotten_by_the_export(store: Mirror) -> None:
    """A new table is either exported or named here, with the reason why it says nothing of its own."""
    derived = {
        *("session_counts", "deleted_sessions", "session_marks", "local_state"),  # counts and the state of the screen
        *("system_cache", "system_stats", "model_access"),  # nobody's
        *("message_search", "title_search", "search_backlog"),  # an index of what is exported
        "auth_users",  # the profile has it
        "trash",  # comes with its rows
        "account_pending",  # says again what the profile says
        *("memory_input", "write_context"),  # empty but inside a transaction
        *("branched_conversations", "hidden_messages"),  # what parents of messages and the setting "leaf" say
        *("import_runs", "import_changes"),  # what an import brought and can be taken back
        *("meaning_state", "meaning_changes"),  # how far vectors are made, of what is exported
        "message_attachments",  # what the metadata of messages says
    }
    exported = {
        "profiles",
        "chat_sessions",
        "chat_messages",
        "session_settings",
        "user_activity_log",
        "user_usage_daily",
        "search_sessions",
        "deleted_items",
        *("user_sessions", "visit_messages", "user_interactions"),
        "attachments",
    }
    local = {"interactions_waiting", "drafts", "live_replies", "sync_private", "sync_conflict", "trash_rows"}
    tables = {
        row["name"]
        for row in store.db.rows(
            "select name from pragma_table_list where schema = 'main' and type in ('table', 'virtual')"
            " and name not glob 'sqlite_*' and name not glob '_sqlite*'"
        )
    }
    sync = {name for name in tables if name.startswith("sync_")} - local  # state of sync
    assert tables - sync - derived - exported - local == set()


def test_a_written_export_says_the_same_as_the_object(store: Mirror) -> None:
    old_things(store)
    pieces: list[str] = []
    assert store.maintenance.export_json(USER, pieces.append) == 2
    assert json.loads("".join(pieces)) == store.maintenance.export_user_data(USER)
    assert max(map(len, pieces)) < 3000  # nothing is gathered up


def test_an_export_of_an_empty_account_is_whole_too() -> None:
    store = mirror()
    whole = store.maintenance.export_user_data(USER)
    assert (whole["conversations"], whole["usage_stats"], whole["drafts"]) == ([], [], [])
    pieces: list[str] = []
    assert store.maintenance.export_json(USER, pieces.append) == 0
    assert json.loads("".join(pieces)) == whole


def test_a_stranger_has_nothing_to_take_along(store: Mirror) -> None:
    with pytest.raises(NotFound):
        store.maintenance.export_user_data("nobody")
    with pytest.raises(NotFound):
        store.maintenance.export_json("nobody", print)
    assert not store.db.connection.in_transaction


def test_the_health_report_names_sizes_totals_and_indexes(store: Mirror) -> None:
    run(store, "update user_activity_log set timestamp = :t", t=ago(8))
    report = store.maintenance.analyze_database_health()
    assert report["timestamp"] == stamp(START)
    assert (report["total_users"], report["total_conversations"], report["total_messages"]) == (1, 2, 2)
    assert report["active_users_last_7_days"] == 0
    assert report["database_size"] == size_pretty(store.maintenance.database_size())
    assert report["table_sizes"]["main.chat_messages"].split()[1] in ("bytes", "kB")
    serves = report["index_usage"]["idx_chat_sessions_user_updated"]
    assert (serves["table"], serves["columns"]) == ("chat_sessions", ["user_id", "updated_at"])
    store.profiles.log_user_activity(USER, "x")
    assert store.maintenance.analyze_database_health()["active_users_last_7_days"] == 1


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (10239, "10239 bytes"), (10240, "10 kB"), (20 * 2**20, "20 MB"), (3 * 2**40, "3072 GB")],
)
def test_sizes_are_written_as_postgresql_does(size: int, shown: str) -> None:
    assert size_pretty(size) == shown
