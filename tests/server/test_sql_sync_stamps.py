"""The history of changes in PostgreSQL: every change has a number, and readers miss none."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from accounts import Db, Person, acting_as, connect

from sterna.server.database.embedded import Embedded
from sterna.server.identity import Identity

Row = tuple[Any, ...]


def rows(db: Db, user: UUID) -> dict[str, dict[str, Any]]:
    """Return the account's sync rows by ``kind:id``."""
    result = db.execute("select * from sync_rows where user_id = %s order by seq", (user,)).fetchall()
    return {f"{row['kind']}:{row['id']}": row for row in result}


def live(db: Db, user: UUID) -> dict[str, int]:
    return {name: row["seq"] for name, row in rows(db, user).items() if row["deleted_at"] is None}


def dead(db: Db, user: UUID) -> dict[str, int]:
    return {name: row["seq"] for name, row in rows(db, user).items() if row["deleted_at"] is not None}


def head(db: Db, user: UUID) -> int:
    row = db.execute("select seq from sync_head where user_id = %s", (user,)).fetchone()
    return 0 if row is None else int(row["seq"])


def say(db: Db, user: UUID, session: str, *ids: str, **more: Any) -> None:
    """Messages in one statement."""
    db.execute(
        "insert into chat_messages (user_id, session_id, id, role, content)"
        " select %s, %s, id, 'user', %s from unnest(%s::text[]) as id"
        " on conflict (user_id, id) do update set content = excluded.content",
        (user, session, more.get("content", "hello"), list(ids)),
    )


@pytest.fixture
def talk(db: Db, ada: Person) -> UUID:
    """One conversation (1), two messages (2, 3), two settings (4, 5)."""
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (user_id, id) values (%s, 's')", (ada.id,))
        say(db, ada.id, "s", "a", "b")
        db.execute(
            "insert into session_settings (user_id, session_id, key, value)"
            " values (%(u)s, 's', 'pinned', 'true'), (%(u)s, 's', 'model', '\"g\"')",
            {"u": ada.id},
        )
    return ada.id


def test_every_new_thing_has_its_own_number_in_the_order_of_the_statement(db: Db, talk: UUID) -> None:
    assert live(db, talk) == {"c:s": 1, "m:a": 2, "m:b": 3, "s:s/pinned": 4, "s:s/model": 5}
    assert head(db, talk) == 5
    assert all(row["created_seq"] == row["seq"] for row in rows(db, talk).values())
    assert {row["session_id"] for row in rows(db, talk).values()} == {"s"}


