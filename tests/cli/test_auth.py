"""Signing in and out on the command line, with a real server: the history, and secrets that are never shown."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pexpect
import pytest

from sterna.storage import Store, data_dir, open_account
from sterna.storage.accounts import registry
from tests.cli.conftest import Run
from tests.clients import WORD, Somebody, decide, sign_up


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


@pytest.fixture
def talked(home: Path) -> str:
    """Create a conversation before any sign-in."""
    return talk(home, "sandpiper")


def talk(home: Path, title: str) -> str:
    store = Store.open(open_account(data_dir(home / "data")))
    session = store.conversations.create(title)
    store.close()
    return session.id


def titles(home: Path) -> list[str]:
    store = Store.open(open_account(home / "data"))
    found = [row.title for row in store.conversations.page(0, 100)]
    store.close()
    return found


def sign_in(run: Run, address: str, who: Somebody, *more: str) -> Any:
    return run("login", address, "--email", who.email, "--password-stdin", *more, stdin=f"{who.password}\n".encode())


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_first_sign_in_takes_the_history_along(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    done = sign_in(run, sterna_server, somebody, "--adopt", "--yes")
    assert (done.code, done.err) == (0, "")
    host = sterna_server.partition("://")[2]
    assert f"Signed in to {host} as {somebody.email}." in done.out
    assert "Added 1 conversation of this device to the account." in done.out
    assert run("whoami", "--json").json() == {
        "signed_in": True,
        "email": somebody.email,
        "user_id": somebody.id,
        "server": sterna_server,
        "kind": "sterna",
        "sending": True,
        "file": str(open_account(home / "data")),
    }
    store = Store.open(open_account(home / "data"))
    assert (store.user_id, store.linking.owner()) == (somebody.id, (sterna_server, somebody.id))
    assert store.sync_metadata.waiting() == 1
    store.close()
    settings = (home / "config" / "config.toml").read_text()
    assert f'server = "{sterna_server}"' in settings
    assert "enabled = true" in settings


def test_tokens_are_in_the_private_file_and_nowhere_else(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    done = sign_in(run, sterna_server, somebody, "--adopt", "--yes")
    path = home / "config" / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    (kept,) = json.loads(path.read_text()).values()
    tokens = json.loads(kept)
    for secret in (tokens["access"], tokens["refresh"], WORD):
        assert secret not in done.out + done.err
        assert secret.encode() not in everything(home / "data")
        assert secret not in (home / "config" / "config.toml").read_text()
    shown = run("whoami").out + run("accounts").out + run("doctor", "--offline").out
    assert tokens["access"] not in shown
    assert tokens["refresh"] not in shown


def test_without_a_yes_nothing_is_sent(run: Run, home: Path, sterna_server: str, somebody: Somebody) -> None:
    done = sign_in(run, sterna_server, somebody)
    assert "Sync is off; nothing is sent. To turn it on: sterna sync on" in done.out
    assert run("whoami", "--json").json()["sending"] is False
    assert "enabled" not in (home / "config" / "config.toml").read_text()


def test_what_is_no_address_is_refused_before_anything_is_asked(run: Run, home: Path, talked: str) -> None:
    done = run("login", "two words")
    assert (done.code, done.err) == (
        1, "sterna: This is not a server address. Use the form https://sterna.example.org\n",
    )  # fmt: skip


def test_a_script_has_to_say_what_becomes_of_the_history(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    done = sign_in(run, sterna_server, somebody, "--yes")
    assert done.code == 2
    assert "There is 1 conversation on this device. Use --adopt to add them to the account" in done.err
    assert run("whoami").code == 1


def test_a_history_that_is_left_beside_is_found_again(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    assert sign_in(run, sterna_server, somebody, "--beside", "--yes").code == 0
    assert titles(home) == []
    listed = run("accounts", "--json").lines()
    assert [(item["email"], item["current"]) for item in listed] == [(None, False), (somebody.email, True)]
    assert run("accounts", "use", "This device").code == 0
    assert titles(home) == ["sandpiper"]
    assert run("whoami").code == 1
    assert run("accounts", "use", somebody.email).code == 0
    assert titles(home) == []
    assert run("whoami").code == 0
    done = run("accounts", "use", "nobody")
    assert (done.code, "No account here is named nobody" in done.err) == (1, True)


def test_a_local_history_is_added_to_the_file_that_the_account_has_here(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    sign_in(run, sterna_server, somebody, "--beside", "--yes")
    talk(home, "of the account")
    run("accounts", "use", "This device")
    done = sign_in(run, sterna_server, somebody, "--adopt", "--yes")
    assert "Added 1 conversation of this device to the account." in done.out
    assert sorted(titles(home)) == ["of the account", "sandpiper"]
    assert len(run("accounts", "--json").lines()) == 2


def test_signing_out_keeps_everything_and_sends_no_delete(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    sign_in(run, sterna_server, somebody, "--adopt", "--yes")
    done = run("logout")
    assert (done.code, done.err) == (0, "")
    assert "The history stays on this device, with 1 change to sync." in done.out
    assert titles(home) == ["sandpiper"]
    store = Store.open(open_account(home / "data"))
    assert store.linking.owner() == (sterna_server, somebody.id)
    assert [row["op"] for row in store.db.rows("select op from sync_outbox")] == ["put"]
    store.close()
    assert json.loads((home / "config" / "credentials.json").read_text()) == {}
    again = run("whoami")
    assert (again.code, again.out) == (
        1,
        f"Signed out of {sterna_server.partition('://')[2]}. The history is still on this device.\n",
    )
    out = run("logout")
    assert (out.code, out.err) == (1, "sterna: Not signed in.\n")
    assert sign_in(run, sterna_server, somebody, "--yes").code == 0  # no question: it is the account's already
    assert run("whoami").code == 0


def test_another_account_gets_a_file_of_its_own(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    sign_in(run, sterna_server, somebody, "--adopt", "--yes")
    other = sign_up(sterna_server)
    done = sign_in(run, sterna_server, other, "--yes")
    assert done.code == 0
    assert titles(home) == []
    files = {item.user_id: item.file for item in registry.listed(home / "data")}
    assert set(files) == {somebody.id, other.id}
    first = Store.open(home / "data" / files[somebody.id])
    assert (first.linking.owner(), first.conversations.count(), first.sync_metadata.waiting()) == (
        (sterna_server, somebody.id),
        1,
        1,
    )
    first.close()
    assert sign_in(run, sterna_server, somebody, "--yes").code == 0
    assert titles(home) == ["sandpiper"]


def test_an_account_can_be_made(run: Run, home: Path, sterna_server: str) -> None:
    email = f"{os.urandom(6).hex()}@example.org"
    made = run("login", sterna_server, "--email", email, "--create", "--password-stdin", stdin=f"{WORD}\n\n".encode())
    assert (made.code, made.err) == (0, "")
    assert run("whoami", "--json").json()["email"] == email


def test_a_list_of_accounts_that_a_crash_left_behind_is_corrected_by_the_file(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    store = Store.open(open_account(home / "data"))
    store.linking.adopt(sterna_server, somebody.id, somebody.email)
    store.close()
    assert registry.current(home / "data").local
    assert run("whoami", "--json").json()["user_id"] == somebody.id
    assert registry.current(home / "data").origin == sterna_server


REFUSED = (
    (("login", "http://sterna.example.org"), 1, "Use https://"),
    (("login", "ftp://x"), 1, "not a server address"),
    (("login", "127.0.0.1:9", "--email", "a@example.org", "--password-stdin"), 1, "Nothing answers at 127.0.0.1:9"),
    (("login",), 2, "Enter the server"),
    (("login", "https://x.example"), 2, "Choose how to sign in"),
    (("login", "https://x.example", "--device", "--email", "a"), 2, "remove --email"),
    (("login", "https://x.example", "--create", "--email", "a", "--password-stdin"), 2, "no password"),
    (("logout",), 1, "Not signed in."),
)  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "says"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_what_cannot_be_is_a_sentence(run: Run, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = run(*arguments, stdin=b"" if "--create" in arguments else b"a password\n")
    assert done.code == code
    assert says in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_wrong_password_changes_nothing(
    run: Run, home: Path, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    before = (home / "data" / "accounts.json").read_text()
    done = run(
        "login", sterna_server, "--email", somebody.email, "--password-stdin", "--adopt", stdin=b"not the word\n"
    )
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("sterna: Wrong email or password for 127.0.0.1:")
    assert "not the word" not in done.err
    assert (home / "data" / "accounts.json").read_text() == before
    assert not (home / "config" / "credentials.json").exists()


def test_a_config_that_names_another_server_stops_the_sending(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    sign_in(run, sterna_server, somebody, "--yes")
    assert run("whoami", "--json").json()["sending"] is True
    path = home / "config" / "config.toml"
    path.write_text(path.read_text().replace(sterna_server, "https://elsewhere.example"))
    assert run("whoami", "--json").json()["sending"] is False


def test_a_command_may_give_the_token(run: Run, home: Path, sterna_server: str, somebody: Somebody) -> None:
    import httpx

    answer = {"email": somebody.email, "password": WORD}
    grant = f"{sterna_server}/auth/v1/token?grant_type=password"
    token = httpx.post(grant, json=answer, timeout=30).json()["access_token"]
    (home / "token").write_text(token)
    (home / "config" / "config.toml").write_text(f'[sync]\ntoken_command = "cat {home / "token"}"\n')
    done = run("login", sterna_server, "--yes")
    assert (done.code, done.err) == (0, "")
    assert run("whoami", "--json").json()["user_id"] == somebody.id
    assert not (home / "config" / "credentials.json").exists()
    assert run("logout").code == 1


# A person at a terminal


def terminal(*arguments: str) -> Any:
    program = str(Path(sys.executable).with_name("sterna"))
    return pexpect.spawn(program, list(arguments), encoding="utf-8", timeout=30, dimensions=(40, 200))


def test_a_person_is_asked_for_everything(
    home: Path, run: Run, sterna_server: str, somebody: Somebody, talked: str
) -> None:
    seen = terminal("login", sterna_server)
    seen.expect("Email .leave blank to sign in with a browser.: ")
    seen.sendline(somebody.email)
    seen.expect("Password for .* at 127.0.0.1:[0-9]+: ")
    seen.sendline(WORD)
    seen.expect("There is 1 conversation on this device.*Choose .adopt, beside.: ")
    seen.sendline("adopt")
    seen.expect("1 conversation, and new ones, will be sent to 127.0.0.1:[0-9]+ and stored there.")
    seen.expect("Sync your history to 127.0.0.1:[0-9]+. .y/n.: ")
    seen.sendline("y")
    seen.expect(f"Signed in to 127.0.0.1:[0-9]+ as {somebody.email}")
    seen.expect(pexpect.EOF)
    assert WORD not in seen.before
    seen.close()
    assert seen.exitstatus == 0
    assert run("whoami", "--json").json()["sending"] is True


def test_a_person_signs_in_with_a_browser(home: Path, run: Run, sterna_server: str, somebody: Somebody) -> None:
    seen = terminal("login", sterna_server, "--device", "--yes")
    seen.expect("Open (http://[^ ]+/device) in a browser")
    page = seen.match[1]
    seen.expect("([A-Z0-9]{4}-[A-Z0-9]{4})")
    browser = threading.Thread(target=decide, args=(f"{page}?user_code={seen.match[1]}", somebody))
    browser.start()
    seen.expect(f"Signed in to 127.0.0.1:[0-9]+ as {somebody.email}")
    browser.join(30)
    seen.close()
    assert run("whoami", "--json").json()["user_id"] == somebody.id


def test_who_gives_up_at_the_question_has_changed_nothing(
    home: Path, run: Run, sterna_server: str, somebody: Somebody, talked: str, db: Any
) -> None:
    seen = terminal("login", sterna_server, "--email", somebody.email)
    seen.expect("Password")
    seen.sendline(WORD)
    seen.expect("Choose")
    seen.sendintr()
    seen.expect(pexpect.EOF)
    seen.close()
    assert seen.exitstatus == 130
    assert run("whoami").code == 1
    assert not (home / "config" / "credentials.json").exists()
    left = db.execute("select count(*) as n from sterna.refresh_tokens where user_id = %s", (somebody.id,)).fetchone()
    assert left["n"] == 1  # that of sign_up: the one nobody keeps was ended at the server too
