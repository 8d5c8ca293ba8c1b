"""A statement that adds to many days changes the profile once, and counts like single rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from accounts import Db, make_user
from test_sql_usage import days, total

from sterna.server.identity import Identity

MANY = 40
ROLES = ("user", "assistant", "system")
ROWS = [
    {
        "id": f"m{number}",
        "role": ROLES[number % 3],
        "model": "g/m" if number % 2 else 'a "b" c',
        "tokens": number,
        "at": f"2020-{1 + number % 12:02}-{1 + number // 12:02}T10:00:00Z",
        "error": "No answer." if number % 11 == 5 else None,
    }
    for number in range(MANY)
]
TALKS = [{"id": f"s{number}", "at": f"2021-01-{1 + number % 28:02}T10:00:00Z"} for number in range(MANY)]

INSERT = """
insert into chat_messages (
    user_id, session_id, id, role, content, model, input_tokens, output_tokens, total_tokens, elapsed_ms,
    message_timestamp, error_message
)
select %s, 's0', id, role, 'x', model, tokens, tokens, tokens, tokens * 1000, at, error
from jsonb_to_recordset(%s) as m (id text, role text, model text, tokens integer, at timestamptz, error text)
"""
BEGIN = """
insert into chat_sessions (user_id, id, created_at)
select %s, id, at from jsonb_to_recordset(%s) as s (id text, at timestamptz)
"""


def run(db: Db, who: Identity, statement: str, rows: list[dict[str, Any]], table: str = "profiles") -> int:
    """Insert rows as a push of a device does; gives how often a row of ``table`` was changed."""
    changed = "select pg_stat_get_xact_tuples_updated(%s::regclass) as n"
    with db.transaction():
        db.execute("select set_config('sterna.stamps', '{\"none\": []}', true)")
        before = db.execute(changed, (table,)).fetchone()
        db.execute(statement, (who.user_id, json.dumps(rows)))
        after = db.execute(changed, (table,)).fetchone()
    assert before is not None
    assert after is not None
    return int(after["n"] - before["n"])


@pytest.mark.parametrize("statement", [BEGIN, INSERT], ids=["conversations", "messages"])
def test_many_days_change_the_profile_as_often_as_one(db: Db, statement: str) -> None:
    changes = []
    for count in (2, MANY):
        who = Identity("authenticated", *make_user(db))
        if statement is INSERT:
            run(db, who, BEGIN, TALKS[:1])
        rows = TALKS if statement is BEGIN else ROWS
        changes.append(run(db, who, statement, rows[:count]))
        assert len(days(db, who)) > (count // 2 if statement is BEGIN else 0)
    assert changes[0] == changes[1]


def test_replies_that_took_time_change_their_conversation_as_often_as_one(db: Db) -> None:
    changes = []
    for count in (2, MANY):
        who = Identity("authenticated", *make_user(db))
        run(db, who, BEGIN, TALKS[:1])
        changes.append(run(db, who, INSERT, ROWS[:count], "chat_sessions"))
    assert changes[0] == changes[1]


def test_a_statement_counts_as_its_rows_one_by_one(db: Db) -> None:
    together, apart = (Identity("authenticated", *make_user(db)) for _ in range(2))
    for rows, statement in ((TALKS, BEGIN), (ROWS, INSERT)):
        run(db, together, statement, rows)
        for row in rows:
            run(db, apart, statement, [row])
    assert days(db, together) == days(db, apart)
    left, right = total(db, together), total(db, apart)
    assert left | {"last_reset": ""} == right | {"last_reset": ""}
    counts = [
        db.execute("select message_count from profiles where id = %s", (who.user_id,)).fetchone()
        for who in (together, apart)
    ]
    assert counts[0] == counts[1]
