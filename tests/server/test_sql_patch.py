"""The session-creation patch (000), with its own published statements.

See docs/specification/features.md#session-creation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accounts import Db, connect, make_user

from sterna import server
from sterna.server.database.embedded import Embedded

PATCH = Path(server.__file__).parent / "patches" / "session-creation-tracking"
ADD = PATCH / "01-add-session-creation-trigger.sql"
ROLLBACK = PATCH / "rollback.sql"

TRIGGERS = """
   SELECT tgname, tgrelid::regclass, tgtype
   FROM pg_trigger
   WHERE tgname = 'on_session_created';
"""
FUNCTIONS = """
   SELECT proname
   FROM pg_proc
   WHERE proname = 'track_session_creation';
"""
MAKE = """
   INSERT INTO public.chat_sessions (id, user_id, title)
   VALUES ('test_session_' || extract(epoch from now()), 'your-user-uuid-here', 'Test Session');
"""
USAGE = """
   SELECT sessions_created, usage_date
   FROM public.user_usage_daily
   WHERE user_id = 'your-user-uuid-here'
   AND usage_date = CURRENT_DATE;
"""
TOTALS = """
   SELECT usage_stats->'sessions_created' as total_sessions
   FROM public.profiles
   WHERE id = 'your-user-uuid-here';
"""
UNDO = """
-- Remove trigger
DROP TRIGGER IF EXISTS on_session_created ON public.chat_sessions;

-- Remove function
DROP FUNCTION IF EXISTS public.track_session_creation();
"""


def run(db: Db, file: Path) -> None:
    """Execute a file like ``psql -f``."""
    db.execute(file.read_bytes())


@pytest.fixture
def patched(postgres: Embedded) -> Iterator[Db]:
    """Return a connection, and restore the patch at the end."""
    with connect(postgres.admin_url) as db:
        yield db
        run(db, ADD)


def query(db: Db, statement: str, user_id: Any) -> list[dict[str, Any]]:
    """Run a published statement for a person."""
    return db.execute(statement.replace("your-user-uuid-here", str(user_id)).encode()).fetchall()


def test_the_published_test_passes_word_for_word(patched: Db) -> None:
    run(patched, ADD)
    user_id, _ = make_user(patched)
    [trigger] = patched.execute(TRIGGERS.encode()).fetchall()
    assert (trigger["tgname"], trigger["tgrelid"]) == ("on_session_created", "chat_sessions")
    assert patched.execute(FUNCTIONS.encode()).fetchall() == [{"proname": "track_session_creation"}]

    patched.execute(MAKE.replace("your-user-uuid-here", str(user_id)).encode())

    [today] = query(patched, USAGE, user_id)
    assert today["sessions_created"] == 1
    assert query(patched, TOTALS, user_id) == [{"total_sessions": 1}]


def test_the_patch_can_be_applied_again_and_counts_once(patched: Db) -> None:
    for _ in range(3):
        run(patched, ADD)
    user_id, _ = make_user(patched)
    patched.execute(
        "insert into chat_sessions (user_id, id) select %s, 'many_' || n from generate_series(1, 50) as n", (user_id,)
    )
    assert query(patched, USAGE, user_id)[0]["sessions_created"] == 50
    assert len(patched.execute(TRIGGERS.encode()).fetchall()) == 1


@pytest.mark.parametrize("undo", [ROLLBACK.read_text("utf-8"), UNDO])
def test_after_the_rollback_nothing_is_counted_until_the_patch_is_back(patched: Db, undo: str) -> None:
    user_id, _ = make_user(patched)
    patched.execute(undo.encode())
    patched.execute(undo.encode())
    patched.execute("insert into chat_sessions (user_id, id) values (%s, 'unseen')", (user_id,))
    assert patched.execute(TRIGGERS.encode()).fetchall() == []
    assert patched.execute(FUNCTIONS.encode()).fetchall() == []
    assert query(patched, USAGE, user_id) == []

    run(patched, ADD)
    patched.execute("insert into chat_sessions (user_id, id) values (%s, 'seen')", (user_id,))
    assert query(patched, USAGE, user_id)[0]["sessions_created"] == 1


def test_the_patch_and_the_schema_say_the_same() -> None:
    """One text, in two places, because the schema is whole without the patch."""
    body = re.compile(r"create or replace function public\.track_session_creation\(\).*?\$\$;", re.DOTALL)
    schema = (PATCH.parents[1] / "schema" / "06_statistics.sql").read_text("utf-8")
    assert body.findall(ADD.read_text("utf-8")) == body.findall(schema) != []


def test_nobody_but_the_database_calls_the_function(patched: Db) -> None:
    run(patched, ADD)
    rows = patched.execute(
        "select rolname from pg_roles where has_function_privilege(oid, 'public.track_session_creation()', 'execute')"
        " and rolname in ('anon', 'authenticated', 'service_role')"
    ).fetchall()
    assert rows == []
