"""Two devices that both run: how long a change takes from one to the other, and what they ask when nothing happens."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from sterna.storage import AccountLinking, Conversations, Store, StoreThread
from sterna.sync.auth.accounts import Account
from sterna.sync.engine import Engine
from sterna.sync.network.transport import Transport
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import Request, Response

from .report import heading, line, median, p95
from .served import served

TRIPS = 20
IDLE = 60.0
"""Seconds, or the first argument."""


class Signed:
    """A sign-in that stays good."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """It."""
        return self._token

    async def refresh(self) -> str:
        """The same."""
        return self._token

    async def check(self, origin: str, user_id: str) -> None:
        """Always."""


asked: list[str] = []
"""Each request of an engine of this process."""


def count_requests() -> None:
    """From now on each request of an engine is counted."""
    plain = Transport.send

    async def send(self: Transport, step: Request) -> Response:
        asked.append(step.path)
        return await plain(self, step)

    Transport.send = send  # type: ignore[method-assign]


async def device(path: Path, port: int, user: UUID, token: str, seed: int) -> tuple[StoreThread, Engine]:
    """One computer, signed in, whose engine is not running yet."""
    origin = f"http://127.0.0.1:{port}"
    store = StoreThread(lambda: Store.open(path))
    await store.start()
    await store.run(AccountLinking.adopt, origin, str(user), "ada@example.org")
    rng = random.Random(seed)
    account = Account(path, str(user), origin, "ada@example.org", "sterna", sending=True)
    engine = Engine(
        store,
        account,
        Signed(token),
        lambda capability: DeltaSync(capability, str(user), rng=rng),  # type: ignore[arg-type]
        rng=rng,
    )
    return store, engine


async def arrives(store: StoreThread, session_id: str, title: str) -> None:
    """Until that title is there."""
    changed = asyncio.Event()
    unsubscribe = store.subscribe(lambda change: changed.set())
    try:
        while True:
            changed.clear()
            row = await store.run(lambda one: one.one("select title from chat_sessions where id = :id", id=session_id))
            if row is not None and row["title"] == title:
                return
            async with asyncio.timeout(30):
                await changed.wait()
    finally:
        unsubscribe()


async def measure(port: int, user: UUID, token: str, folder: Path, idle: float) -> None:
    """Print it."""
    count_requests()
    (here, mine), (there, theirs) = [await device(folder / f"{n}.db", port, user, token, n) for n in range(2)]
    running = [asyncio.create_task(one.run()) for one in (mine, theirs)]
    session = await here.run(Conversations.create, "Talk")
    await arrives(there, session.id, "Talk")
    await asyncio.sleep(3)
    taken = []
    for number in range(TRIPS):
        await asyncio.sleep(random.Random(number).uniform(0.5, 1.5))
        began = time.perf_counter()
        await here.run(Conversations.rename, session.id, f"title {number}")
        await arrives(there, session.id, f"title {number}")
        taken.append(time.perf_counter() - began)
    line("from one device to the other, median", f"{median(taken):.2f} s")
    line("the same, p95", f"{p95(taken):.2f} s", target="≤ 2.5 s", ok=p95(taken) <= 2.5)
    await asyncio.sleep(5)
    asked.clear()
    await asyncio.sleep(idle)
    line(f"requests of both in {idle:.0f} s without a change", f"{len(asked)}", target="= 0", ok=not asked)
    for engine, task in zip((mine, theirs), running, strict=True):
        await engine.stop()
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await here.close()
    await there.close()


def main() -> None:
    """Print it."""
    heading("Two devices that run")
    idle = float(sys.argv[1]) if len(sys.argv) > 1 else IDLE
    with served() as found, tempfile.TemporaryDirectory() as folder:
        user, token = found.person()
        asyncio.run(measure(found.port, user, token, Path(folder), idle))


if __name__ == "__main__":
    main()
