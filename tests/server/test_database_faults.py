"""Requests while the database is unreachable, restarts, is busy or rejects statements."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from accounts import Db, Person, connect, make_user, token_for
from polling import wait_until

from sterna.server.database import embedded
from sterna.server.database.embedded import Embedded
from sterna.server.database.migrations import migrate
from sterna.server.database.pool import Connection, Database
from sterna.server.errors import ApiError
from sterna.server.identity import SERVER, Identity

SYNC = "/api/chat/sync"


@dataclass
class Own:
    """A PostgreSQL of this file's, to be hurt."""

    running: Embedded

    def kill(self) -> None:
        """Stop the database like a crash, without ending transactions or connections."""
        pid = int((self.running.folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)  # PostgreSQL's immediate shutdown
        wait_until(lambda: not self.answers(), "PostgreSQL ends")

    def start(self) -> None:
        self.running = embedded.start(self.running.folder)

    def answers(self) -> bool:
        try:
            psycopg.connect(self.running.admin_url).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="module")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Own:
    folder: Path = tmp_path_factory.mktemp("faults") / "postgres"
    running = embedded.start(folder)
    migrate(running.admin_url, app_role=embedded.APP, server_role=embedded.SERVICE)
    return Own(running)


@pytest.fixture
def own(_installed: Own) -> Iterator[Own]:
    """Start the database before and after each test, so that it ends with the process."""
    if not _installed.answers():
        _installed.start()
    yield _installed
    if not _installed.answers():
        _installed.start()


def somebody(own: Own) -> dict[str, str]:
    with connect(own.running.admin_url) as admin:
        return {"authorization": f"Bearer {token_for(*make_user(admin))}"}


def is_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    body = answer.json()
    assert body["code"] == "service_unavailable"
    assert body["timestamp"].endswith("Z")
    assert answer.headers["retry-after"] == str(body["retryAfter"])
    assert answer.headers["x-request-id"]


def waits_for_a_lock(admin: Db) -> bool:
    return admin.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock'").fetchone() is not None


def test_a_server_starts_without_its_database_and_works_when_it_comes(own: Own, served: Callable[..., str]) -> None:
    headers = somebody(own)
    own.kill()
    address = served(database_url=own.running.url, service_url=own.running.service_url, pool_seconds=0.2)
    with httpx.Client(base_url=address, headers=headers, timeout=30) as http:
        assert http.get("/healthz").status_code == 200
        is_unavailable(http.get("/readyz"))
        is_unavailable(http.get(SYNC))
        is_unavailable(http.post(SYNC, json={"conversations": []}))
        assert http.get("/metrics").status_code == 200
        own.start()
        wait_until(lambda: http.get("/readyz").status_code == 200, "ready again")
        assert http.get(SYNC).status_code == 200


def test_a_database_that_dies_in_mid_request_is_told_and_comes_back(own: Own, served: Callable[..., str]) -> None:
    headers = somebody(own)
    address = served(database_url=own.running.url, service_url=own.running.service_url, pool_seconds=0.2)
    conversation = {"conversations": [{"id": "a", "title": "x", "messages": []}]}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as http, ThreadPoolExecutor() as pool:
        assert http.get(SYNC).status_code == 200
        with closing(connect(own.running.admin_url)) as admin, closing(connect(own.running.admin_url)) as holder:
            holder.execute("begin")
            holder.execute("lock table chat_sessions")
            waiting = pool.submit(http.post, SYNC, json=conversation)
            wait_until(lambda: waits_for_a_lock(admin), "the request waits")
            own.kill()
            is_unavailable(waiting.result())
        is_unavailable(http.get("/readyz"))
        own.start()
        wait_until(lambda: http.get("/readyz").status_code == 200, "ready again")
        assert http.get(SYNC).json()["conversations"] == []
        assert http.post(SYNC, json=conversation).json()["results"]["synced"] == 1


def test_connections_that_broke_while_they_rested_are_nobodys_trouble(own: Own, served: Callable[..., str]) -> None:
    headers = somebody(own)
    address = served(database_url=own.running.url, service_url=own.running.service_url)
    with httpx.Client(base_url=address, headers=headers, timeout=30) as http:
        assert http.get(SYNC).status_code == 200
        with connect(own.running.admin_url) as admin:
            ended = admin.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'sterna'"
            ).fetchall()
            assert ended
        assert http.get(SYNC).status_code == 200


@asynccontextmanager
async def opened(url: str, **more: Any) -> AsyncIterator[Database]:
    database = Database(url, server_url=url.replace(embedded.APP, embedded.SERVICE), **more)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def nothing(connection: Connection) -> None:
    pass


async def breaks(connection: Connection) -> None:
    raise LookupError


async def fails(connection: Connection) -> None:
    await connection.execute("select 1 / 0")


