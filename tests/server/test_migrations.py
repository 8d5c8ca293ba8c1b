"""Installation of the schema: repeated, manual, without a superuser, and over a newer one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Barrier, Thread
from uuid import uuid4

import psycopg
import pytest
from accounts import acting_as, connect, make_user
from psycopg.conninfo import make_conninfo

from sterna.server.database import migrations as migrating
from sterna.server.database.embedded import APP, SERVICE, Embedded
from sterna.server.database.migrations import MigrationError, files, migrate, role_of
from sterna.server.identity import Identity

CATALOGUE = """
select
    oid::regprocedure::text as what,
    pg_get_functiondef(oid) || array(select unnest(proacl)::text order by 1)::text as how
from pg_proc where pronamespace::regnamespace::text in ('public', 'auth', 'sterna') and prokind = 'f'
union all select attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod) || attnotnull
from pg_attribute join pg_class on pg_class.oid = attrelid
where relnamespace::regnamespace::text in ('public', 'auth', 'sterna') and attnum > 0 and relkind = 'r'
union all select conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) from pg_constraint
where connamespace::regnamespace::text in ('public', 'auth', 'sterna')
union all select tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
union all select polrelid::regclass || '.' || polname, polcmd::text || coalesce(pg_get_expr(polqual, polrelid), '')
    || coalesce(pg_get_expr(polwithcheck, polrelid), '') || polroles::regrole [] :: text from pg_policy
union all select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
where indrelid in (select oid from pg_class where relnamespace::regnamespace::text in ('public', 'auth', 'sterna'))
union all select oid::regclass::text, array(select unnest(relacl)::text order by 1)::text from pg_class
where relnamespace::regnamespace::text in ('public', 'auth', 'sterna') and relkind in ('r', 'v')
order by 1, 2
"""


@pytest.fixture
def fresh(postgres: Embedded) -> Iterator[Callable[..., str]]:
    """Return a function that creates empty databases; ``fresh(role)`` makes a role that is no superuser the owner."""
    with connect(postgres.admin_url) as db, ExitStack() as stack:

        def make(owner: str = "postgres") -> str:
            name = f"fresh_{uuid4().hex[:12]}"
            if owner != "postgres":
                db.execute(f"create role {owner} login createrole")
                stack.callback(db.execute, f"drop role {owner}")
                # where the four roles were made by another role, an installer is given them to hand on
                db.execute(f"grant sterna_owner, anon, authenticated, service_role to {owner} with admin option")
            db.execute(f"create database {name} owner {owner}")
            stack.callback(db.execute, f"drop database {name} with (force)")
            return make_conninfo(postgres.admin_url, dbname=name, user=owner)

        yield make


def catalogue(url: str) -> list[dict[str, object]]:
    with connect(url) as db:
        return db.execute(CATALOGUE).fetchall()


def test_a_second_time_nothing_is_applied(fresh: Callable[..., str]) -> None:
    url = fresh()
    assert migrate(url, app_role=APP) == [file.name for file in files()]
    before = catalogue(url)
    assert migrate(url, app_role=APP) == []
    assert catalogue(url) == before


def test_applied_again_by_hand_nothing_changes(fresh: Callable[..., str]) -> None:
    url = fresh()
    migrate(url)
    before = catalogue(url)
    with connect(url) as db:
        for file in files():
            db.execute(file.read_bytes())
    assert catalogue(url) == before
    assert len(before) > 300


def test_a_role_that_is_no_superuser_can_install_and_serve(fresh: Callable[..., str]) -> None:
    url = fresh("landlord")
    migrate(url)
    assert role_of(url) == "landlord"
    with connect(url) as db:
        with acting_as(db, Identity("service_role")):
            user_id, email = make_user(db)
        with acting_as(db, Identity("authenticated", user_id, email)):
            db.execute("insert into chat_sessions (id, user_id) values ('s', %s)", (user_id,))
            db.execute("insert into chat_messages (id, session_id, role, content) values ('m', 's', 'user', 'hello')")
            row = db.execute("select message_count, last_message_preview from chat_sessions").fetchone()
        assert row == {"message_count": 1, "last_message_preview": "hello"}
        with acting_as(db, Identity("authenticated", uuid4(), "stranger@example.org")):
            assert db.execute("select * from chat_messages").fetchall() == []
            assert db.execute("select * from profiles").fetchall() == []


def test_a_role_without_the_right_is_told_what_is_needed(fresh: Callable[..., str], postgres: Embedded) -> None:
    name = psycopg.conninfo.conninfo_to_dict(fresh())["dbname"]
    with pytest.raises(MigrationError, match="Set --admin-url to a role"):
        migrate(make_conninfo(postgres.url, dbname=str(name)))


def test_the_login_role_of_peoples_requests_cannot_become_the_server(fresh: Callable[..., str]) -> None:
    url = fresh()
    with connect(url) as admin:
        admin.execute(f"grant service_role to {APP}")  # as earlier versions did
    migrate(url, app_role=APP, server_role=SERVICE)
    may = {
        APP: {"anon", "authenticated"},
        SERVICE: {"service_role"},
    }
    for login, roles in may.items():
        with connect(make_conninfo(url, user=login)) as db:
            for role in ("anon", "authenticated", "service_role", "sterna_owner", "postgres"):
                if role in roles:
                    db.execute(f"set role {role}")
                    db.execute("reset role")
                else:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        db.execute(f"set role {role}")
    with connect(make_conninfo(url, user=APP)) as db:
        for secret in ("sterna.secrets", "auth.users", "sterna.refresh_tokens", "profiles", "chat_messages"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"select * from {secret}")


def test_a_newer_database_is_left_alone(fresh: Callable[..., str]) -> None:
    url = fresh()
    migrate(url)
    with connect(url) as db:
        db.execute("insert into sterna.schema_files (name, checksum) values ('99_later.sql', 'x')")
    before = catalogue(url)
    with pytest.raises(MigrationError, match=r"newer Sterna \(it has 99_later\.sql\)"):
        migrate(url)
    assert catalogue(url) == before


def test_a_failure_in_the_middle_leaves_nothing(fresh: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    url = fresh()
    broken = [*files()[:3], files()[0].with_name("no such file.sql")]
    monkeypatch.setattr(migrating, "_apply", lambda db, wanted: [db.execute(file.read_bytes()) for file in broken])
    with pytest.raises(FileNotFoundError):
        migrate(url)
    with connect(url) as db:
        assert db.execute("select to_regclass('public.profiles') as there").fetchone() == {"there": None}


def test_several_servers_may_start_at_once(fresh: Callable[..., str]) -> None:
    url, together, applied = fresh(), Barrier(4), []

    def start() -> None:
        together.wait()
        applied.append(migrate(url))

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(len(names) for names in applied) == [0, 0, 0, len(files())]