def test_statistics_and_what_changes_nothing_take_no_number(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        say(db, talk, "s", "a", "b")
        db.execute("update chat_sessions set title = title, message_count = 77, is_active = false where id = 's'")
        db.execute("update session_settings set value = ' true ' where key = 'pinned'")
        db.execute("update chat_messages set content = content")
    assert head(db, talk) == 5


def test_a_change_of_words_takes_a_number_for_its_row_only(db: Db, ada: Person, talk: UUID) -> None:
    before = rows(db, talk)
    with acting_as(db, ada.identity):
        say(db, talk, "s", "b", content="changed")
        db.execute("update chat_sessions set title = 'Named' where id = 's'")
        db.execute("update session_settings set value = 'false' where key = 'pinned'")
        db.execute("update chat_messages set elapsed_time = 3 where id = 'a'")
    assert live(db, talk) == {"s:s/model": 5, "m:b": 6, "c:s": 7, "s:s/pinned": 8, "m:a": 9}
    after = rows(db, talk)
    assert [after[name]["created_seq"] for name in ("c:s", "m:a", "m:b")] == [1, 2, 3]
    assert after["m:b"]["ver"] == before["m:b"]["ver"] + 1
    assert after["m:b"]["time"] > before["m:b"]["time"]


def test_a_mixed_upsert_numbers_the_new_and_the_changed(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute(
            "insert into chat_messages (user_id, session_id, id, role, content)"
            " values (%(u)s, 's', 'a', 'user', 'hello'), (%(u)s, 's', 'b', 'user', 'other'),"
            " (%(u)s, 's', 'c', 'user', '')"
            " on conflict (user_id, id) do update set content = excluded.content",
            {"u": talk},
        )
    result = live(db, talk)
    assert result["m:a"] == 2
    assert {result["m:b"], result["m:c"]} == {6, 7}


def test_a_deleted_message_and_a_deleted_setting_leave_a_dead_row_each(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where id = 'a'")
        db.execute("delete from session_settings where key = 'model'")
        assert db.execute("select kind, id, session_id from deleted_items").fetchall() == [
            {"kind": "message", "id": "a", "session_id": "s"}
        ]
    assert dead(db, talk) == {"m:a": 6, "s:s/model": 7}


def test_a_deleted_conversation_leaves_one_dead_row_for_all_that_was_in_it(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where id = 'a'")
        db.execute("delete from chat_sessions where id = 's'")
        assert db.execute("select kind, id, session_id from deleted_items").fetchall() == [
            {"kind": "session", "id": "s", "session_id": "s"}
        ]
    assert {name: (row["seq"], row["created_seq"]) for name, row in rows(db, talk).items()} == {"c:s": (7, 1)}


def test_a_message_that_was_deleted_before_its_conversation_is_dead_through_it(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where session_id = 's'")
        db.execute("insert into chat_sessions (user_id, id) values (%s, 'other')", (talk,))
        db.execute("delete from chat_sessions")
    assert list(dead(db, talk)) == ["c:s", "c:other"]
    assert live(db, talk) == {}


def test_a_dead_id_that_is_inserted_again_is_new(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where id = 'a'")
        say(db, talk, "s", "a")
        db.execute("delete from chat_sessions where id = 's'")
        db.execute("insert into chat_sessions (user_id, id) values (%s, 's')", (talk,))
        say(db, talk, "s", "a")
    result = rows(db, talk)
    assert live(db, talk) == {"c:s": 9, "m:a": 10}
    assert (result["c:s"]["created_seq"], result["m:a"]["created_seq"]) == (9, 10)


def test_a_message_with_another_id_is_another_message(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("update chat_messages set id = 'z' where id = 'a'")
    assert live(db, talk)["m:z"] == 6
    assert dead(db, talk) == {"m:a": 7}


def test_a_message_that_moves_says_where_it_is(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (user_id, id) values (%s, 't')", (talk,))
        db.execute("update chat_messages set session_id = 't' where id = 'a'")
    assert rows(db, talk)["m:a"]["session_id"] == "t"
    assert live(db, talk)["m:a"] == 7


def test_a_transaction_that_fails_gives_its_numbers_back(db: Db, ada: Person, talk: UUID) -> None:
    def write(fails: bool) -> None:
        with acting_as(db, ada.identity):
            say(db, talk, "s", "c", "d")
            if fails:
                raise LookupError

    with pytest.raises(LookupError):
        write(fails=True)
    write(fails=False)
    assert sorted(live(db, talk).values()) == [1, 2, 3, 4, 5, 6, 7]


def test_nobody_sees_the_history_of_another(db: Db, talk: UUID, bob: Person) -> None:
    with acting_as(db, bob.identity):
        for table in ("sync_rows", "sync_head", "deleted_items", "sync_replica", "sync_commit", "session_counts"):
            assert db.execute(f"select * from {table}".encode()).fetchall() == []
        assert db.execute("select sync_lock() as seq").fetchone() == {"seq": 0}
    assert head(db, talk) == 5


def test_a_caller_without_a_profile_has_no_place_in_any_history(db: Db, ada: Person) -> None:
    stranger = Identity("authenticated", UUID(int=ada.id.int ^ 1))
    with acting_as(db, stranger):
        assert db.execute("select sync_lock() as seq").fetchone() == {"seq": None}


def test_an_erased_account_leaves_nothing(db: Db, ada: Person, talk: UUID) -> None:
    with acting_as(db, ada.identity):
        db.execute("delete from chat_messages where id = 'a'")
    db.execute("delete from auth.users where id = %s", (talk,))
    for table in ("sync_rows", "sync_head", "chat_sessions", "chat_messages", "session_counts", "session_settings"):
        assert db.execute(f"select 1 from {table} where user_id = %s".encode(), (talk,)).fetchall() == []


def test_many_rows_at_once_are_numbered_without_gaps_and_a_large_conversation_goes_in_one(db: Db, ada: Person) -> None:
    many = [f"m{n}" for n in range(3_000)]
    with acting_as(db, ada.identity):
        db.execute("insert into chat_sessions (user_id, id) values (%s, 's')", (ada.id,))
        say(db, ada.id, "s", "first")
        say(db, ada.id, "s", "first", content="so that a plan for one row is kept")
        say(db, ada.id, "s", *many)
        say(db, ada.id, "s", *many, content="all")
    result = live(db, ada.id)
    assert [result[f"m:{name}"] for name in many] == sorted(result[f"m:{name}"] for name in many)
    assert sorted(result[f"m:{name}"] for name in many) == list(range(3_004, 6_004))
    with acting_as(db, ada.identity):
        db.execute("delete from chat_sessions where id = 's'")
    assert {name: row["seq"] for name, row in rows(db, ada.id).items()} == {"c:s": 6_004}


WRITES, WRITERS = 25, 4


def write_many(url: str, ada: Person, name: int, failed: list[BaseException]) -> None:
    """Messages into a conversation that all share and one of its own, two statements a transaction, half of them the
    other way round: writers that meet in the middle must not wait for each other in a circle."""
    try:
        with connect(url) as db:
            for n in range(WRITES):
                sessions = ["shared", f"own{name}"]
                with acting_as(db, ada.identity):
                    for session in sessions if (n + name) % 2 else reversed(sessions):
                        say(db, ada.id, session, f"{session}_{name}_{n}")
    except BaseException as error:
        failed.append(error)
        raise


def follow(db: Db, ada: Person, cursor: int, seen: set[str]) -> int:
    """Read what is after ``cursor`` as a device does; gives the new one."""
    with acting_as(db, ada.identity):
        result = db.execute("select seq, id from sync_rows where seq > %s order by seq limit 50", (cursor,)).fetchall()
    seen.update(row["id"] for row in result)
    return int(result[-1]["seq"]) if result else cursor


def test_writers_at_the_same_time_lose_no_count_and_a_reader_misses_no_row(
    postgres: Embedded, db: Db, ada: Person
) -> None:
    with acting_as(db, ada.identity):
        db.execute(
            "insert into chat_sessions (user_id, id) select %s, id from unnest(%s::text[]) as id",
            (ada.id, ["shared", *(f"own{n}" for n in range(WRITERS))]),
        )
    failed: list[BaseException] = []
    threads = [
        threading.Thread(target=write_many, args=(postgres.admin_url, ada, n, failed), name=f"writer {n}")
        for n in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    seen: set[str] = set()
    cursor = 0
    while any(thread.is_alive() for thread in threads):
        cursor = follow(db, ada, cursor, seen)
    for thread in threads:
        thread.join()
    while (further := follow(db, ada, cursor, seen)) != cursor:
        cursor = further
    assert failed == []
    written = {f"{s}_{w}_{n}" for w in range(WRITERS) for n in range(WRITES) for s in ("shared", f"own{w}")}
    assert written <= seen
    total = 2 * WRITERS * WRITES
    assert sorted(live(db, ada.id).values()) == list(range(1, total + WRITERS + 2))
    counts = db.execute("select id, message_count as n from chat_sessions where user_id = %s", (ada.id,)).fetchall()
    assert {row["id"]: row["n"] for row in counts} == {
        "shared": WRITERS * WRITES,
        **{f"own{w}": WRITES for w in range(WRITERS)},
    }
    sent = db.execute("select messages_sent as n from user_usage_daily where user_id = %s", (ada.id,)).fetchone()
    assert sent == {"n": total}
    made = db.execute("select message_count as n from profiles where id = %s", (ada.id,)).fetchone()
    assert made == {"n": total}
