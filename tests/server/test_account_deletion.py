"""A deleted account leaves no rows in any table, including tables that are added later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from accounts import Db
from psycopg import sql

from sterna.server.identity import SERVER

WORD = "correct horse battery"
TABLES = """
select n.nspname as schema, c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'auth', 'sterna') and c.relkind in ('r', 'p')
order by 1, 2
"""


def rows_that_name(db: Db, user_id: str) -> dict[str, int]:
    """Return the number of rows of each table that contain the account's id, without tables that have none."""
    values = {}
    for table in db.execute(TABLES).fetchall():
        name = sql.Identifier(table["schema"], table["name"])
        row = db.execute(
            sql.SQL("select count(*) as n from {} as t where t::text like %s").format(name), (f"%{user_id}%",)
        ).fetchone()
        if row and row["n"]:
            values[f"{table['schema']}.{table['name']}"] = row["n"]
    return values


@pytest.fixture
def filled(db: Db, http: httpx.Client) -> Iterator[str]:
    """Sign up over HTTP, do everything that leaves rows behind, and return the id."""
    email = f"erased-{id(db)}-{db.info.backend_pid}@example.org"
    body = http.post("/auth/v1/signup", json={"email": email, "password": WORD, "data": {"name": "Al"}}).json()
    user_id: str = body["user"]["id"]
    signed = {"authorization": f"Bearer {body['access_token']}"}
    message = {"id": "m", "role": "assistant", "content": "x", "model": "g/m", "timestamp": "2026-03-01T10:00:00Z"}
    batch: list[dict[str, Any]] = [
        {"id": "kept", "messages": [message]},
        {"id": "gone", "messages": [message | {"id": "n"}]},
    ]
    assert http.post("/api/chat/sync", json={"conversations": batch}, headers=signed).status_code == 200
    assert http.delete("/api/chat/sessions", params={"id": "gone"}, headers=signed).status_code == 200
    db.execute(
        "insert into session_settings (user_id, session_id, key, value) values (%s, 'kept', 'model', %s)",
        (user_id, json.dumps("g/m")),
    )
    db.execute("insert into sync_replica (user_id, replica, last_seen) values (%s, 'device', now())", (user_id,))
    db.execute("insert into sync_commit (user_id, seq_hi, nonce) values (%s, 1000, 'x')", (user_id,))
    yield user_id
    db.execute("delete from auth.users where id = %s", (user_id,))


@pytest.mark.parametrize("by", ["the superuser", SERVER.role])
def test_no_row_of_any_table_names_somebody_who_was_erased(db: Db, filled: str, by: str) -> None:
    before = rows_that_name(db, filled)
    assert {"auth.users", "public.profiles", "public.user_activity_log", "sterna.refresh_tokens"} <= before.keys()
    assert {f"public.{name}" for name in ("chat_sessions", "chat_messages", "session_counts", "session_settings")} <= (
        before.keys()
    )
    assert {f"public.sync_{name}" for name in ("head", "rows", "replica", "commit")} <= before.keys()
    with db.transaction():
        if by == SERVER.role:
            db.execute("select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", (by, "{}"))
        db.execute("delete from auth.users where id = %s", (filled,))
    assert rows_that_name(db, filled) == {}


def test_somebody_else_keeps_everything_when_an_account_is_erased(db: Db, filled: str, http: httpx.Client) -> None:
    body = http.post("/auth/v1/signup", json={"email": f"kept-{filled}@example.org", "password": WORD}).json()
    signed = {"authorization": f"Bearer {body['access_token']}"}
    http.post("/api/chat/sync", json={"conversations": [{"id": "kept"}]}, headers=signed)
    db.execute("update profiles set email = 'else@example.org' where id = %s", (body["user"]["id"],))
    before = rows_that_name(db, body["user"]["id"])
    db.execute("delete from auth.users where id = %s", (filled,))
    assert rows_that_name(db, body["user"]["id"]) == before
    assert len(before) > 5
