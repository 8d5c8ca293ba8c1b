"""The store behind ``await``: order, errors, and word of what was committed, here or elsewhere."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from builders import exchange
from ticking import Ticking

from sterna.storage import (
    BulkImport,
    Change,
    Conversations,
    Messages,
    NotFound,
    Search,
    Store,
    StoreError,
    StoreThread,
    Trash,
    thread,
)


@pytest.fixture
async def opened(tmp_path: Path, clock: Ticking, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoreThread]:
    monkeypatch.setattr(thread, "POLL_SECONDS", 0.01)
    running = StoreThread(lambda: Store.open(tmp_path / "a.db", clock=clock))
    await running.start()
    yield running
    await running.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - any condition, also one that nobody announces
            await asyncio.sleep(0.005)


async def test_calls_run_in_order_in_one_thread_that_is_not_the_loops(opened: StoreThread) -> None:
    def where(store: Store) -> int:
        return threading.get_ident()

    threads = {await opened.run(where) for _ in range(3)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    made = await asyncio.gather(*(opened.run(Conversations.create, f"t{n}") for n in range(5)))
    assert [row.title for row in await opened.run(Conversations.page, 0, 9)] == [s.title for s in reversed(made)]


async def test_an_error_of_the_store_arrives_where_it_was_awaited(opened: StoreThread) -> None:
    with pytest.raises(NotFound):
        await opened.run(Conversations.get, "gone")


async def test_a_file_that_cannot_be_opened_says_so_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("no database" * 1000)
    running = StoreThread(lambda: Store.open(tmp_path / "a.db"))
    with pytest.raises(StoreError, match="is not a database"):
        await running.start()
    await running.close()


async def test_listeners_hear_which_conversations_a_commit_touched_until_they_stop(opened: StoreThread) -> None:
    heard: list[Change] = []
    stop = opened.subscribe(heard.append)
    session = await opened.run(Conversations.create)
    await asyncio.sleep(0)
    assert heard == [Change(frozenset({session.id}))]
    stop()
    stop()
    await opened.run(Conversations.create)
    await asyncio.sleep(0)
    assert len(heard) == 1


async def test_a_commit_of_another_process_is_noticed(opened: StoreThread, tmp_path: Path) -> None:
    heard: list[Change] = []
    opened.subscribe(heard.append)
    other = Store.open(tmp_path / "a.db")
    reply = exchange(other, "from elsewhere")
    other.close()

    async def noticed() -> bool:
        return Change(elsewhere=True) in heard

    await until(noticed)
    assert (await opened.run(Messages.get, reply.id)).content == "Yes."


async def test_what_an_import_left_for_later_is_indexed_while_the_program_runs(
    opened: StoreThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.storage.conversations.bulk_import.INDEX_AT_ONCE", 0)
    items = [{"id": f"s{n}", "messages": [{"id": f"m{n}", "role": "user", "content": "pebble"}]} for n in range(5)]
    await opened.run(BulkImport.import_conversations, items)

    async def all_found() -> bool:
        return len(await opened.run(Search.search, "pebble")) == 5

    await until(all_found)


ENDLESS = "with recursive n (x) as (select 1 union all select x + 1 from n where x < 100000000) select count(*) from n"


async def test_a_query_that_takes_very_long_is_ended_and_says_so(opened: StoreThread) -> None:
    began = threading.Event()

    def count(store: Store) -> None:
        began.set()
        with store.db.write():
            store.db.rows(ENDLESS)

    counting = asyncio.create_task(opened.run(count))
    while not counting.done():
        await asyncio.sleep(0.001)
        if began.is_set():
            opened.interrupt()
    with pytest.raises(StoreError, match="was ended"):
        await counting
    assert (await opened.run(Conversations.create, "afterwards")).title == "afterwards"


async def test_closing_does_not_wait_for_a_query_that_takes_very_long(
    opened: StoreThread, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(thread, "CLOSE_SECONDS", 0.01)
    ended: list[str] = []

    def count(store: Store) -> None:
        try:
            store.db.rows(ENDLESS)
        except sqlite3.OperationalError:
            ended.append("by the close")

    waiting = asyncio.gather(opened.run(count), opened.run(Conversations.create, "queued behind it"))
    await asyncio.sleep(0)
    await opened.close()
    await waiting
    assert ended == ["by the close"]
    again = Store.open(tmp_path / "a.db")
    assert [row.title for row in again.conversations.page(0, 9)] == ["queued behind it"]
    again.close()


async def test_what_was_deleted_long_ago_is_forgotten_while_the_program_runs(
    opened: StoreThread, clock: Ticking
) -> None:
    reply = await opened.run(exchange, "pebble")
    await opened.run(Trash.delete_conversation, reply.session_id)

    async def forgotten() -> bool:
        return not await opened.run(lambda store: store.db.rows("select 1 from trash_rows"))

    assert not await forgotten()
    clock.move(days=31)
    await until(forgotten)


async def test_closing_twice_is_closing_once(opened: StoreThread) -> None:
    await opened.close()
    await opened.close()
    assert not opened.is_open


def test_being_ended_again_while_it_is_undone_leaves_no_write_open(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "me.db")
    inside, over = threading.Event(), threading.Event()

    def count() -> None:
        with store.db.write():
            inside.set()
            store.db.rows(ENDLESS)

    def insist() -> None:
        while not over.is_set():
            if inside.is_set():
                store.db.connection.interrupt()

    insisting = threading.Thread(target=insist)
    insisting.start()
    try:
        for _ in range(100):
            with pytest.raises(StoreError, match="was ended"):
                count()
            inside.clear()
    finally:
        over.set()
        insisting.join()
    assert store.conversations.create("afterwards").title == "afterwards"
    store.close()
