"""Signing in to a server that has moved, and to one that the history does not belong to."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

from sterna.server.database.embedded import Embedded
from sterna.storage import Store, data_dir, open_account
from tests.cli.conftest import Run
from tests.clients import Somebody, sign_up
from tests.conftest import serving_settings
from tests.serving import serving


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


@pytest.fixture
def moved(postgres: Embedded) -> Iterator[str]:
    """Run the same server, with its database, at another address."""
    with serving(serving_settings(postgres)) as address:
        yield address


@pytest.fixture
def renamed(postgres: Embedded, sterna_server: str) -> Iterator[str]:
    """Return the same server under another name; a machine without /etc/hosts has no localhost."""
    try:
        socket.getaddrinfo("localhost", None, socket.AF_INET)
    except socket.gaierror:
        with serving(replace(serving_settings(postgres), host="127.0.0.2")) as address:
            yield address
    else:
        yield sterna_server.replace("127.0.0.1", "localhost")


def login(run: Run, address: str, who: Somebody, *more: str) -> Any:
    return run("login", address, "--email", who.email, "--password-stdin", *more, stdin=f"{who.password}\n".encode())


def open_store(home: Path) -> Store:
    return Store.open(open_account(data_dir(home / "data")))


def write(home: Path, title: str) -> str:
    store = open_store(home)
    session = store.conversations.create(title)
    store.close()
    return session.id


def titles(home: Path) -> list[str]:
    store = open_store(home)
    found = sorted(row.title for row in store.conversations.page(0, 100))
    store.close()
    return found


@pytest.mark.parametrize("agreed", ["--yes", "--adopt"])
@pytest.mark.parametrize("where", ["another port", "another name"])
def test_the_same_server_at_another_address_is_the_same_account(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, moved: str, renamed: str, where: str, agreed: str
) -> None:
    write(home, "sent before")
    assert login(run, sterna_server, somebody, "--adopt", "--yes").code == 0
    assert run("sync", "--once").code == 0
    write(home, "unsent")
    new = moved if where == "another port" else renamed
    done = login(run, new, somebody, agreed)
    assert (done.code, done.err) == (0, "")
    old_host = sterna_server.partition("://")[2]
    assert f"The account has moved here from {old_host}." in done.out
    assert titles(home) == ["sent before", "unsent"]
    (entry,) = run("accounts", "--json").lines()
    assert (entry["server"], entry["sending"], entry["email"]) == (new, True, somebody.email)
    synced = run("sync", "--once")
    assert synced.code == 0, synced.err
    other = ("--data-dir", str(home / "other"), "--config-dir", str(home / "other-config"))
    words = f"{somebody.password}\n".encode()
    run(*other, "login", sterna_server, "--email", somebody.email, "--password-stdin", "--yes", stdin=words)
    run(*other, "sync", "--once")
    assert sorted(item["title"] for item in run(*other, "list", "--json").lines()) == ["sent before", "unsent"]


def test_without_a_yes_nothing_moves(run: Run, home: Path, sterna_server: str, somebody: Somebody, moved: str) -> None:
    write(home, "one")
    assert login(run, sterna_server, somebody, "--adopt", "--yes").code == 0
    refused = login(run, moved, somebody)
    assert (refused.code, refused.out) == (2, "")
    assert "has moved to 127.0.0.1:" in refused.err
    assert "Add --yes" in refused.err
    program = str(Path(sys.executable).with_name("sterna"))
    for answer, address in (("n", sterna_server), ("y", moved)):
        seen = pexpect.spawn(program, ["login", moved, "--email", somebody.email], encoding="utf-8", timeout=30)
        seen.expect("Password")
        seen.sendline(somebody.password)
        seen.expect("from now on")
        seen.sendline(answer)
        seen.expect(pexpect.EOF)
        seen.close()
        assert run("whoami", "--json").json()["server"] == address


def test_an_account_that_is_not_shown_moves_when_it_is_opened(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, moved: str
) -> None:
    write(home, "local")
    assert login(run, sterna_server, somebody, "--beside", "--yes").code == 0
    write(home, "of the account")
    assert run("accounts", "use", "This device").code == 0
    assert login(run, moved, somebody, "--beside", "--yes").code == 0
    assert titles(home) == ["of the account"]
    assert len(run("accounts", "--json").lines()) == 2
    assert run("sync", "--once").code == 0


def test_the_same_user_id_at_a_server_with_another_id_is_another_account(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, moved: str
) -> None:
    write(home, "one")
    assert login(run, sterna_server, somebody, "--adopt", "--yes").code == 0
    registry = home / "data" / "accounts.json"
    content = json.loads(registry.read_text())
    assert content["accounts"][0]["server_id"]
    content["accounts"][0]["server_id"] = "6f0c0000-0000-4000-8000-00000000000f"
    registry.write_text(json.dumps(content))
    done = login(run, moved, somebody, "--yes")
    assert done.code == 0
    assert "moved" not in done.out
    assert titles(home) == []
    assert len(run("accounts", "--json").lines()) == 2


def test_what_a_strange_server_leaves_behind_is_said_and_can_be_taken_along(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    write(home, "unsent")
    assert login(run, sterna_server, somebody, "--adopt").code == 0
    stranger = sign_up(sterna_server)
    done = login(run, sterna_server, stranger, "--yes")
    assert done.code == 0
    assert "It has 1 change that " in done.out
    assert "--adopt" in done.out
    assert titles(home) == []
    assert run("accounts", "use", somebody.email).code == 0
    assert login(run, sterna_server, stranger, "--adopt", "--yes").code == 0
    assert titles(home) == ["unsent"]
    assert run("whoami", "--json").json()["email"] == stranger.email
    assert run("sync", "--once").code == 0
    assert run("accounts", "use", somebody.email).code == 0
    assert titles(home) == ["unsent"]


def test_an_email_that_has_an_account_is_told_to_sign_in(run: Run, sterna_server: str, somebody: Somebody) -> None:
    done = run(
        "login", sterna_server, "--email", somebody.email, "--password-stdin", "--create",
        stdin=b"a password of theirs\n\n",
    )  # fmt: skip
    assert done.code == 1
    assert "That email already has an account" in done.err
    assert "Sign in instead." in done.err


def test_who_gives_up_after_making_an_account_is_told_that_it_is_there(
    run: Run, home: Path, sterna_server: str
) -> None:
    write(home, "one")
    program = str(Path(sys.executable).with_name("sterna"))
    email = sign_up(sterna_server).email.replace("@", "-new@")
    seen = pexpect.spawn(program, ["login", sterna_server, "--create", "--email", email], encoding="utf-8", timeout=30)
    for question in ("Password", "Repeat", "Invitation"):
        seen.expect(question)
        seen.sendline("" if question == "Invitation" else "a password of theirs")
    seen.expect("Choose")
    seen.sendintr()
    seen.expect("was created, but you are not signed in")
    seen.expect(pexpect.EOF)
    seen.close()
    assert seen.exitstatus == 130
    assert run("whoami").code == 1
