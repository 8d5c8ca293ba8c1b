"""The shape of the file: tables, columns, indexes and triggers by name, and the whole as text for a reviewer."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from recount import Mirror, mirror

from sterna.storage.database.migrations import steps
from tests.databases import closed_at_the_end

GOLDEN = Path(__file__).with_name("schema.sql")

# docs/specification/schema.md#tables: the columns of 001 in their order, and behind them those of other sources
COLUMNS = {
    "auth_users": """
        id email raw_user_meta_data last_sign_in_at created_at updated_at
    """,
    "profiles": """
        id email full_name avatar_url default_model temperature system_prompt subscription_tier credits
        created_at updated_at last_active usage_stats allowed_models ui_preferences session_preferences
        clerk_id last_session_id total_conversations total_searches message_count token_usage
        subscription_status
    """,
    "user_activity_log": """
        id user_id action resource_type resource_id details timestamp ip_address user_agent
    """,
    "chat_sessions": """
        local_id id user_id title created_at updated_at last_activity message_count total_tokens last_model
        is_active last_message_preview last_message_timestamp last_message pinned archived
    """,
    "chat_messages": """
        local_id id session_id role content model total_tokens input_tokens output_tokens user_message_id
        content_type elapsed_time completion_id message_timestamp error_message is_streaming metadata
        elapsed_ms raw_message reasoning reasoning_details has_attachments attachment_count has_websearch
        websearch_result_count output_image_tokens annotations parent_id
    """,
    "user_usage_daily": """
        id user_id usage_date messages_sent messages_received input_tokens output_tokens total_tokens
        models_used sessions_created active_minutes estimated_cost created_at updated_at generation_ms
    """,
    "search_sessions": """
        id user_id filters results results_count status created_at
    """,
    "user_sessions": """
        id user_id session_token user_identifier started_at ended_at message_count user_agent referrer
        device_type device_info metadata created_at updated_at
    """,
    "visit_messages": """
        id session_id message_type content embedding similar_qa_matches similarity_scores processing_time_ms
        error_message sequence_order message_id created_at
    """,
    "user_interactions": """
        id session_id user_id event_type content_id duration event_data created_at
    """,
    "deleted_items": """
        user_id kind id session_id deleted_at
    """,
    "model_access": """
        id model_id tier is_active input_cost_per_token output_cost_per_token daily_limit monthly_limit
        model_name model_description model_tags created_at updated_at
    """,
    "system_cache": """
        cache_key cache_value expires_at created_at updated_at
    """,
    "system_stats": """
        id stat_date total_users active_users_today new_users_today total_conversations total_messages
        total_tokens avg_response_time error_rate database_size_mb created_at
    """,
}

# docs/specification/schema.md#indexes; -name: descending
INDEXES = {
    "idx_profiles_email": ("profiles", "email"),
    "idx_profiles_last_active": ("profiles", "last_active"),
    "idx_profiles_subscription_tier": ("profiles", "subscription_tier"),
    "idx_activity_log_user_id": ("user_activity_log", "user_id"),
    "idx_activity_log_timestamp": ("user_activity_log", "timestamp"),
    "idx_activity_log_action": ("user_activity_log", "action"),
    "idx_chat_sessions_user_id": ("chat_sessions", "user_id"),
    "idx_chat_sessions_updated_at": ("chat_sessions", "-updated_at"),
    "idx_chat_sessions_user_updated": ("chat_sessions", "user_id -updated_at"),
    "idx_chat_messages_session_id": ("chat_messages", "session_id"),
    "idx_chat_messages_timestamp": ("chat_messages", "message_timestamp"),
    "idx_chat_messages_session_timestamp": ("chat_messages", "session_id message_timestamp id"),
    "idx_chat_messages_completion_id": ("chat_messages", "completion_id"),
    "idx_chat_messages_user_message_id": ("chat_messages", "user_message_id"),
    "idx_chat_messages_tokens_role": ("chat_messages", "role input_tokens output_tokens"),
    "idx_usage_daily_user_date": ("user_usage_daily", "user_id -usage_date"),
    "idx_usage_daily_date": ("user_usage_daily", "-usage_date"),
    "idx_model_access_tier": ("model_access", "tier is_active"),
    "idx_model_access_model_id": ("model_access", "model_id is_active"),
    "idx_system_cache_expires": ("system_cache", "expires_at"),
    "idx_system_stats_date": ("system_stats", "-stat_date"),
    # those of visits (002), chat memory (003) and interaction analytics (004)
    "idx_chat_sessions_started_at": ("user_sessions", "started_at"),
    "idx_chat_sessions_user_identifier": ("user_sessions", "user_identifier"),
    "idx_visit_messages_session_id": ("visit_messages", "session_id"),
    "idx_chat_messages_created_at": ("visit_messages", "created_at"),
    "idx_chat_messages_type": ("visit_messages", "message_type"),
    "idx_chat_memory_session_id": ("chat_messages", "session_id"),
    "idx_user_interactions_session": ("user_interactions", "session_id created_at"),
    "idx_user_interactions_user": ("user_interactions", "user_id created_at"),
}
PARTIAL = {
    "idx_chat_messages_user_message_id",
    "idx_chat_messages_tokens_role",
    "idx_system_cache_expires",
    "idx_chat_memory_session_id",
}

TRIGGERS = {
    "update_profiles_updated_at": "profiles",
    "update_users_timestamp": "profiles",
    "trigger_update_chat_sessions_timestamp": "chat_sessions",
    "on_auth_user_profile_sync": "auth_users",
    "on_message_change": "chat_messages",
    "on_message_change_update": "chat_messages",
    "on_message_change_delete": "chat_messages",
    "on_session_updated": "chat_sessions",
    "on_session_created": "chat_sessions",
    "on_chat_session_created": "chat_sessions",
    "on_chat_message_created": "chat_messages",
    "on_search_session_created": "search_sessions",
    "own_user_session": "user_sessions",
    "on_visit_message_created": "visit_messages",
    "on_visit_message_deleted": "visit_messages",
    "own_user_interaction": "user_interactions",
    "on_user_interaction_created": "user_interactions",
}

UNIQUE = {
    "user_usage_daily": ["user_id", "usage_date"],
    "model_access": ["model_id", "tier"],
    "system_stats": ["stat_date"],
    "chat_sessions": ["id"],
    "chat_messages": ["id"],
}


@pytest.fixture
def store() -> Mirror:
    return mirror()


def columns(store: Mirror, index: str) -> str:
    rows = store.db.rows("select name, desc from pragma_index_xinfo(:index) where key order by seqno", index=index)
    return " ".join(f"-{row['name']}" if row["desc"] else row["name"] for row in rows)


def test_the_schema_is_what_the_reviewed_file_says() -> None:
    """``GOLDEN=write pytest tests/storage/test_schema.py`` writes the file anew."""
    db = closed_at_the_end(sqlite3.connect(":memory:", isolation_level=None))
    for file in steps():
        db.executescript(file.read_text("utf-8"))
    rows = db.execute(
        "select sql from sqlite_master where sql is not null and name not like 'sqlite%'"
        " and name not glob '*_search_*' order by type <> 'table', type <> 'view', type <> 'index', name"
    )
    shown = (
        "-- What storage/schema/*.sql makes, sorted by kind and name.\n\n"
        + "\n\n".join(f"{row[0]};" for row in rows)
        + "\n"
    )
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(shown, "utf-8")
    assert shown == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_the_specified_columns(store: Mirror, table: str) -> None:
    assert [row["name"] for row in store.db.rows("select name from pragma_table_info(:t)", t=table)] == COLUMNS[
        table
    ].split()


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_takes_only_values_of_its_columns_types(store: Mirror, table: str) -> None:
    assert store.db.rows("select strict from pragma_table_list where name = :t", t=table)[0][0] == 1


@pytest.mark.parametrize("index", INDEXES)
def test_a_specified_index_is_there(store: Mirror, index: str) -> None:
    table, expected = INDEXES[index]
    found = store.db.one("select partial from pragma_index_list(:table) where name = :index", table=table, index=index)
    assert found is not None
    assert bool(found["partial"]) == (index in PARTIAL)
    assert columns(store, index) == expected


@pytest.mark.parametrize("table", UNIQUE)
def test_what_must_be_unique_is(store: Mirror, table: str) -> None:
    uniques = store.db.rows('select name from pragma_index_list(:t) where "unique" = 1', t=table)
    assert " ".join(UNIQUE[table]) in [columns(store, row["name"]) for row in uniques]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_specified_trigger_is_there(store: Mirror, trigger: str) -> None:
    row = store.db.one("select tbl_name from sqlite_master where type = 'trigger' and name = :name", name=trigger)
    assert row is not None
    assert row["tbl_name"] == TRIGGERS[trigger]


def test_every_key_to_another_table_is_found_by_an_index(store: Mirror) -> None:
    """Without one, deleting or renaming a parent reads every child."""
    for table in COLUMNS:
        for key in store.db.rows('select "from" as name from pragma_foreign_key_list(:t)', t=table):
            if (table, key["name"]) == ("profiles", "last_session_id"):
                continue  # one row
            first = {
                columns(store, row["name"]).split()[0].lstrip("-")
                for row in store.db.rows("select name from pragma_index_list(:t)", t=table)
            }
            assert key["name"] in first, (table, key["name"])


def test_every_constraint_has_a_name() -> None:
    for file in steps():
        if file.name > "05":
            continue
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            words = line.strip().split("--")[0]
            bare = words.startswith(("check", "unique (", "primary key (", "foreign key"))
            previous = file.read_text("utf-8").splitlines()[number - 2]
            assert not bare or previous.strip().startswith("constraint"), f"{file.name}:{number}"


def test_a_fresh_file_knows_the_default_models(store: Mirror) -> None:
    rows = store.db.rows("select tier, count(*) from model_access where is_active group by tier")
    assert {row[0]: row[1] for row in rows} == {"free": 2, "pro": 3, "enterprise": 3}


def test_ids_that_sqlite_makes_are_random_uuids(store: Mirror) -> None:
    from uuid import UUID

    for row in store.db.rows("select id from model_access"):
        assert (UUID(row["id"]).version, str(UUID(row["id"]))) == (4, row["id"])


def test_the_summary_of_an_account_is_one_row(store: Mirror) -> None:
    row = store.db.one("select * from api_user_summary")
    assert row is not None
    names = """
        id email full_name avatar_url subscription_tier credits default_model temperature system_prompt ui_preferences
        session_preferences allowed_models last_active messages_today tokens_today total_sessions
    """
    assert list(row.keys()) == names.split()
    assert (row["messages_today"], row["tokens_today"], row["total_sessions"]) == (0, 0, 0)
    store.db.execute("update write_context set now = '2026-03-01T12:00:00.000000Z'")
    store.db.execute("insert into chat_sessions (id, user_id) select 's', id from profiles")
    store.db.execute(
        "insert into chat_messages (id, session_id, role, content, input_tokens) values ('m', 's', 'user', '', 4)"
    )
    row = store.db.one("select messages_today, tokens_today, total_sessions from api_user_summary")
    assert row is not None
    assert tuple(row) == (1, 4, 1)