@pytest.mark.parametrize("work", [nothing, breaks, fails])
async def test_a_pooled_connection_has_forgotten_who_it_worked_for(postgres: Embedded, ada: Person, work: Any) -> None:
    async def who(connection: Connection) -> Any:
        result = await connection.execute(
            "select pg_backend_pid() as pid, session_user::text as session, current_user::text as role,"
            " coalesce(current_setting('request.jwt.claims', true), '') as claims, current_profile_id() as profile"
        )
        return await result.fetchone()

    async with opened(postgres.url, size=1) as database:
        before = await database.read(ada.identity, who)
        assert (before["role"], before["profile"]) == ("authenticated", ada.id)
        try:
            await database.write(ada.identity, work)
        except (LookupError, psycopg.DataError):
            assert work is not nothing
        async with database._pool.connection() as connection:
            row = await (
                await connection.execute(
                    "select pg_backend_pid() as pid, current_user::text as role,"
                    " coalesce(current_setting('request.jwt.claims', true), '') as claims"
                )
            ).fetchone()
        assert row == {"pid": before["pid"], "role": embedded.APP, "claims": ""}
        after = await database.read(Identity(), who)
        assert (after["pid"], after["role"], after["profile"]) == (before["pid"], "anon", None)


async def test_what_an_exception_ends_is_not_kept(postgres: Embedded, db: Db, ada: Person) -> None:
    async def half(connection: Connection) -> None:
        await connection.execute("update profiles set full_name = 'half' where id = %s", (ada.id,))
        raise LookupError

    async with opened(postgres.url, size=1) as database:
        with pytest.raises(LookupError):
            await database.write(SERVER, half)
    row = db.execute("select full_name from profiles where id = %s", (ada.id,)).fetchone()
    assert row != {"full_name": "half"}


async def test_two_that_wait_for_each_other_both_get_through(postgres: Embedded, ada: Person, bob: Person) -> None:
    both_have_one = asyncio.Barrier(2)
    tries = {ada.id: 0, bob.id: 0}

    def taking(me: Person, other: Person) -> Callable[[Connection], Any]:
        async def work(connection: Connection) -> str:
            tries[me.id] += 1
            mine = "update profiles set full_name = %s where id = %s"
            await connection.execute(mine, ("first", me.id))
            if tries[me.id] == 1:
                await both_have_one.wait()
            await connection.execute(mine, ("second", other.id))
            return "done"

        return work

    async with opened(postgres.url) as database:
        done = await asyncio.gather(database.write(SERVER, taking(ada, bob)), database.write(SERVER, taking(bob, ada)))
    assert done == ["done", "done"]
    assert sum(tries.values()) >= 3


async def test_a_write_that_never_gets_through_is_to_be_tried_later(postgres: Embedded) -> None:
    tries = 0

    async def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        raise psycopg.errors.SerializationFailure

    async with opened(postgres.url) as database:
        with pytest.raises(ApiError) as refused:
            await database.write(SERVER, work)
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert tries == 4


def test_when_all_connections_are_busy_the_next_is_told_to_come_again(
    served: Callable[..., str], db: Db, postgres: Embedded, ada: Person, bob: Person
) -> None:
    address = served(pool_size=1, pool_seconds=0.2)
    headers = {"authorization": f"Bearer {ada.token}"}
    conversation = {"conversations": [{"id": "a", "title": "x", "messages": []}]}
    with ThreadPoolExecutor() as pool, connect(postgres.admin_url) as holder:
        holder.execute("begin")
        holder.execute("lock table chat_sessions")
        waiting = pool.submit(httpx.post, f"{address}{SYNC}", json=conversation, headers=headers, timeout=30)
        wait_until(lambda: waits_for_a_lock(db), "the request waits")
        is_unavailable(httpx.get(f"{address}{SYNC}", headers={"authorization": f"Bearer {bob.token}"}))
        assert httpx.get(f"{address}/healthz").status_code == 200
        holder.execute("rollback")
        assert waiting.result().json()["results"]["synced"] == 1
    assert httpx.get(f"{address}{SYNC}", headers=headers).status_code == 200


def test_one_person_who_writes_much_keeps_nobody_else_waiting(
    served: Callable[..., str], db: Db, postgres: Embedded, ada: Person, bob: Person
) -> None:
    address = served(pool_size=2, pool_seconds=0.5)
    hers, his = ({"authorization": f"Bearer {who.token}"} for who in (ada, bob))
    with ThreadPoolExecutor() as pool, connect(postgres.admin_url) as holder:
        holder.execute("begin")
        holder.execute("select public.sync_lock(%s)", (ada.id,))
        pushes = [
            pool.submit(
                httpx.post, f"{address}{SYNC}", json={"conversations": [{"id": f"c{n}"}]}, headers=hers, timeout=30
            )
            for n in range(4)
        ]
        wait_until(lambda: waits_for_a_lock(db), "her first push waits")
        for _ in range(5):
            assert httpx.get(f"{address}{SYNC}", headers=his, timeout=30).status_code == 200
        holder.execute("rollback")
        assert [push.result().json()["results"]["synced"] for push in pushes] == [1, 1, 1, 1]


async def test_a_writer_whose_turn_does_not_come_is_to_come_again(postgres: Embedded, ada: Person, bob: Person) -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def long(connection: Connection) -> None:
        began.set()
        await goes_on.wait()

    async with opened(postgres.url, lock_wait=0.1) as database:
        writing = asyncio.create_task(database.write(ada.identity, long))
        await began.wait()
        await database.write(bob.identity, nothing)
        with pytest.raises(ApiError) as refused:
            await database.write(ada.identity, nothing)
        goes_on.set()
        await writing
        await database.write(ada.identity, nothing)
    assert refused.value.status == 503
