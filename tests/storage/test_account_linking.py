"""A local history at a sign-in: all of it becomes the account's, or nothing changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ticking import Ticking

from sterna.storage import Invalid, Store

ORIGIN = "https://sterna.example.org"
ADA = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"

Opener = Callable[[str], Store]


@pytest.fixture
def opened(tmp_path: Path, clock: Ticking) -> Iterator[Opener]:
    """Opens a store by name; twice the same name is another process's view of one file."""
    made: list[Store] = []

    def opener(name: str) -> Store:
        made.append(Store.open(tmp_path / f"{name}.db", clock=clock))
        return made[-1]

    yield opener
    for store in made:
        store.close()


def talk(store: Store, title: str, *words: str) -> str:
    """A conversation with these messages; gives its id."""
    session = store.conversations.create(title)
    for word in words:
        number = store.db.execute("select count(*) from chat_messages").fetchone()[0]
        store.db.execute(
            "insert into chat_messages (id, session_id, role, content, message_timestamp) values (?, ?, 'user', ?, ?)",
            (f"msg_{session.id}_{number}", session.id, word, store.db.stamp()),
        )
    return session.id


def hide(store: Store, session_id: str) -> None:
    """Make a conversation private, as before anything of it was captured."""
    store.db.execute("insert into sync_private values (?)", (session_id,))
    store.db.execute("delete from sync_outbox where conv_id = ?", (session_id,))


def column(store: Store, sql: str) -> list[Any]:
    return [row[0] for row in store.db.execute(sql)]


def queued(store: Store) -> set[tuple[str, str]]:
    return {(row["kind"], row["conv_id"]) for row in store.db.rows("select kind, conv_id from sync_outbox")}


def test_a_local_history_becomes_the_accounts(store: Store) -> None:
    first = talk(store, "One", "hello", "again")
    store.conversations.set_setting(first, "model", "a/b")
    before = store.conversations.get(first)
    local = store.user_id
    assert store.linking.owner() is None
    assert store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    assert store.linking.owner() == (ORIGIN, ADA)
    assert store.user_id == ADA != local
    for table in ("chat_sessions", "user_usage_daily", "user_activity_log"):
        assert set(column(store, f"select user_id from {table}")) == {ADA}
    assert column(store, "select id || clerk_id || email from profiles") == [ADA + ADA + "ada@example.org"]
    assert store.conversations.get(first) == before._replace(user_id=ADA)
    assert queued(store) == {("c", first), ("m", first), ("s", first)}
    assert store.maintenance.damage() == []


def test_everything_that_is_not_private_is_queued_and_what_is_private_stays(store: Store) -> None:
    seen, secret = talk(store, "Seen", "a"), talk(store, "Secret", "b")
    hide(store, secret)
    store.conversations.set_setting(secret, "pinned", True)
    store.db.execute("delete from sync_outbox")  # as after a capture that another tool switched off
    store.conversations.set_setting(seen, "pinned", True)
    store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    assert queued(store) == {("c", seen), ("m", seen), ("s", seen)}
    assert (
        store.linking.history().conversations,
        store.linking.history().messages,
        store.linking.history().private,
    ) == (2, 2, 1)


def test_an_edit_that_waited_keeps_its_time(store: Store, clock: Ticking) -> None:
    talk(store, "One", "a")
    before = [tuple(row) for row in store.db.rows("select kind, id, edited_at, rev from sync_outbox order by seq")]
    for _ in range(50):
        clock()
    store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    after = [tuple(row) for row in store.db.rows("select kind, id, edited_at, rev from sync_outbox order by seq")]
    assert after == before


def test_a_clear_of_before_the_sign_in_is_not_sent(store: Store) -> None:
    talk(store, "One", "a")
    store.trash.clear_all()
    assert column(store, "select kind from sync_outbox") == ["x"]
    store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    assert store.sync_metadata.waiting() == 0


def test_signing_in_again_changes_nothing_but_the_name(store: Store) -> None:
    talk(store, "One", "a")
    assert store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    store.db.execute("delete from sync_outbox")
    assert not store.linking.adopt(ORIGIN, ADA, "ada@new.example.org")
    assert store.sync_metadata.waiting() == 0
    assert column(store, "select email from profiles") == ["ada@new.example.org"]


@pytest.mark.parametrize(("origin", "user"), [(ORIGIN, BOB), ("https://other.example", ADA)])
def test_the_history_of_one_account_is_never_anothers(store: Store, origin: str, user: str) -> None:
    store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    with pytest.raises(Invalid, match="belongs to another account"):
        store.linking.adopt(origin, user, "bob@example.org")
    assert store.linking.owner() == (ORIGIN, ADA)
    assert column(store, "select email from profiles") == ["ada@example.org"]


@pytest.mark.parametrize("user", ["", "x", ADA.upper().replace("1", "A"), "{" + ADA + "}"])
def test_what_is_no_account_is_refused(store: Store, user: str) -> None:
    with pytest.raises(Invalid):
        store.linking.adopt(ORIGIN, user, "")
    assert store.linking.owner() is None


