"""``sterna serve user`` over a real database: its output, and the database afterwards."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from psycopg import Connection

from sterna.cli.context import CommandContext
from sterna.cli.serve.user import user
from sterna.server.auth.passwords import Passwords
from sterna.server.database.embedded import Embedded

WORD = "a good password"


class Sterna:
    """Return a function that runs the commands on one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._place = CommandContext(folder, folder)

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        given = ["--database-url", self._url, *arguments]
        return CliRunner().invoke(user, given, input=stdin, obj=self._place, catch_exceptions=False)


@pytest.fixture
def sterna(postgres: Embedded, tmp_path: Path) -> Sterna:
    return Sterna(postgres.service_url, tmp_path)


@pytest.fixture
def email(sterna: Sterna) -> str:
    """Return the email of an account that was just added."""
    address = f"{uuid4().hex[:12]}@example.org"
    assert sterna("add", address, stdin=f"{WORD}\n").exit_code == 0
    return address


def is_correct(password_hash: str, password: str) -> bool:
    return asyncio.run(Passwords(64).is_correct(password_hash, password))


def account(db: Connection[dict[str, Any]], email: str) -> dict[str, Any]:
    row = db.execute(
        "select u.*, p.subscription_tier from auth.users u join profiles p on p.id = u.id where u.email = %s", (email,)
    ).fetchone()
    assert row is not None
    return row


def test_an_account_is_made_with_the_password_of_standard_input(sterna: Sterna, db: Connection[dict[str, Any]]) -> None:
    address = f"Ada.{uuid4().hex[:8]}@Example.org"

    result = sterna("add", address, "--tier", "pro", stdin=f"{WORD}\n")

    assert (result.exit_code, result.stdout) == (0, f"{address.lower()} can sign in now.\n")
    row = account(db, address.lower())
    assert row["subscription_tier"] == "pro"
    assert row["encrypted_password"].startswith("$argon2id$")
    assert is_correct(row["encrypted_password"], WORD)


@pytest.mark.parametrize(
    ("address", "stdin", "rows"),
    [
        ("no email", f"{WORD}\n", "invalid format"),
        ("ada@example.org", "short\n", "8 to 1024 characters"),
        ("ada@example.org", "", "8 to 1024 characters"),
    ],
)
def test_what_cannot_be_an_account_is_refused_in_a_sentence(
    sterna: Sterna, address: str, stdin: str, rows: str
) -> None:
    result = sterna("add", address, stdin=stdin)

    assert result.exit_code == 1
    assert rows in result.stderr


def test_an_email_has_one_account(sterna: Sterna, email: str) -> None:
    result = sterna("add", email.upper(), stdin=f"{WORD}\n")

    assert result.exit_code == 1
    assert f"{email} already has an account." in result.stderr


def test_the_list_shows_every_account_and_which_are_shut(sterna: Sterna, email: str) -> None:
    assert f"{email}  free  never signed in\n" in sterna("list").stdout
    sterna("disable", email)

    assert f"{email}  free  never signed in  disabled\n" in sterna("list").stdout
    rows = [json.loads(line) for line in sterna("list", "--json").stdout.splitlines()]
    mine = next(item for item in rows if item["email"] == email)
    assert set(mine) == {"id", "email", "tier", "disabled", "created_at", "last_sign_in_at"}
    assert mine["disabled"] is True


def test_a_shut_account_is_signed_out_and_can_be_opened_again(
    sterna: Sterna, email: str, db: Connection[dict[str, Any]]
) -> None:
    row = account(db, email)
    db.execute(
        "insert into sterna.refresh_tokens (hash, user_id, family, created_at, expires_at)"
        " values (sha256('x'), %s, gen_random_uuid(), now(), now() + interval '1 day')",
        (row["id"],),
    )

    assert "is disabled and signed out" in sterna("disable", f" {email.upper()}").stdout
    assert not db.execute("select 1 from sterna.refresh_tokens where user_id = %s", (row["id"],)).fetchone()
    assert account(db, email)["banned_until"] is not None
    assert "can sign in again" in sterna("enable", email).stdout
    assert account(db, email)["banned_until"] is None


def test_a_tier_is_set_and_only_one_that_exists(sterna: Sterna, email: str, db: Connection[dict[str, Any]]) -> None:
    assert sterna("set-tier", email, "enterprise").stdout == f"{email} is now in the tier enterprise.\n"
    assert account(db, email)["subscription_tier"] == "enterprise"
    assert sterna("set-tier", email, "gold").exit_code == 2


def test_a_password_is_replaced(sterna: Sterna, email: str, db: Connection[dict[str, Any]]) -> None:
    assert sterna("set-password", email, stdin="another good one\n").exit_code == 0

    password_hash = account(db, email)["encrypted_password"]
    assert is_correct(password_hash, "another good one")
    assert not is_correct(password_hash, WORD)


@pytest.mark.parametrize("command", [["disable"], ["enable"], ["set-tier"]])
def test_nobody_is_found_under_an_unknown_email(sterna: Sterna, command: list[str]) -> None:
    more = ["pro"] if command == ["set-tier"] else []

    result = sterna(*command, "nobody@example.org", *more)

    assert result.exit_code == 1
    assert "No account has this email." in result.stderr


def test_an_invitation_is_printed_alone_and_only_its_hash_is_kept(
    sterna: Sterna, db: Connection[dict[str, Any]]
) -> None:
    result = sterna("invite", "Eve@Example.org", "--tier", "pro", "--days", "3")

    code = result.stdout.strip()
    assert len(code) == 43
    row = db.execute(
        "select email, tier, expires_at - created_at as lives, hash from sterna.invitations where hash = sha256(%s)",
        (code.encode(),),
    ).fetchone()
    assert row is not None
    assert (row["email"], row["tier"], row["lives"].days) == ("eve@example.org", "pro", 3)
    assert "3 days" in result.stderr


def test_a_database_that_is_away_is_a_sentence_without_its_password(tmp_path: Path) -> None:
    result = Sterna("postgresql://ada:canary@127.0.0.1:1/x", tmp_path)("list")

    assert result.exit_code == 1
    assert "The database cannot be reached" in result.stderr
    assert "canary" not in result.output


def test_a_database_without_the_schema_says_what_to_do(postgres: Embedded, tmp_path: Path) -> None:
    result = Sterna(postgres.admin_url.replace("/sterna?", "/template1?"), tmp_path)("list")

    assert result.exit_code == 1
    assert "sterna serve --migrate-only" in result.stderr


def test_help_starts_no_database(tmp_path: Path) -> None:
    result = CliRunner().invoke(user, ["add", "--help"], obj=CommandContext(tmp_path / "data", tmp_path))

    assert result.exit_code == 0
    assert "standard input" in result.stdout
    assert not (tmp_path / "data").exists()
