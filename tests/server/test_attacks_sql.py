"""SQL of another account cannot read or change Ada's data.

The tables and functions are those of the catalogue, so one that is added later is attacked too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from accounts import Db, acting_as, make_user
from psycopg import sql

from sterna.server.identity import Identity

MARK = "ada-s own words"
SHARED = {"public.model_access"}
"""Tables that every account may read."""

_TABLES = """
select n.nspname || '.' || c.relname as name, n.nspname, c.relname, c.relkind::text as kind,
    array_agg(a.attname::text order by a.attnum) as columns
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname in ('public', 'auth', 'sterna', 'visits') and c.relkind in ('r', 'p', 'v', 'm')
group by 1, 2, 3, 4
order by 1
"""

_FUNCTIONS = """
select p.oid, p.oid::regprocedure::text as name, n.nspname, p.proname,
    array(select format_type(t, null) from unnest(p.proargtypes) as t) as arguments, p.prosecdef as definer,
    coalesce(array_to_string(p.proconfig, ','), '') as config
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where n.nspname in ('public', 'auth', 'sterna', 'visits') and p.prokind = 'f'
    and not exists (select 1 from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
order by 2
"""

_KEPT = (
    "insert into visit_messages (session_id, message_type, content, message_id)"
    " select id, 'user', %(mark)s, 'ada-m' from user_sessions where user_id = %(user)s",
    "insert into sync_replica (user_id, replica, answer) values (%(user)s, 'ada-r', %(mark)s::text::bytea)",
    "insert into message_history (user_id, kind, id, seq, session_id, value)"
    " values (%(user)s, 'm', 'ada-m', 1, 'ada-1', to_jsonb(%(mark)s::text))",
    "insert into sync_commit (user_id, seq_hi, nonce) values (%(user)s, 1000000, %(mark)s)",
    "insert into sterna.relay_usage (user_id, usage_date, model_id) values (%(user)s, current_date, %(mark)s)",
    "insert into sterna.refresh_tokens (hash, user_id, family, created_at, expires_at)"
    " values (sha256(%(user)s::text::bytea), %(user)s, %(user)s, now(), now() + interval '1 day')",
    "insert into sterna.device_codes (hash, user_code, created_at, expires_at, wait, user_id)"
    " values (sha256(%(user)s::text::bytea), left(%(user)s::text, 16), now(), now() + interval '1 day', 5, %(user)s)",
    "insert into sterna.recovery_codes (hash, user_id, created_at, expires_at)"
    " values (sha256(%(user)s::text::bytea), %(user)s, now(), now() + interval '1 day')",
    "insert into message_vectors (user_id, message_id, part, model) values (%(user)s, 'ada-m', 0, 1)",
    "insert into sterna.vector_progress (user_id, model, seq) values (%(user)s, 1, 1)",
)
"""Tables of the server with data of accounts."""


def _fill(db: Db, user_id: UUID) -> None:
    with acting_as(db, Identity("authenticated", user_id)):
        db.execute("insert into chat_sessions (user_id, id, title) values (%s, 'ada-1', %s)", (user_id, MARK))
        db.execute(
            "insert into chat_messages (user_id, session_id, id, role, content)"
            " values (%s, 'ada-1', 'ada-m', 'user', %s)",
            (user_id, MARK),
        )
        db.execute(
            "insert into session_settings (user_id, session_id, key, value) values (%s, 'ada-1', 'model', %s)",
            (user_id, json.dumps(MARK)),
        )
        db.execute(
            "insert into search_sessions (filters, results, results_count, status) values (%s, '[]', 0, 'completed')",
            (json.dumps({"query": MARK}),),
        )
        db.execute("insert into profile_extras (user_id, personality_preset) values (%s, %s)", (user_id, MARK))
        visit = db.execute(
            "select start_user_session(%s, jsonb_build_object('user_agent', %s::text)) ->> 'session_id' as id",
            (user_id, MARK),
        ).fetchone()
        assert visit is not None
        db.execute("select track_user_interaction(%s, 'opened', %s)", (visit["id"], MARK))
        file = {"user": user_id, "id": "a" * 64, "content": MARK.encode()}
        db.execute("insert into attachments (user_id, id, size) values (%(user)s, %(id)s, 100)", file)
        db.execute(
            "insert into attachment_pieces (user_id, attachment_id, start, content)"
            " values (%(user)s, %(id)s, 0, %(content)s)",
            file,
        )
        attached = json.dumps({"attachments": [{"id": file["id"], "name": MARK, "type": "text/plain", "size": 100}]})
        db.execute(
            "update chat_messages set metadata = %s, has_attachments = true where user_id = %s and id = 'ada-m'",
            (attached, user_id),
        )
        db.execute("insert into chat_sessions (user_id, id) values (%s, 'ada-dead')", (user_id,))
        db.execute("delete from chat_sessions where user_id = %s and id = 'ada-dead'", (user_id,))
    for statement in _KEPT:
        db.execute(statement.encode(), {"user": user_id, "mark": MARK})


@pytest.fixture
def ada_id(db: Db) -> Iterator[UUID]:
    """Somebody with a row in every table that has an owner."""
    user_id, _ = make_user(db, name=MARK)
    _fill(db, user_id)
    yield user_id
    db.execute("delete from auth.users where id = %s", (user_id,))


@pytest.fixture
def attackers(db: Db) -> dict[str, Identity]:
    bob_id, _ = make_user(db, name="Bob")
    return {
        "bob": Identity("authenticated", bob_id),
        "anon": Identity(),
        "authenticated without claims": Identity("authenticated"),
    }


def _everything(db: Db) -> dict[str, str]:
    """Every row of every table, as text: compared before and after."""
    values = {}
    for table in _tables(db):
        if table["kind"] in ("r", "p"):
            name = sql.Identifier(table["nspname"], table["relname"])
            rows = db.execute(sql.SQL("select t::text as row from {} as t order by 1").format(name)).fetchall()
            values[table["name"]] = "\n".join(row["row"] for row in rows)
    return values


def _but(tables: dict[str, str], who: Identity) -> dict[str, list[str]]:
    """Without the rows that are somebody's own, such as their place in the order of writers."""
    return {table: [row for row in rows.split("\n") if str(who.user_id) not in row] for table, rows in tables.items()}


def _tables(db: Db) -> list[dict[str, Any]]:
    rows = db.execute(_TABLES).fetchall()
    assert len(rows) > 15
    return rows


def _owner(table: dict[str, Any]) -> str | None:
    if table["name"] in ("auth.users", "public.profiles", "public.users", "public.api_user_summary"):
        return "id"
    return next((name for name in ("user_id",) if name in table["columns"]), None)


def _said(db: Db, who: Identity, statement: sql.Composable, values: dict[str, Any]) -> list[Any] | str:
    """Return the attacker's result of a statement, which is rolled back, or its SQLSTATE."""
    try:
        with acting_as(db, who) as opened:
            done = opened.execute(statement, values)
            return done.fetchall() if done.description else [done.rowcount] if done.rowcount > 0 else []
    except psycopg.Error as error:
        return error.sqlstate or "?"


def _statements(table: dict[str, Any]) -> Iterator[tuple[str, sql.Composable]]:
    name = sql.Identifier(table["nspname"], table["relname"])
    owner = _owner(table)
    column = sql.Identifier(owner or table["columns"][0])
    hers = sql.SQL(" where {} = %(ada)s").format(column) if owner else sql.SQL("")
    yield "select", sql.SQL("select * from {}").format(name) + hers
    yield "update", sql.SQL("update {} set {} = {}").format(name, column, column) + hers
    yield "delete", sql.SQL("delete from {}").format(name) + hers
    if owner:
        yield "insert", sql.SQL("insert into {} ({}) values (%(ada)s)").format(name, column)
        yield "give", sql.SQL("update {} set {} = %(ada)s").format(name, column)
    else:
        yield "insert", sql.SQL("insert into {} default values").format(name)
    if table["kind"] == "r":
        yield "truncate", sql.SQL("truncate {} cascade").format(name)


def test_there_is_a_row_of_hers_to_attack_in_every_table_that_has_an_owner(db: Db, ada_id: UUID) -> None:
    """Or what follows would say nothing of a table that is empty."""
    empty = []
    for table in _tables(db):
        owner = _owner(table)
        if owner and table["kind"] in ("r", "p", "v"):
            name = sql.Identifier(table["nspname"], table["relname"])
            query = sql.SQL("select 1 as one from {} where {} = %s limit 1").format(name, sql.Identifier(owner))
            if db.execute(query, (ada_id,)).fetchone() is None:
                empty.append(table["name"])
    assert not empty, "fill these in _fill()"


def test_no_table_shows_or_loses_a_row_to_somebody_else(db: Db, ada_id: UUID, attackers: dict[str, Identity]) -> None:
    before = _everything(db)
    values = []
    for table in _tables(db):
        for name, who in attackers.items():
            for verb, statement in _statements(table):
                result = _said(db, who, statement, {"ada": ada_id})
                allowed = not result or isinstance(result, str)
                if verb == "select" and table["name"] in SHARED and name != "anon":
                    allowed = True
                if verb == "give" and isinstance(result, list) and not result:
                    allowed = True
                if not allowed:
                    values.append(f"{name}: {verb} {table['name']} gave {str(result)[:200]}")
    assert not values, "\n".join(values)
    assert _but(_everything(db), attackers["bob"]) == _but(before, attackers["bob"])


def test_nobody_reads_her_words_in_any_table_they_may_look_at(
    db: Db, ada_id: UUID, attackers: dict[str, Identity]
) -> None:
    for table in _tables(db):
        name = sql.Identifier(table["nspname"], table["relname"])
        for who in attackers.values():
            result = _said(db, who, sql.SQL("select t::text as row from {} as t").format(name), {})
            assert MARK not in str(result), table["name"]
            assert str(ada_id) not in str(result), table["name"]


def _argument(kind: str, ada: UUID) -> str:
    return {
        "uuid": f"'{ada}'::uuid",
        "text": "'ada-1'::text",
        "character varying": "'ada-1'::varchar",
        "jsonb": "'{}'::jsonb",
        "json": "'{}'::json",
        "integer": "1",
        "bigint": "1::bigint",
        "boolean": "true",
        "text[]": "array['ada-1']",
        "uuid[]": f"array['{ada}'::uuid]",
        "date": "current_date",
    }.get(kind, f"null::{kind}")


def test_no_function_reads_or_changes_her_rows_for_somebody_else(
    db: Db, ada_id: UUID, attackers: dict[str, Identity]
) -> None:
    before = _everything(db)
    functions = db.execute(_FUNCTIONS).fetchall()
    assert len(functions) > 20
    for function in functions:
        call = sql.SQL("select {}({}) as answer").format(
            sql.Identifier(function["nspname"], function["proname"]),
            sql.SQL(", ").join(sql.SQL(_argument(kind, ada_id)) for kind in function["arguments"]),
        )
        for name, who in attackers.items():
            result = _said(db, who, call, {})
            assert MARK not in str(result), f"{name}: {function['name']}"
            assert not isinstance(result, list) or "ada-1" not in str(result).replace(str(call), ""), function["name"]
    after = _everything(db)
    for table, rows in before.items():
        hers = [row for row in rows.split("\n") if str(ada_id) in row]
        assert hers == [row for row in after[table].split("\n") if str(ada_id) in row], table


def _hostile(ada: UUID) -> Iterator[Any]:
    """Conversations that name Ada's ids in every place where an id may stand, and what is no conversation at all."""
    message = {"id": "ada-m", "role": "user", "content": "theirs", "timestamp": "2026-03-01T10:00:00Z"}
    named = {"user_id": str(ada), "userId": str(ada), "session_id": "ada-1", "sessionId": "ada-1"}
    yield [{"id": "ada-1", "title": "theirs"}]
    yield [{"id": "ada-1", "title": "theirs", "messages": [message]}]
    yield [{"id": "theirs", "messages": [message]}]
    yield [{"id": "theirs", "messages": [message | named]}]
    yield [named | {"id": "ada-1", "messages": [message | named | {"user_message_id": "ada-m"}]}]
    yield [{"id": "ada-1", "title": "x' where true; delete from chat_sessions; --"}]
    yield [{"id": "ada-1", "messages": [message | {"role": "robot"}]}, {"id": "ada-1", "messages": "ada-m"}]
    yield [{"id": "ada-1", "createdAt": "yesterday"}, {"id": {"id": "ada-1"}}, ["ada-1"], "ada-1", None]
    yield {"id": "ada-1", "messages": [message]}
    yield "ada-1"


def test_a_batch_of_conversations_with_her_ids_touches_nothing_of_hers(
    db: Db, ada_id: UUID, attackers: dict[str, Identity]
) -> None:
    """The published function wrote over whoever had the id: docs/specification/functions.md#sync-user-conversations."""
    before = _everything(db)
    for batch in _hostile(ada_id):
        for name, who in attackers.items():
            for owner in (ada_id, who.user_id, None):
                result = _kept(db, who, owner, batch)
                assert MARK not in str(result), (name, batch)
                if owner is None:
                    assert result == "42501" or result[0]["answer"]["synced"] == 0, (name, batch)
                elif owner != who.user_id:
                    assert result == "42501", (name, batch)
                elif isinstance(batch, list) and batch[0].get("title") == "theirs":
                    assert result[0]["answer"]["errors"] == 0, "her id is one's own like any other"
    after = _everything(db)
    for table, rows in before.items():
        hers = [row for row in rows.split("\n") if str(ada_id) in row]
        assert hers == [row for row in after[table].split("\n") if str(ada_id) in row], table


def _kept(db: Db, who: Identity, owner: UUID | None, batch: Any) -> Any:
    """Return the attacker's result of a statement, and commit it."""
    try:
        with acting_as(db, who) as opened:
            call = "select sync_user_conversations(%s, %s::jsonb) as answer"
            return opened.execute(call, (owner, json.dumps(batch))).fetchall()
    except psycopg.Error as error:
        return error.sqlstate


def test_every_function_that_runs_as_its_owner_looks_names_up_where_nobody_else_can_put_any(db: Db) -> None:
    loose = [
        row["name"]
        for row in db.execute(_FUNCTIONS).fetchall()
        if row["definer"] and not row["config"].startswith(("search_path=pg_catalog", 'search_path=""'))
    ]
    assert not loose
    for role in ("anon", "authenticated", "service_role"):
        for schema in ("public", "auth", "sterna", "visits", "pg_catalog"):
            row = db.execute("select has_schema_privilege(%s, %s, 'create') as may", (role, schema)).fetchone()
            assert row is not None
            assert not row["may"], f"{role} may make things in {schema}"


@pytest.mark.parametrize("role", ["service_role", "sterna_owner", "postgres"])
def test_a_person_can_become_nobody_else(postgres: Any, db: Db, ada_id: UUID, role: str) -> None:
    """Requests reach PostgreSQL as the app's role; who is signed in there gains nothing by SQL."""
    for start in ("anon", "authenticated"):
        row = db.execute("select pg_has_role(%s, %s, 'member') as may", (start, role)).fetchone()
        assert row is not None
        assert not row["may"]
    with psycopg.connect(postgres.url, autocommit=True) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(sql.SQL("set role {}").format(sql.Identifier(role)))


def test_what_only_the_server_knows_is_out_of_reach_whether_there_are_rows_or_not(db: Db) -> None:
    for table in _tables(db):
        for role in ("anon", "authenticated") if table["nspname"] == "sterna" else ():
            row = db.execute(
                "select has_table_privilege(%s, %s, 'select, insert, update, delete, truncate') as may",
                (role, table["name"]),
            ).fetchone()
            assert row is not None
            assert not row["may"], f"{role} may use {table['name']}"


def test_every_table_is_under_row_security_and_its_owner_too(db: Db) -> None:
    loose = [
        row["name"]
        for row in db.execute(
            "select c.oid::regclass::text as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
            " where n.nspname in ('public', 'auth', 'sterna') and c.relkind in ('r', 'p')"
            " and not (c.relrowsecurity and c.relforcerowsecurity)"
        ).fetchall()
    ]
    assert not loose
