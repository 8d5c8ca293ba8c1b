"""Rules for every table, key and function, including those that are added later."""

from __future__ import annotations

import pytest
from accounts import Db

NATURAL = {"model_access", "system_cache", "system_stats"}
"""Tables without an owner, with keys of their own. See docs/specification/decisions.md#tables-without-a-person."""

ITSELF = {"profiles"}
"""Tables whose id is the account's."""

NAMES = {"users_clerk_id_idx"}
"""Unique across accounts: the name in an external sign-in."""

HARMLESS = {"current_profile_id", "jsonb_deep_merge", "message_standing"}
"""Functions that anybody may call: they return data of the caller, or only compute."""

KEYS = """
select t.relname as table, i.relname as name, pg_get_indexdef(x.indexrelid, 1, true) as first
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
join pg_class as t on t.oid = x.indrelid
where t.relnamespace = 'public'::regnamespace and x.indisunique
"""

REFERENCES = """
select t.relname as table, c.conname as name, c.confrelid::regclass::text as to,
    (select attname from pg_attribute where attrelid = c.conrelid and attnum = c.conkey[1]) as first
from pg_constraint as c
join pg_class as t on t.oid = c.conrelid
where t.relnamespace = 'public'::regnamespace and c.contype = 'f'
"""


def test_every_table_shows_its_rows_by_policy_even_to_its_owner(db: Db) -> None:
    rows = db.execute(
        "select relnamespace::regnamespace::text || '.' || relname as name from pg_class"
        " where relkind in ('r', 'p') and relnamespace::regnamespace::text in ('public', 'auth', 'sterna')"
        " and not (relrowsecurity and relforcerowsecurity)"
    ).fetchall()
    assert rows == []


def test_every_key_begins_with_the_person(db: Db) -> None:
    values = [
        row
        for row in db.execute(KEYS).fetchall()
        if row["table"] not in NATURAL | ITSELF and row["first"] != "user_id" and row["name"] not in NAMES
    ]
    assert values == []
    own = {row["name"]: row["first"] for row in db.execute(KEYS).fetchall() if row["table"] in ITSELF}
    assert own == {"profiles_pkey": "id", "users_clerk_id_idx": "clerk_id"}


ELSEWHERE = """
select t.relnamespace::regnamespace::text || '.' || t.relname as table, i.relname as name,
    pg_get_indexdef(x.indexrelid, 1, true) as first
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
join pg_class as t on t.oid = x.indrelid
where t.relnamespace::regnamespace::text in ('public', 'sterna', 'auth') and x.indisunique
    and pg_get_indexdef(x.indexrelid, 1, true) <> 'user_id'
"""
OF_A_CELL = {
    "auth.users": {"users_pkey": "id", "users_email_key": "lower(email::text)"},
    "public.model_access": {"model_access_pkey": "id", "model_access_model_id_tier_key": "model_id"},
    "public.profiles": {"profiles_pkey": "id", "users_clerk_id_idx": "clerk_id"},
    "public.system_cache": {"system_cache_pkey": "cache_key"},
    "public.system_stats": {"system_stats_pkey": "id", "system_stats_stat_date_key": "stat_date"},
    "sterna.applying": {"applying_pkey": "txid"},
    "sterna.device_codes": {"device_codes_pkey": "hash", "device_codes_user_code_key": "user_code"},
    "sterna.invitations": {"invitations_pkey": "hash"},
    "sterna.rate_counts": {"rate_counts_pkey": "key"},
    "sterna.recovery_codes": {"recovery_codes_pkey": "hash"},
    "sterna.refresh_tokens": {"refresh_tokens_pkey": "hash"},
    "sterna.schema_files": {"schema_files_pkey": "name"},
    "sterna.secrets": {"secrets_pkey": "name"},
    "sterna.session_tokens": {"session_tokens_pkey": "session_token", "session_tokens_id_key": "id"},
}
"""Values that are unique in one database, and therefore in each cell separately."""


