"""Several servers of one database share rate limits and notify each other of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from accounts import Db, client_of, connect
from polling import wait_until

from sterna.server.database.pool import Database
from sterna.server.http.shared_rate_limits import SharedWindows
from sterna.server.settings import ServerSettings
from sterna.server.sync.change_notifier import ChangeNotifier
from sterna.sync.wire import Op

HOUR = 3600


class Time:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(settings: ServerSettings) -> Any:
    database = Database(settings.database_url, server_url=settings.server_url, size=2)
    await database.open()
    yield database
    await database.close()


def windows(database: Database, time: Time) -> SharedWindows:
    return SharedWindows(database, time, lambda key: key, every=HOUR)


def test_what_one_counted_counts_at_the_other_after_an_exchange_and_leaves_the_hour(settings: ServerSettings) -> None:
    async def play() -> None:
        time, key = Time(), f"k{Random().random()}"
        async with opened(settings) as database:
            first, other = windows(database, time), windows(database, time)
            for _ in range(7):
                assert await first.acquire_entry(key, 10, HOUR)
            assert await other.acquire_entry(key, 10, HOUR)
            await first.exchange()
            await other.exchange()
            assert await other.get_moving_window(key, 10, HOUR) == (time.now // 60 * 60, 8)
            assert not await other.acquire_entry(key, 10, HOUR, 3)
            assert await other.acquire_entry(key, 10, HOUR, 2)
            time.now += HOUR + 60
            assert (await other.get_moving_window(key, 10, HOUR))[1] == 0
            assert await other.acquire_entry(key, 10, HOUR, 10)
            await first.close()
            await other.close()

    asyncio.run(play())


def test_a_database_that_is_away_costs_no_count(settings: ServerSettings) -> None:
    async def play() -> None:
        time, key = Time(), f"k{Random().random()}"
        async with opened(settings) as database:
            first, other = windows(database, time), windows(database, time)
            database.has_schema = False  # everything is answered 503
            assert await first.acquire_entry(key, 10, HOUR, 4)
            await first.exchange()
            database.has_schema = True
            await first.exchange()
            assert await other.acquire_entry(key, 10, HOUR)
            await other.exchange()
            assert (await other.get_moving_window(key, 10, HOUR))[1] == 5
            await first.close()
            await other.close()

    asyncio.run(play())


def test_guesses_at_passwords_are_counted_together_at_once(served: Callable[..., str], db: Db) -> None:
    address = ".".join(str(Random().randrange(1, 250)) for _ in range(4))
    servers = [served(rate_limits=True, shared_rate_limits=True, trusted_proxies=1) for _ in range(2)]
    answers = []
    for n in range(32):
        with client_of(servers[n % 2], {"x-forwarded-for": address}) as http:
            body = {"email": f"nobody{n}{address}@example.org", "password": "a guess of many words"}
            answers.append(http.post("/auth/v1/token?grant_type=password", json=body).status_code)
    assert answers.count(429) == 2
    assert answers[-2:] == [429, 429]
    named = db.execute("select count(*) as n from sterna.rate_counts where key like %s", (f"%{address}%",)).fetchone()
    assert named == {"n": 0}, "no address is written down"


def test_a_listener_wakes_at_once_for_what_another_server_wrote(settings: ServerSettings, ada: Any) -> None:
    """The database is polled once an hour here, so only a notification can wake the waiter."""

    async def play() -> None:
        async with opened(settings) as here, opened(settings) as there:
            notifier, other = ChangeNotifier(here, HOUR), ChangeNotifier(there, HOUR)
            with notifier.waiter(ada.id, 0) as waiter, connect(settings.admin_url) as admin:
                await asyncio.to_thread(
                    wait_until,
                    lambda: admin.execute(
                        "select 1 from pg_stat_activity where application_name = %s and query like 'listen%%'"
                        " and state = 'idle'",
                        (notifier._channel._name,),
                    ).fetchone(),
                    "it listens",
                )
                device = await asyncio.to_thread(lambda: ada.http.post("/api/chat/sync", json=push(), headers=HEADERS))
                assert device.status_code == 200
                other.on_write(ada.id)
                assert await waiter.wait(20)
                assert waiter.seq > 0
            await notifier.close()
            await other.close()

    asyncio.run(play())


HEADERS = {"sync-client": "test/1; proto=1-1"}


def push() -> dict[str, Any]:
    op = Op("c", "c1", "put", value={"title": "T"}).encode()
    return {"conversations": [], "sync": {"replica": "r", "push_seq": 1, "ops": [op]}}


@pytest.mark.parametrize("payload", ["", ":", "x", "x:y", f"x:{'0' * 31}", "x:" + "," * 50])
def test_a_notice_of_a_stranger_breaks_nothing(settings: ServerSettings, payload: str) -> None:
    async def play() -> None:
        async with opened(settings) as database:
            ChangeNotifier(database, HOUR)._channel._receive(payload)

    asyncio.run(play())