@pytest.mark.parametrize("step", ["sync_account", "sync_outbox", "user_activity_log"])
def test_a_failure_in_the_middle_leaves_a_local_history(store: Store, step: str) -> None:
    first = talk(store, "One", "a")
    store.db.execute("delete from sync_outbox")
    store.db.execute("delete from user_activity_log")
    before = store.user_id
    store.db.execute(f"create temp trigger fails before insert on main.{step} begin select raise(abort, 'no'); end")
    with pytest.raises((sqlite3.IntegrityError, Invalid)):
        store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    store.db.execute("drop trigger fails")
    assert (store.linking.owner(), store.user_id, store.sync_metadata.waiting()) == (None, before, 0)
    assert column(store, "select user_id from chat_sessions") == [before]
    assert store.linking.adopt(ORIGIN, ADA, "ada@example.org")
    assert queued(store) == {("c", first), ("m", first)}


def test_another_process_goes_on_writing_into_the_adopted_file(opened: Opener) -> None:
    one, other = opened("a"), opened("a")
    talk(other, "Before", "a")
    one.linking.adopt(ORIGIN, ADA, "ada@example.org")
    talk(other, "After", "b")
    assert column(one, "select user_id from chat_sessions") == [ADA, ADA]
    assert sum(day["sessions_created"] for day in other.usage.usage_days(2)) == 2


# Adding to the file that the account has here


def test_a_local_history_is_added_to_the_accounts_file(opened: Opener) -> None:
    here, account = opened("here"), opened("account")
    mine, secret = talk(here, "Mine", "sandpiper"), talk(here, "Secret", "b")
    here.conversations.set_setting(mine, "model", "a/b")
    here.conversations.set_setting(secret, "pinned", True)
    hide(here, secret)
    account.linking.adopt(ORIGIN, ADA, "ada@example.org")
    old = talk(account, "Old", "c")
    account.db.execute("delete from sync_outbox")
    times = {row["id"]: row["edited_at"] for row in here.db.rows("select id, edited_at from sync_outbox")}
    added = account.linking.merge_from(here.linking)
    assert (added.conversations, added.messages, added.private) == (2, 2, 1)
    assert {row.id for row in account.conversations.page(0, 10)} == {mine, secret, old}
    assert set(column(account, "select user_id from chat_sessions")) == {ADA}
    assert queued(account) == {("c", mine), ("m", mine), ("s", mine)}
    assert {row["id"]: row["edited_at"] for row in account.db.rows("select id, edited_at from sync_outbox")} == times
    assert column(account, "select conv_id from sync_private") == [secret]
    assert account.conversations.get(mine) == here.conversations.get(mine)._replace(user_id=ADA)
    assert account.conversations.settings(mine) == {"model": "a/b"}
    assert column(account, f"select title_class from sync_session_state where session_id = '{mine}'") == [1]
    assert [hit.session_id for hit in account.search.search("sandpiper")] == [mine]
    assert account.maintenance.damage() == []


def test_adding_twice_adds_nothing_and_takes_nothing(opened: Opener) -> None:
    here, account = opened("here"), opened("account")
    mine = talk(here, "Mine", "a")
    before = here.linking.history()
    account.linking.adopt(ORIGIN, ADA, "ada@example.org")
    account.linking.merge_from(here.linking)
    account.db.execute("delete from sync_outbox")
    account.conversations.rename(mine, "Mine, renamed")
    again = account.linking.merge_from(here.linking)
    assert (again.conversations, again.messages) == (0, 0)
    assert account.conversations.get(mine).title == "Mine, renamed"
    assert queued(account) == {("c", mine)}
    assert here.linking.history() == before


def test_what_came_later_is_added_to_the_conversation_that_is_there(opened: Opener) -> None:
    here, account = opened("here"), opened("account")
    mine = talk(here, "Mine", "a")
    account.linking.adopt(ORIGIN, ADA, "ada@example.org")
    account.linking.merge_from(here.linking)
    account.db.execute("delete from sync_outbox")
    here.db.execute(
        "insert into chat_messages (id, session_id, role, content) values ('msg_2', ?, 'user', 'later')", (mine,)
    )
    assert account.linking.merge_from(here.linking).messages == 1
    assert account.conversations.get(mine).message_count == 2
    assert column(account, "select id from sync_outbox") == ["msg_2"]


def test_what_was_deleted_in_the_accounts_file_stays_deleted(opened: Opener) -> None:
    here, account = opened("here"), opened("account")
    mine, kept = talk(here, "Mine", "a"), talk(here, "Kept", "b", "c")
    account.linking.adopt(ORIGIN, ADA, "ada@example.org")
    account.linking.merge_from(here.linking)
    account.trash.delete_conversation(mine)
    gone = column(account, f"select id from chat_messages where session_id = '{kept}'")[0]
    account.db.execute("delete from chat_messages where id = ?", (gone,))
    assert account.linking.merge_from(here.linking).messages == 0
    assert [row.id for row in account.conversations.page(0, 10)] == [kept]
    assert account.conversations.get(kept).message_count == 1


def test_a_merge_that_fails_leaves_both_files_as_they_were(opened: Opener) -> None:
    here, account = opened("here"), opened("account")
    talk(here, "Mine", "a", "b")
    account.linking.adopt(ORIGIN, ADA, "ada@example.org")
    account.db.execute(
        "create temp trigger fails before insert on main.chat_messages begin select raise(abort, 'no'); end"
    )
    with pytest.raises((sqlite3.IntegrityError, Invalid)):
        account.linking.merge_from(here.linking)
    assert account.linking.history().conversations == 0
    assert account.sync_metadata.waiting() == 0
    assert here.linking.history().messages == 2