def test_every_unique_key_that_does_not_begin_with_the_person_is_known_by_name(db: Db) -> None:
    """People divided over several databases share none of these; a new one is a decision, not an accident."""
    values: dict[str, dict[str, str]] = {}
    for row in db.execute(ELSEWHERE).fetchall():
        values.setdefault(row["table"], {})[row["name"]] = row["first"]
    assert values == OF_A_CELL


def test_every_reference_begins_with_the_person(db: Db) -> None:
    values = [
        row
        for row in db.execute(REFERENCES).fetchall()
        if row["first"] != ("id" if row["table"] in ITSELF else "user_id")
    ]
    assert values == []


def test_only_harmless_functions_are_for_everybody(db: Db) -> None:
    rows = db.execute(
        "select p.proname from pg_proc as p"
        " where p.pronamespace::regnamespace::text in ('public', 'sterna') and p.prokind = 'f'"
        " and has_function_privilege('anon', p.oid, 'execute')"
        " and not exists (select 1 from pg_depend as d where d.objid = p.oid and d.deptype = 'e')"
    ).fetchall()
    assert {row["proname"] for row in rows} <= HARMLESS


def test_functions_that_run_as_their_owner_say_where_their_names_are(db: Db) -> None:
    """Without a search_path of their own, a caller's tables would be taken for the schema's."""
    rows = db.execute(
        "select proname from pg_proc where pronamespace::regnamespace::text in ('public', 'sterna', 'auth')"
        " and prosecdef and not exists (select 1 from unnest(proconfig) as c where c like 'search_path=%')"
    ).fetchall()
    assert rows == []


def test_everything_belongs_to_a_role_that_is_no_superuser(db: Db) -> None:
    owners = db.execute(
        "select distinct o.rolname, o.rolsuper, o.rolbypassrls, o.rolcanlogin from pg_class as c"
        " join pg_roles as o on o.oid = c.relowner where c.relnamespace::regnamespace::text in ('public', 'sterna')"
    ).fetchall()
    assert owners == [{"rolname": "sterna_owner", "rolsuper": False, "rolbypassrls": False, "rolcanlogin": False}]
    others = db.execute(
        "select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'sterna_app')"
        " and (rolsuper or rolbypassrls or rolcreaterole)"
    ).fetchall()
    assert others == []


TRIGGERS = (
    "update_profiles_updated_at on_auth_user_profile_sync on_message_change on_session_updated on_session_created"
)
FUNCTIONS = """update_updated_at_column log_user_activity handle_user_profile_sync sync_profile_from_auth
update_session_stats update_session_timestamp get_user_recent_sessions get_session_with_messages
sync_user_conversations track_user_usage get_user_allowed_models can_user_use_model update_user_tier jsonb_deep_merge
update_user_preferences get_user_complete_profile cleanup_old_data export_user_data analyze_database_health
track_session_creation"""
INDEXES = """idx_profiles_email idx_profiles_last_active idx_profiles_subscription_tier idx_activity_log_user_id
idx_activity_log_timestamp idx_activity_log_action idx_chat_sessions_user_id idx_chat_sessions_updated_at
idx_chat_sessions_user_updated idx_chat_messages_session_id idx_chat_messages_timestamp
idx_chat_messages_session_timestamp idx_chat_messages_completion_id idx_chat_messages_user_message_id
idx_chat_messages_tokens_role idx_usage_daily_user_date idx_usage_daily_date idx_model_access_tier
idx_model_access_model_id idx_system_cache_expires idx_system_stats_date"""


@pytest.mark.parametrize(
    ("catalogue", "column", "names"),
    [("pg_trigger", "tgname", TRIGGERS), ("pg_proc", "proname", FUNCTIONS), ("pg_indexes", "indexname", INDEXES)],
)
def test_the_names_of_the_source_migrations_are_there(db: Db, catalogue: str, column: str, names: str) -> None:
    """docs/specification/vectors.md#vector-20, and the indexes of docs/specification/schema.md#indexes."""
    there = {row[column] for row in db.execute(f"select {column} from {catalogue}").fetchall()}
    assert set(names.split()) <= there
