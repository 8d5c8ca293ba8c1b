"""``sterna sync``: status, conflicts, rejected changes and private conversations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from sterna.storage import Settled, Store, data_dir, open_account
from tests.cli.conftest import Run
from tests.clients import Somebody, sign_up
from tests.upstream import Upstream
from tests.upstream import serving as serving_upstream


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


@pytest.fixture
def history(home: Path) -> Iterator[Callable[[], Store]]:
    """Return a function that opens the current history."""
    made: list[Store] = []

    def opened() -> Store:
        made.append(Store.open(open_account(data_dir(home / "data"))))
        return made[-1]

    yield opened
    for store in made:
        store.close()


def sign_in(run: Run, address: str, who: Somebody, *more: str) -> None:
    arguments = ("--email", who.email, "--password-stdin", "--adopt", *more)
    done = run("login", address, *arguments, stdin=f"{who.password}\n".encode())
    assert done.code == 0, done.err


def test_a_local_history_says_so(run: Run, history: Callable[[], Store]) -> None:
    history().conversations.create("One")
    result = run("sync", "status", "--json").json()
    assert (result["phase"], result["server"], result["waiting"], result["refused"]) == ("local", None, 1, [])
    assert "sterna login URL" in result["sentence"]
    for command in (("sync",), ("sync", "--once"), ("sync", "on"), ("sync", "off")):
        done = run(*command)
        assert (done.code, done.out) == (1, ""), command
        assert done.err.startswith("sterna: ")


def test_a_history_that_waits_says_for_how_much(
    run: Run, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    history().conversations.create("One")
    sign_in(run, sterna_server, somebody, "--yes")
    result = run("sync", "status", "--json").json()
    assert (result["phase"], result["waiting"], result["line"], result["complete"]) == (
        "waiting",
        1,
        "1 waiting",
        False,
    )
    assert (result["server"], result["email"], result["next_at"]) == (sterna_server, somebody.email, None)
    assert run("sync", "status").out == f"1 waiting · {somebody.email} at {sterna_server.partition('://')[2]}\n"


def test_the_yes_is_given_and_taken_back(run: Run, sterna_server: str, somebody: Somebody) -> None:
    sign_in(run, sterna_server, somebody)
    assert run("sync", "status", "--json").json()["phase"] == "off"
    refused = run("sync", "--once")
    assert (refused.code, refused.err) == (1, "sterna: Sync is off. Turn it on: sterna sync on\n")
    assert run("sync", "on").code == 0
    assert run("sync", "status", "--json").json()["phase"] == "synced"
    assert run("sync", "off").code == 0
    assert run("sync", "status", "--json").json()["phase"] == "off"


def test_who_is_signed_out_is_told_so(run: Run, sterna_server: str, somebody: Somebody) -> None:
    sign_in(run, sterna_server, somebody, "--yes")
    run("logout")
    assert run("sync", "status", "--json").json()["phase"] == "signin"
    done = run("sync", "--once")
    assert (done.code, done.err) == (1, "sterna: Not signed in. Sign in with: sterna login\n")


def test_a_conversation_is_private_and_no_longer(run: Run, history: Callable[[], Store]) -> None:
    store = history()
    session = store.conversations.create("sandpiper \x1b[2J")
    done = run("sync", "private", session.id)
    assert (done.code, "is now private" in done.out, "\x1b" in done.out) == (0, True, False)
    assert store.sync_metadata.is_private(session.id)
    assert run("sync", "private", "--json").json()["id"] == session.id
    assert run("sync", "status", "--json").json()["private"] == 1
    assert "1 private conversation" in run("sync", "status").out
    assert run("sync", "private", session.id[-12:], "--off").code == 0
    assert not store.sync_metadata.is_private(session.id)
    assert run("sync", "private").out == ""
    assert run("sync", "private", "--off").code == 2
    assert run("sync", "private", "nothing").code == 1


def overtaken(store: Store, title: str, mine: str) -> int:
    """Create a conflict of titles with another device."""
    session = store.conversations.create(title)
    with store.db.write():
        store.conflicts.record("c", session.id, session.id, mine, 1_700_000_000_000)
    return store.conflicts.list_open()[0].id


def test_what_was_overtaken_is_listed_used_and_dismissed(run: Run, history: Callable[[], Store]) -> None:
    store = history()
    first = overtaken(store, "theirs", "mine \x1b]0;x\x07")
    second = overtaken(store, "other", "old")
    listed = run("sync", "conflicts", "--json").lines()
    assert [(item["id"], item["kind"], item["mine"], item["theirs"]) for item in listed] == [
        (second, "title", "old", "other"),
        (first, "title", "mine \x1b]0;x\x07", "theirs"),
    ]
    shown = run("sync", "conflicts")
    assert "yours:   mine" in shown.out
    assert "current: theirs" in shown.out
    assert "\x1b" not in shown.out
    assert run("sync", "conflicts", "dismiss", str(second)).code == 0
    assert run("sync", "conflicts", "use", str(first)).code == 0
    titles = {row.title for row in store.conversations.page(0, 9)}
    assert any(title.startswith("mine") for title in titles)
    (left,) = run("sync", "conflicts", "--json").lines()
    assert left["mine"] == "theirs"
    for command in ("use", "dismiss"):
        done = run("sync", "conflicts", command, "999")
        assert (done.code, done.out) == (1, "")
    assert run("sync", "conflicts", "use", "x").code == 2
    run("sync", "conflicts", "dismiss", str(left["id"]))
    assert run("sync", "conflicts").err == "No conflicts.\n"


def test_what_the_server_refuses_is_named_and_tried_again(
    run: Run, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    store = history()
    session = store.conversations.create("sandpiper")
    sign_in(run, sterna_server, somebody, "--yes")
    store.acknowledgements.block("c", session.id, 2, "too_large", fence=store.sync_metadata.acquire_fence())
    (row,) = store.db.rows("select rev from sync_outbox")
    store.acknowledgements.block("c", session.id, row["rev"], "too_large", fence=store.sync_metadata.acquire_fence())
    (refused,) = run("sync", "status", "--json").json()["refused"]
    assert (refused["id"], refused["title"], refused["reason"], refused["next_at"]) == (
        session.id, "sandpiper", "too_large", None,
    )  # fmt: skip
    shown = run("sync", "status").out
    assert shown.startswith("synced · 1 rejected")
    assert "1 change rejected by the server" in shown
    assert "sandpiper: too large" in shown
    assert run("sync", "retry").out == "1 change will be sent again.\n"
    assert run("sync", "retry").out == "No changes were rejected.\n"
    assert run("sync", "status", "--json").json()["refused"] == []


def test_a_try_that_failed_says_when_the_next_is(
    run: Run, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    sign_in(run, sterna_server, somebody, "--yes")
    store = history()
    store.sync_metadata.schedule(4_000_000_000_000, 3, fence=store.sync_metadata.acquire_fence())
    result: Any = run("sync", "status", "--json").json()
    assert result["next_at"] == "2096-10-02T07:06:40.000000Z"
    assert "3 failed attempts; the next is at 2096-10-02" in run("sync", "status").out


def test_nothing_is_missing_until_a_server_lacks_much(run: Run, history: Callable[[], Store]) -> None:
    assert run("sync", "missing").out == "No conversation is missing.\n"
    store = history()
    with store.db.write():
        store.upstream_pull._set_state("sync_missing_held", 12)
    assert "12 conversations missing on the server" in run("sync", "missing").out
    assert store.upstream_pull.missing() == 12
    assert "uploaded again" in run("sync", "missing", "--keep").out
    assert store.upstream_pull.missing() == 0


# The sync itself


def test_two_computers_are_in_step_after_a_sync_of_each(
    run: Run, home: Path, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    first = history().conversations.create("sandpiper")
    sign_in(run, sterna_server, somebody, "--yes")
    done = run("sync", "--once")
    assert (done.code, done.out) == (0, "Everything is synced.\n"), done.err
    result = run("sync", "status", "--json").json()
    assert (result["phase"], result["waiting"], result["complete"]) == ("synced", 0, True)
    other = ("--data-dir", str(home / "other"), "--config-dir", str(home / "other-config"))
    words = f"{somebody.password}\n".encode()
    signed = run(*other, "login", sterna_server, "--email", somebody.email, "--password-stdin", "--yes", stdin=words)
    assert signed.code == 0, signed.err
    synced = run(*other, "sync", "--once", "--json")
    assert synced.code == 0, synced.err
    assert synced.lines()[-1]["phase"] == "synced"
    assert [item["id"] for item in run(*other, "list", "--json").lines()] == [first.id]


def test_a_private_conversation_stays_and_the_others_go(
    run: Run, home: Path, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    store = history()
    store.conversations.create("seen")
    secret = store.conversations.create("secret")
    store.privacy.set_private(secret.id, True)
    sign_in(run, sterna_server, somebody, "--yes")
    assert run("sync", "--once").code == 0
    other = ("--data-dir", str(home / "other"), "--config-dir", str(home / "other-config"))
    words = f"{somebody.password}\n".encode()
    run(*other, "login", sterna_server, "--email", somebody.email, "--password-stdin", "--yes", stdin=words)
    run(*other, "sync", "--once")
    assert [item["title"] for item in run(*other, "list", "--json").lines()] == ["seen"]
    assert store.conversations.count() == 2


def test_a_sync_that_cannot_be_is_a_sentence(
    run: Run, home: Path, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    history().conversations.create("One")
    sign_in(run, sterna_server, somebody, "--yes")
    for path in (
        home / "config" / "config.toml",
        home / "config" / "credentials.json",
        home / "data" / "accounts.json",
    ):
        path.write_text(path.read_text().replace(sterna_server, "http://127.0.0.1:9"))
    store = history()
    store.db.execute("update sync_account set origin = 'http://127.0.0.1:9'")
    done = run("sync", "--once")
    assert (done.code, done.out) == (1, "")
    assert "Nothing answers at 127.0.0.1:9." in done.err
    assert "Traceback" not in done.err
    assert store.sync_metadata.waiting() == 1
    assert run("sync", "status", "--json").json()["next_at"] is not None


def elsewhere(run: Run, home: Path, name: str, address: str, who: Somebody, *command: str) -> Any:
    """Return a function that runs commands on another device, which is signed in first."""
    folders = ("--data-dir", str(home / name), "--config-dir", str(home / f"{name}-config"))
    if not (home / name).exists():
        words = f"{who.password}\n".encode()
        signed = run(*folders, "login", address, "--email", who.email, "--password-stdin", "--yes", stdin=words)
        assert signed.code == 0, signed.err
    return run(*folders, *command)


def test_keeping_a_synced_conversation_here_is_asked_first_told_elsewhere_and_undone(
    run: Run, home: Path, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    store = history()
    session = store.conversations.create("sandpiper \x1b[2J")
    sign_in(run, sterna_server, somebody, "--yes")
    assert run("sync", "--once").code == 0
    there = (run, home, "other", sterna_server, somebody)
    assert elsewhere(*there, "sync", "--once").code == 0
    prompt = run("sync", "private", session.id)
    assert (prompt.code, prompt.out) == (2, "")
    assert "removed from your other devices" in prompt.err
    assert "--yes" in prompt.err
    assert not store.sync_metadata.is_private(session.id)
    done = run("sync", "private", session.id, "--yes")
    assert done.code == 0
    assert "removes it from the server and your other devices" in done.out
    assert run("sync", "--once").code == 0
    result = elsewhere(*there, "sync", "--once")
    assert "was removed on another device. To restore: sterna undo 1" in result.out
    assert "\x1b" not in result.out
    assert "removed" not in elsewhere(*there, "sync", "--once").out
    assert elsewhere(*there, "undo").code == 0
    assert elsewhere(*there, "sync", "--once").code == 0
    assert elsewhere(run, home, "third", sterna_server, somebody, "sync", "--once").code == 0
    listed = elsewhere(run, home, "third", sterna_server, somebody, "list", "--json").lines()
    assert [item["id"] for item in listed] == [session.id]
    assert store.sync_metadata.is_private(session.id)


def test_a_person_who_says_no_keeps_it_synced(
    run: Run, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    store = history()
    session = store.conversations.create("sandpiper")
    sign_in(run, sterna_server, somebody, "--yes")
    assert run("sync", "--once").code == 0
    program = str(Path(sys.executable).with_name("sterna"))
    for answer in ("n", "y"):
        prompt = pexpect.spawn(program, ["sync", "private", session.id], encoding="utf-8", timeout=30)
        prompt.expect("on this device only")
        prompt.sendline(answer)
        prompt.expect(pexpect.EOF)
        prompt.close()
        assert store.sync_metadata.is_private(session.id) is (answer == "y")


def test_a_sync_that_leaves_refused_changes_does_not_say_that_all_is_synced(
    run: Run, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    store = history()
    good, bad = store.conversations.create("good"), store.conversations.create("bad")
    sign_in(run, sterna_server, somebody, "--yes")
    (row,) = store.db.rows("select rev from sync_outbox where id = :id", id=bad.id)
    store.acknowledgements.block("c", bad.id, row["rev"], "too_large", fence=store.sync_metadata.acquire_fence())
    done = run("sync", "--once")
    assert (done.code, done.out) == (1, "")
    assert "The server rejected 1 change. Everything else is synced. For details: sterna sync status" in done.err
    assert run("sync", "--once", "--json").code == 1
    acked = store.db.rows("select session_id as id from sync_session_state where server_seq > 0")
    assert [row["id"] for row in acked] == [good.id]
    assert run("sync", "retry").code == 0
    assert run("sync", "--once").code == 0


def test_a_sync_in_the_foreground_goes_on_until_it_is_ended(
    run: Run, home: Path, history: Callable[[], Store], sterna_server: str, somebody: Somebody
) -> None:
    store = history()
    store.conversations.create("One")
    sign_in(run, sterna_server, somebody, "--yes")
    program = str(Path(sys.executable).with_name("sterna"))
    seen = pexpect.spawn(program, ["sync"], encoding="utf-8", timeout=30, dimensions=(24, 100))
    seen.expect("synced")
    assert store.sync_metadata.waiting() == 0
    store.conversations.create("Two")
    seen.expect("1 waiting")
    seen.expect("synced")
    assert store.sync_metadata.waiting() == 0
    store.conversations.create("Three")
    seen.expect("1 waiting")
    seen.sendintr()
    seen.expect(pexpect.EOF)
    seen.close()
    assert seen.exitstatus == 0
    assert store.sync_metadata.waiting() == 0  # what waited was sent before the end
    assert "Traceback" not in seen.before


def test_an_upstream_server_is_signed_in_to_and_synced_with(run: Run, home: Path, history: Callable[[], Store]) -> None:
    upstream = Upstream()
    ada = upstream.join()
    store = history()
    first = store.conversations.create("sandpiper")
    for number in range(100):
        begun = store.live_replies.begin_turn(first.id, f"question {number}", model="acme/small")
        store.live_replies.settle(begun.reply.id, Settled("done", "an answer"))
    for number in range(15):
        store.live_replies.begin_turn(None, f"another {number}", model="acme/small")
    with serving_upstream(upstream) as address:
        settings = f'[sync]\nserver = "{address}"\nkind = "upstream"\nsupabase_url = "{address}"\nanon_key = "anon"\n'
        (home / "config" / "config.toml").write_text(settings)
        (home / "other-config").mkdir()
        (home / "other-config" / "config.toml").write_text(settings)
        words = f"{ada.password}\n".encode()
        login = ("login", "--email", ada.email, "--password-stdin", "--yes", "--adopt")
        done = run(*login, stdin=words)
        assert done.code == 0, done.err
        assert run("whoami", "--json").json()["kind"] == "upstream"
        synced = run("sync", "--once")
        assert synced.code == 0, synced.err
        other = ("--data-dir", str(home / "other"), "--config-dir", str(home / "other-config"))
        assert run(*other, *login, stdin=words).code == 0
        synced = run(*other, "sync", "--once", "--json")
        assert synced.code == 0, synced.err
        counted = [(item["done"], item["total"]) for item in synced.lines() if item["total"]]
        assert counted == sorted(counted)
        assert len(counted) > 10
        assert {total for _, total in counted} == {1 + 200 + 2 * 15}
        assert counted[-1][0] == counted[-1][1]
        assert first.id in [item["id"] for item in run(*other, "list", "--json").lines()]
        assert "supports email and password only" in run("login", address, "--device").err
