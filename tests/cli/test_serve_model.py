"""``sterna serve model`` and ``psql`` over a real database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from psycopg import Connection

from sterna.cli.context import CommandContext
from sterna.cli.serve.model import model
from sterna.cli.serve.user import user
from sterna.server.database.embedded import Embedded

Run = Callable[..., Result]


@pytest.fixture
def run(postgres: Embedded, tmp_path: Path) -> Run:
    def command(name: str, *arguments: str) -> Result:
        given = [name, "--database-url", postgres.service_url, *arguments]
        return CliRunner().invoke(model, given, obj=CommandContext(tmp_path, tmp_path))

    return command


@pytest.fixture
def name(db: Connection[dict[str, Any]]) -> Iterator[str]:
    made = f"acme/{uuid4().hex[:8]}"
    yield made
    db.execute("delete from model_access where model_id = %s", (made,))


def rows(db: Connection[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return db.execute("select * from model_access where model_id = %s order by tier", (name,)).fetchall()


def test_a_model_is_put_into_a_tier_changed_listed_and_removed(
    run: Run, db: Connection[dict[str, Any]], name: str
) -> None:
    made = run("set", name, "--tier", "pro", "--daily-limit", "200", "--title", "Acme", "--tag", "a", "--tag", "b")
    assert (made.exit_code, made.output) == (0, f"{name} was added to the tier pro.\n")
    [row] = rows(db, name)
    assert (row["tier"], row["daily_limit"], row["monthly_limit"], row["is_active"]) == ("pro", 200, None, True)
    assert (row["model_name"], row["model_tags"]) == ("Acme", ["a", "b"])

    changed = run("set", name, "--tier", "pro", "--daily-limit", "none", "--monthly-limit", "9", "--disable")
    assert changed.output == f"{name} was changed in the tier pro.\n"
    [row] = rows(db, name)
    assert (row["daily_limit"], row["monthly_limit"], row["is_active"], row["model_name"]) == (None, 9, False, "Acme")
    assert f"{name}  pro  9 a month, disabled\n" in run("list").output
    run("set", name, "--input-cost", "0.0000025")
    listed = [json.loads(line) for line in run("list", "--json").output.splitlines()]
    assert [item["input_cost_per_token"] for item in listed if item["model_id"] == name] == ["0.00000250", "0E-8"]
    assert run("remove", name, "--tier", "pro").output == f"{name} was removed from 1 tier.\n"
    assert run("remove", name).exit_code == 0
    assert rows(db, name) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "x" * 101), "1 to 100 printable"),
        (("set", "a\x1bb"), "1 to 100 printable"),
        (("set", "x", "--daily-limit", "-1"), "or none"),
        (("set", "x", "--daily-limit", "99999999999"), "or none"),
        (("set", "x", "--input-cost", "free"), "US dollars"),
        (("set", "x", "--output-cost", "NaN"), "US dollars"),
        (("remove", "no/such"), "No tier has this model"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_new_tier_is_noted_in_the_activity_log(
    postgres: Embedded, db: Connection[dict[str, Any]], tmp_path: Path
) -> None:
    user_id, email = uuid4(), f"{uuid4().hex}@example.org"
    db.execute("insert into auth.users (id, email) values (%s, %s)", (user_id, email))
    given = ["--database-url", postgres.service_url, "set-tier", email, "pro"]
    assert CliRunner().invoke(user, given, obj=CommandContext(tmp_path, tmp_path)).exit_code == 0
    [noted] = db.execute(
        "select details from user_activity_log where user_id = %s and action = 'tier_updated'", (user_id,)
    ).fetchall()
    assert noted["details"] == {"old_tier": "free", "new_tier": "pro"}


def test_psql_opens_at_the_database(postgres: Embedded) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from sterna.cli import main; sys.exit(main())",
        "serve",
        "--database-url",
        postgres.admin_url,
        "psql",
    ]
    done = subprocess.run(
        [*command, "-Atc", "select current_database(), current_user"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "sterna|postgres\n", "")
    failed = subprocess.run([*command, "-Atc", "select nonsense"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "nonsense" in failed.stderr
