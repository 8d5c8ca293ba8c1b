"""``sterna account delete`` and ``sterna export --everything``."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from sterna.storage import Store, data_dir, open_account
from tests.cli.conftest import Result, Run
from tests.clients import Somebody, sign_up

CANARY = "a word that nobody else has written"


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


def opened(home: Path) -> Store:
    return Store.open(open_account(data_dir(home / "data")))


def written(home: Path) -> None:
    """Write a conversation, and a copy of the file like one made before a migration."""
    store = opened(home)
    store.live_replies.begin_turn(None, CANARY, model="acme/small")
    copy = store.db.path.with_name(f"{store.db.path.stem}.backup-17-2026-03-01T100000.db")
    copy.write_bytes(CANARY.encode())
    store.close()


def remains(home: Path) -> list[str]:
    """Return the files of the data folder that contain the word."""
    return [item.name for item in (home / "data").rglob("*") if item.is_file() and CANARY.encode() in item.read_bytes()]


def sign_in(run: Run, address: str, who: Somebody) -> None:
    arguments = ("--email", who.email, "--password-stdin", "--adopt", "--yes")
    done = run("login", address, *arguments, stdin=f"{who.password}\n".encode())
    assert done.code == 0, done.err


def delete(run: Run, who: Somebody) -> Result:
    arguments = ("--yes", who.email, "--password-stdin")
    return run("account", "delete", *arguments, stdin=f"{who.password}\n".encode())


def can_sign_in(address: str, who: Somebody) -> bool:
    body = {"grant_type": "password", "email": who.email, "password": who.password}
    return httpx.post(f"{address}/auth/v1/token", json=body, trust_env=False).status_code == 200


def test_a_local_history_goes_once_the_word_is_said(run: Run, home: Path) -> None:
    written(home)
    assert run("account", "delete").code == 2
    done = run("account", "delete", "--yes", "remove")
    assert (done.code, done.err) == (1, "sterna: Nothing was erased.\n")
    assert len(remains(home)) > 1
    done = run("account", "delete", "--yes", "delete")
    assert (done.code, done.out) == (0, "Account erased on this device.\n")
    assert remains(home) == []
    assert run("list").out == ""


def test_an_account_goes_at_the_server_and_here(run: Run, home: Path, sterna_server: str, somebody: Somebody) -> None:
    written(home)
    sign_in(run, sterna_server, somebody)
    assert run("sync", "--once").code == 0
    done = run(
        "account", "delete", "--yes", somebody.email, "--password-stdin", stdin=f"{somebody.password}\n".encode()
    )
    assert done.code == 0, done.err
    assert done.out == f"Account erased on {sterna_server.partition('://')[2]} and on this device.\n"
    assert remains(home) == []
    assert not can_sign_in(sterna_server, somebody)
    assert run("whoami").code == 1
    assert somebody.email not in run("accounts", "--json").out


def test_where_the_server_says_no_nothing_is_removed_here(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    written(home)
    sign_in(run, sterna_server, somebody)
    done = run("account", "delete", "--yes", somebody.email, "--password-stdin", stdin=b"not the password\n")
    assert (done.code, "The password is wrong" in done.err) == (1, True)
    assert can_sign_in(sterna_server, somebody)
    assert len(remains(home)) > 1


def test_while_another_one_has_it_open_nothing_is_removed_anywhere(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    written(home)
    sign_in(run, sterna_server, somebody)
    store = opened(home)
    done = run(
        "account", "delete", "--yes", somebody.email, "--password-stdin", stdin=f"{somebody.password}\n".encode()
    )
    assert (done.code, "Close it" in done.err) == (1, True)
    store.close()
    assert can_sign_in(sterna_server, somebody)
    assert len(remains(home)) > 1


def test_only_what_is_here_goes_where_that_is_wanted(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    written(home)
    sign_in(run, sterna_server, somebody)
    done = run("account", "delete", "--local-only", "--yes", somebody.email)
    assert (done.code, done.out) == (0, "Account erased on this device.\n")
    assert remains(home) == []
    assert can_sign_in(sterna_server, somebody)


def test_everything_is_exported_with_what_the_server_holds(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    written(home)
    answer = run("export", "--everything").json()
    assert (answer["local"]["conversations"][0]["messages"][0]["content"], answer["server"]) == (CANARY, None)
    sign_in(run, sterna_server, somebody)
    assert run("sync", "--once").code == 0
    file = home / "all.json"
    done = run("export", "--everything", "-o", str(file))
    assert done.code == 0, done.err
    answer = json.loads(file.read_text())
    assert answer["server"]["conversations"][0]["messages"][0]["content"] == CANARY
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("export", "--everything", "last").code == 2


def test_a_server_that_is_away_costs_only_its_own_part(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    written(home)
    sign_in(run, sterna_server, somebody)
    store = opened(home)
    store.db.execute("update sync_account set origin = 'http://127.0.0.1:9'")
    store.close()
    registry = home / "data" / "accounts.json"
    registry.write_text(registry.read_text().replace(sterna_server, "http://127.0.0.1:9"))
    done = run("export", "--everything")
    answer = done.json()
    assert answer["local"]["conversations"]
    assert answer["server"] is None
