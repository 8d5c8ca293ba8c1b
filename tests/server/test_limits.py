"""Time limits and shares of accounts: statements, transactions, requests and connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from accounts import Db, Person, client_of, connect
from polling import wait_until

from sterna.server.database.embedded import Embedded
from sterna.server.database.pool import READ_SECONDS, WRITE_SECONDS, Connection, Database
from sterna.server.errors import ApiError
from sterna.server.http import deadlines
from sterna.server.http import header_limits as heads
from sterna.server.identity import NOBODY, SERVER, Identity

SYNC = "/api/chat/sync"
SLOW = 0.3


def run(postgres: Embedded, work: Callable[[Database], Coroutine[Any, Any, None]]) -> None:
    async def opened() -> None:
        database = Database(postgres.url, server_url=postgres.service_url, size=4)
        await database.open()
        try:
            await work(database)
        finally:
            await database.close()

    asyncio.run(opened())


async def sleeps(db: Connection) -> None:
    await db.execute("select pg_sleep(600)")


async def sleeps_often(db: Connection) -> None:
    while True:
        await db.execute("select pg_sleep(0.1)")


@pytest.mark.parametrize("who", [NOBODY, SERVER])
@pytest.mark.parametrize("work", [sleeps, sleeps_often])
def test_a_statement_and_a_transaction_end_at_their_limit(
    postgres: Embedded, who: Identity, work: Callable[[Connection], Awaitable[None]]
) -> None:
    async def limited(database: Database) -> None:
        for using in (database.read, database.write):
            with pytest.raises(ApiError) as refused:
                await using(who, work, seconds=SLOW)
            assert (refused.value.code, refused.value.retry_after) == ("gateway_timeout", 30)
        # the connection is as new afterwards
        assert await database.read(who, _timeout) == f"{READ_SECONDS:.0f}s"

    run(postgres, limited)


async def _timeout(db: Connection) -> str:
    row = await (await db.execute("show statement_timeout")).fetchone()
    assert row is not None
    return str(row["statement_timeout"]).replace("min", "")


def test_a_write_has_more_time_and_a_wait_for_its_turn_ends_too(postgres: Embedded, db: Db, ada: Person) -> None:
    async def waiting(database: Database) -> None:
        assert await database.write(SERVER, _timeout) == f"{WRITE_SECONDS / 60:.0f}"
        await database.write(ada.identity, _timeout)  # makes her place in the order of writers
        with connect(postgres.admin_url) as other, other.transaction():
            other.execute("select 1 from sync_head where user_id = %s for update", (ada.id,))
            with pytest.raises(ApiError, match="longer than the server allows"):
                await database.write(ada.identity, _timeout, seconds=SLOW)

    run(postgres, waiting)


def waiters(db: Db) -> int:
    row = db.execute("select count(*) as n from pg_stat_activity where wait_event_type = 'Lock'").fetchone()
    return int(row["n"]) if row else 0


@pytest.mark.parametrize("count", [1, 5000])
def test_the_work_of_a_client_that_left_is_cancelled(
    postgres: Embedded, db: Db, ada: Person, address: str, count: int
) -> None:
    items = [{"id": f"conv_{n}", "title": "x", "messages": []} for n in range(count)]
    with connect(postgres.admin_url) as holder, client_of(address, ada.http.headers) as client:
        holder.execute("begin")
        holder.execute("lock table chat_sessions")
        with ThreadPoolExecutor() as pool:
            request = pool.submit(client.post, SYNC, json={"conversations": items[:1000]})
            wait_until(lambda: waiters(db) == 1, "the push waits")
            _break_off(client)
            wait_until(lambda: waiters(db) == 0, "the statement is cancelled")
            assert request.exception() is not None
        holder.execute("rollback")
    assert ada.http.get(SYNC).json()["conversations"] == []


def _break_off(client: Any) -> None:
    """Close the socket under a client that waits for its answer."""
    [connection] = client._transport._pool.connections
    connection._connection._network_stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def test_slow_requests_of_one_person_leave_connections_to_the_others(
    postgres: Embedded, db: Db, ada: Person, bob: Person, served: Callable[..., str]
) -> None:
    address = served(pool_size=6, pool_seconds=1.0)
    with (
        connect(postgres.admin_url) as holder,
        client_of(address, ada.http.headers) as hers,
        client_of(address, bob.http.headers) as his,
        ThreadPoolExecutor(10) as pool,
    ):
        holder.execute("begin")
        holder.execute("lock table chat_sessions")
        requests = [pool.submit(hers.get, SYNC) for _ in range(10)]
        wait_until(lambda: waiters(db) == 2, "as many of hers wait as may")
        for _ in range(3):
            assert his.get("/api/user/data").status_code == 200
        assert waiters(db) == 2
        holder.execute("rollback")
        assert [item.result().status_code for item in requests] == [200] * 10


def test_a_request_that_takes_too_long_is_given_up(
    postgres: Embedded, db: Db, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "SECONDS", SLOW)
    with connect(postgres.admin_url) as holder:
        holder.execute("begin")
        holder.execute("lock table chat_sessions")
        answer = ada.http.get(SYNC)
        assert (answer.status_code, answer.json()["code"]) == (504, "gateway_timeout")
        assert answer.headers["retry-after"]
        wait_until(lambda: waiters(db) == 0, "the statement is cancelled")
        holder.execute("rollback")


def test_connections_that_say_nothing_keep_nobody_out(served: Callable[..., str]) -> None:
    where = urlsplit(served(connections=20))
    silent: list[socket.socket] = []
    try:
        for begun in (b"", b"GET / HTTP/1.1\r\n", b"POST /auth/v1/token HTTP/1.1\r\nHost: localhost\r\n"):
            for _ in range(20):
                connection = socket.create_connection((where.hostname, where.port), timeout=20)
                connection.sendall(begun)
                silent.append(connection)
        with client_of(where.geturl()) as http:
            assert http.get("/healthz").status_code == 200
        wait_until(lambda: sum(map(_is_open, silent)) < 20, "the others are closed")
        assert _is_open(silent[-1])
    finally:
        for connection in silent:
            connection.close()


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_a_client_that_does_not_read_its_answers_is_cut_off(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "UNREAD_SECONDS", SLOW)
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        wait_until(lambda: _was_reset(connection), "the connection is cut off")


def _was_reset(connection: socket.socket) -> bool:
    """Return whether the server has closed the connection, without reading."""
    connection.setblocking(False)
    try:
        connection.send(b"\r\n")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False
