"""An engine over a real store and a real socket, whose protocol is a script and whose time the test owns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_time import FakeTime

from sterna.storage import Conversations, Store, StoreThread, SyncMetadata
from sterna.sync.auth.accounts import Account
from sterna.sync.engine import Engine
from sterna.sync.errors import SignInError
from sterna.sync.protocol.effects import CycleResult, Effects, Problem, Request, Transaction
from sterna.sync.status import SyncReport
from sterna.sync.wire import Capability

USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"
CAPS = "1; caps=delta,gzip,seen,sse,tomb; batch=1048576; msg=1048576"
LISTING = {"conversations": [], "meta": {}}
POLLED = Capability.parse("1; caps=delta; batch=1; msg=1")


class Signed:
    """A sign-in, good until ``error`` is set."""

    def __init__(self) -> None:
        self.error: SignInError | None = None
        self.checked: list[tuple[str, str]] = []

    async def token(self) -> str:
        if self.error is not None:
            raise self.error
        return "t1"

    async def refresh(self) -> str:
        return await self.token()

    async def check(self, origin: str, user_id: str) -> None:
        self.checked.append((origin, user_id))


@dataclass
class Core:
    """A protocol that does what the test says; without a word it takes all that waits, as if a server had it."""

    said: list[CycleResult | BaseException | Effects[CycleResult]] = field(default_factory=list)
    fences: list[int] = field(default_factory=list)
    made: list[Capability | None] = field(default_factory=list)

    def make(self, capability: Capability | None) -> Core:
        self.made.append(capability)
        return self

    def fetch_newest(self, fence: int) -> Effects[None]:
        yield from ()

    def fetch_conversation(self, session_id: str, fence: int) -> Effects[None]:
        yield from ()

    def cycle(self, fence: int) -> Effects[CycleResult]:
        self.fences.append(fence)
        said = self.said.pop(0) if self.said else None
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, CycleResult):
            yield Transaction(SyncMetadata.state)
            return said
        if said is not None:
            return (yield from said)
        return (yield from sent(fence))


def sent(fence: int) -> Effects[CycleResult]:
    """Whatever waits is gone."""
    count = yield Transaction(forget, fence)
    return CycleResult(pushed=count, complete=True)


def forget(store: Store, fence: int) -> int:
    """Empty the outbox as a server that takes everything would."""
    with store.db.write():
        store.sync_metadata.require_fence(fence)
        return store.db.execute("delete from sync_outbox").rowcount


def problem(phase: Any = "offline", wait_ms: int | None = 4000, sentence: str = "No way.") -> CycleResult:
    return CycleResult(problem=Problem(phase, sentence, wait_ms))


@dataclass
class Machine:
    """One process on a computer: a store of its own, an engine, and what it reported."""

    store: StoreThread
    engine: Engine
    core: Core
    session: Signed
    time: FakeTime
    network: list[str]
    reports: list[SyncReport]

    @property
    def cycles(self) -> int:
        return len(self.core.fences)

    @property
    def phase(self) -> str:
        return self.engine.report.phase

    async def write(self, title: str = "Geese") -> str:
        return (await self.store.run(Conversations.create, title)).id


def learnt(
    path: Path, origin: str, caps: str | None = "1; caps=delta; batch=1; msg=1", at: float | None = None
) -> None:
    """The file of an account whose server is known already."""
    store = Store.open(path)
    store.linking.adopt(origin, USER, "ada@example.org")
    if caps is not None:
        mode, noted = ("delta", caps) if caps else ("baseline", "")
        at_ms = int((at if at is not None else FakeTime().wall) * 1000)
        store.sync_metadata.set_account(origin, USER, mode=mode, caps=noted, caps_at=at_ms)
    store.close()


@asynccontextmanager
async def machines(path: Path, origin: str, **more: Any) -> AsyncIterator[Callable[..., Any]]:
    """Starts processes on one history."""
    async with AsyncExitStack() as stack:

        async def one(
            time: FakeTime | None = None, *, run: bool = True, core: Core | None = None, **now: Any
        ) -> Machine:
            time, core, session, reports = time or FakeTime(), core or Core(), Signed(), []
            network = ["192.168.1.7"]
            store = StoreThread(lambda: Store.open(path))
            await store.start()
            stack.push_async_callback(store.close)
            options = {"rng": random.Random(5), "interval": None} | more | now
            kind = options.pop("kind", "sterna")
            engine = Engine(
                store,
                Account(path, USER, origin, "ada@example.org", kind, sending=True),
                session,
                core.make,
                timing=time.timing,
                on_report=reports.append,
                network=lambda: tuple(network),
                **options,
            )
            machine = Machine(store, engine, core, session, time, network, reports)
            if run:
                running = asyncio.create_task(engine.run())

                async def end() -> None:
                    running.cancel()
                    await asyncio.wait((running,))

                stack.push_async_callback(end)
            return machine

        yield one


def looks(path: str) -> Request:
    """A request of a protocol."""
    return Request("GET", path)
