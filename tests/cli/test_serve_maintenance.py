"""``sterna serve stats``, ``cleanup`` and ``health`` over a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pytest
from click.testing import CliRunner, Result
from psycopg import Connection

from sterna.cli.context import CommandContext
from sterna.cli.output import counted
from sterna.cli.serve.maintenance import cleanup, health, stats
from sterna.server.database.embedded import Embedded

Run = Callable[..., Result]


@pytest.fixture
def run(postgres: Embedded, tmp_path: Path) -> Run:
    def command(which: click.Command, *arguments: str, url: str = postgres.service_url) -> Result:
        given = ["--database-url", url, *arguments]
        return CliRunner().invoke(which, given, obj=CommandContext(tmp_path, tmp_path), catch_exceptions=False)

    return command


@pytest.fixture
def somebody(db: Connection[dict[str, Any]]) -> str:
    user_id = str(uuid4())
    db.execute("insert into auth.users (id, email) values (%s, %s)", (user_id, f"{user_id}@example.org"))
    return user_id


def test_the_figures_of_today_are_made_when_they_are_asked_for(
    run: Run, somebody: str, db: Connection[dict[str, Any]]
) -> None:
    (row,) = db.execute("select count(*) as n from profiles").fetchall()
    first = json.loads(run(stats, "--json").output.splitlines()[0])
    assert first["date"] == datetime.now(UTC).date().isoformat()
    assert first["users"] >= row["n"] > 0
    assert set(first) == {"date", "users", "conversations", "messages"}
    assert f"{first['date']}  " in run(stats).output
    assert len(run(stats, "--days", "1").output.splitlines()) == 1


def test_what_is_old_goes_and_what_is_newer_stays(run: Run, somebody: str, db: Connection[dict[str, Any]]) -> None:
    for days in (1, 100):
        db.execute(
            "insert into user_usage_daily (user_id, usage_date) values (%s, current_date - %s::int)", (somebody, days)
        )
    db.execute(
        "insert into user_activity_log (user_id, action, timestamp) values (%s, 'old', now() - interval '100 days')",
        (somebody,),
    )
    gone = json.loads(run(cleanup, "--days", "90", "--json").output)
    assert (gone["activity_logs"] >= 1, gone["usage_records"] >= 1) == (True, True)
    left = db.execute("select usage_date from user_usage_daily where user_id = %s", (somebody,)).fetchall()
    assert len(left) == 1
    log = db.execute("select 1 from user_activity_log where user_id = %s and action = 'old'", (somebody,))
    assert log.fetchone() is None
    assert run(cleanup).output.startswith("Deleted 0 log entries")
    assert run(cleanup, "--days", "0").exit_code == 2


def test_how_it_stands_is_told_in_words_and_in_json(run: Run, somebody: str) -> None:
    report = json.loads(run(health, "--json").output)
    assert report["total_users"] >= 1
    assert {"public.chat_messages", "public.search_sessions"} <= report["table_sizes"].keys()
    text = run(health).output
    assert counted(report["total_users"], "account") in text.splitlines()[0]
    assert any(line.endswith("public.chat_messages") for line in text.splitlines())


@pytest.mark.parametrize("which", [stats, cleanup, health])
def test_a_database_that_is_away_is_a_sentence(run: Run, which: click.Command) -> None:
    done = run(which, url="postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert done.exit_code == 1
    assert "cannot be reached" in done.output
    assert "secret" not in done.output
