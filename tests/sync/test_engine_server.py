"""Two devices and a real server: what travels, at what cost, and what happens when the way between them is spoilt."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import wraps
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from fake_time import FakeTime, until
from faulty_proxy import FaultyProxy, faulty_proxy
from scripted_server import response

from sterna.storage import (
    Conversations,
    Messages,
    Privacy,
    Settled,
    Store,
    StoreThread,
    SyncMetadata,
    SyncPull,
    SyncPush,
)
from sterna.sync.auth.accounts import Account
from sterna.sync.cycle_runner import SyncProtocol
from sterna.sync.engine import Engine
from sterna.sync.errors import SignInNeeded, SyncDisabled
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.status import SyncReport
from sterna.sync.wire import Capability
from tests.clients import WORD, Somebody, sign_up


class Token:
    """A sign-in whose token is good."""

    def __init__(self, token: str) -> None:
        self.good = token
        self.now = token
        self.renewable = True
        self.off = False

    async def token(self) -> str:
        return self.now

    async def refresh(self) -> str:
        if not self.renewable:
            raise SignInNeeded("Sign in again: sterna login")
        self.now = self.good
        return self.now

    async def check(self, origin: str, user_id: str) -> None:
        if self.off:
            raise SyncDisabled("Sync is off.")


class Device:
    """One device of a person, behind a way of its own to the server."""

    def __init__(self, path: Path, way: FaultyProxy, who: Somebody, token: str, seed: int) -> None:
        self.path = path
        self.way = way
        self.time = FakeTime()
        self.session = Token(token)
        self.reports: list[SyncReport] = []
        self.store = StoreThread(lambda: Store.open(path))
        self.account = Account(path, who.id, way.address, who.email, "sterna", sending=True)
        self.engine = self.new_engine(seed)
        self.running: asyncio.Task[None] | None = None

    def new_engine(self, seed: int) -> Engine:
        def make(capability: Capability | None) -> SyncProtocol:
            assert capability is not None
            return DeltaSync(capability, rng=random.Random(seed))

        return Engine(
            self.store,
            self.account,
            self.session,
            make,
            timing=self.time.timing,
            rng=random.Random(seed),
            on_report=self.reports.append,
            network=lambda: ("192.168.1.7",),
        )

    @property
    def phase(self) -> str:
        return self.engine.report.phase

    def run(self) -> None:
        self.running = asyncio.create_task(self.engine.run())

    async def end(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait((self.running,))
        await self.store.close()

    async def listening(self) -> None:
        """Until it is in step, and hears of news."""
        await until(lambda: self.phase == "synced" and ("GET", "/api/chat/sync/head") in self.way.requests)
        await until(lambda: self.engine._head == self.engine._cycles.cursor)

    async def in_step(self) -> None:
        """Until nothing runs and nothing waits."""
        await until(lambda: self.phase == "synced" and not self.engine._cycle_lock.locked())

    async def write(self, text: str, session_id: str | None = None) -> str:
        return await self.store.run(said, text, session_id)

    async def send(self) -> None:
        """The second of quiet after a change."""
        await until(lambda: 1.0 in self.time.sleeping)
        self.time.advance(1.0)

    async def texts(self) -> dict[str, list[str]]:
        """Titles, and what was written under them."""
        sessions = await self.store.run(Conversations.page, 0, 1000)
        return {
            one.title: [found.content for found in await self.store.run(Messages.before, one.id, None, 1000)]
            for one in sessions
        }


def said(store: Store, text: str, session_id: str | None) -> str:
    """A prompt with its reply; a new conversation has the text for its title."""
    with store.db.write():
        begun = store.live_replies.begin_turn(session_id or store.conversations.create(text).id, text, model="m")
        store.live_replies.settle(begun.reply.id, Settled("done", f"{text}?"))
    return begun.session.id


def talk(*texts: str) -> list[str]:
    """Return the content of a conversation with these prompts."""
    return [one for text in texts for one in (text, f"{text}?")]


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


@pytest.fixture
def token(sterna_server: str, somebody: Somebody) -> str:
    answer = {"email": somebody.email, "password": WORD}
    answered = httpx.post(f"{sterna_server}/auth/v1/token?grant_type=password", json=answer, timeout=30)
    return str(answered.json()["access_token"])


@pytest.fixture
async def device(
    sterna_server: str, somebody: Somebody, token: str, tmp_path: Path
) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:
        made = 0

        async def make(*, run: bool = True, listens: bool = True) -> Device:
            nonlocal made
            made += 1
            way = await stack.enter_async_context(faulty_proxy(sterna_server))
            path = tmp_path / f"device{made}.db"
            store = Store.open(path)
            store.linking.adopt(way.address, somebody.id, somebody.email)
            store.close()
            found = Device(path, way, somebody, token, made)
            await found.store.start()
            stack.push_async_callback(found.end)
            if run:
                found.run()
                if listens:
                    await found.listening()
            return found

        yield make


async def test_edits_travel_both_ways_in_one_round_trip(device: Callable[..., Any]) -> None:
    ada, bob = await device(run=False), await device(run=False)
    await ada.write("of Ada")
    assert (await ada.engine.run_once()).complete
    await bob.write("of Bob")
    assert (await bob.engine.run_once()).complete
    assert await bob.texts() == {"of Ada": talk("of Ada"), "of Bob": talk("of Bob")}
    before = len(ada.way.requests)
    await ada.write("more of Ada")
    assert (await ada.engine.run_once()).complete
    assert ada.way.requests[before:] == [("POST", "/api/chat/sync")]
    assert await ada.texts() == {text: talk(text) for text in ("of Ada", "of Bob", "more of Ada")}


async def test_what_one_device_writes_the_other_one_shows_and_idle_they_ask_nothing(device: Callable[..., Any]) -> None:
    ada, bob = await device(), await device()
    before = len(ada.way.requests), len(bob.way.requests)
    session_id = await ada.write("Terns")
    await ada.send()
    await until(lambda: ada.phase == "synced" and bob.engine.report.at_ms is not None)
    await until(lambda: len(bob.way.requests) == before[1] + 1)
    await bob.in_step()
    assert await bob.texts() == {"Terns": talk("Terns")}
    await bob.write("Geese", session_id)
    await bob.send()
    await until(lambda: len(ada.way.requests) == before[0] + 2)
    await ada.in_step()
    assert await ada.texts() == {"Terns": talk("Terns", "Geese")}
    assert len(ada.way.requests) == before[0] + 2  # one push, one pull
    assert len(bob.way.requests) == before[1] + 2
    for one in (ada, bob):
        one.time.advance(60.0)
    await asyncio.sleep(0.05)
    assert len(ada.way.requests) == before[0] + 2
    assert len(bob.way.requests) == before[1] + 2


async def test_a_no_to_sending_ends_the_stream_too(device: Callable[..., Any]) -> None:
    ada = await device()
    ada.session.off = True
    ada.engine.sync_now()
    await until(lambda: ada.phase == "off" and ada.engine._feed is None)
    before = len(ada.way.requests)
    await ada.engine.fetch_conversation("conv_1")
    await ada.write("kept")
    await until(lambda: ada.engine.report.waiting == 3)
    ada.engine.sync_now()
    await until(lambda: not ada.engine._wake.is_set() and not ada.engine._cycle_lock.locked())
    assert len(ada.way.requests) == before
    ada.session.off = False
    ada.engine.sync_now()
    await until(lambda: ada.phase == "synced" and ada.engine._feed is not None)


async def test_what_changes_there_while_nobody_listens_is_fetched_when_the_stream_is_back(
    device: Callable[..., Any],
) -> None:
    ada, bob = await device(), await device()
    await bob.way.break_off()
    await until(lambda: any(nap <= 30.0 and nap not in (1.0, 10.0) for nap in bob.time.sleeping))
    await ada.write("unheard")
    await ada.send()
    await until(lambda: ("POST", "/api/chat/sync") in ada.way.requests)
    await ada.in_step()
    assert await bob.texts() == {}
    bob.time.advance(30.0)
    await until(lambda: bob.engine._cycles.cursor == ada.engine._cycles.cursor)
    await bob.in_step()
    assert await bob.texts() == {"unheard": talk("unheard")}


async def test_offline_and_back(device: Callable[..., Any]) -> None:
    ada, bob = await device(), await device()
    ada.way.cut = True
    await ada.way.break_off()
    await ada.write("written on a train")
    await ada.send()
    await until(lambda: ada.phase == "offline")
    assert ada.engine.report.waiting == 3
    await bob.write("meanwhile")
    await bob.send()
    await until(lambda: ("POST", "/api/chat/sync") in bob.way.requests)
    await bob.in_step()
    ada.way.cut = False
    ada.engine.sync_now()
    await until(lambda: ada.phase == "synced" and ada.engine.report.waiting == 0)
    await until(lambda: bob.engine._cycles.cursor == ada.engine._cycles.cursor)
    assert await ada.texts() == await bob.texts() == {text: talk(text) for text in ("meanwhile", "written on a train")}


async def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_twice(device: Callable[..., Any]) -> None:
    ada = await device(run=False)
    assert (await ada.engine.run_once()).complete
    await ada.write("once")
    ada.way.drops_responses = True
    assert (await ada.engine.run_once()).problem is not None
    ada.way.drops_responses = False
    assert (await ada.engine.run_once()).complete
    bob = await device(run=False)
    await bob.engine.run_once()
    assert await bob.texts() == {"once": talk("once")}


SPOILT = [
    (
        response({"success": False, "code": "rate_limited"}, "429 Too Many Requests", headers=["retry-after: 120"]),
        "paused",
        120,
    ),
    (response({"success": False}, "503 Service Unavailable", headers=["retry-after: 90"]), "offline", 90),
    (response({"success": False}, "500 Internal Server Error"), "offline", None),
    (response({"success": False, "code": "update_required"}, "426 Upgrade Required"), "update", None),
    (response(b"<html>Welcome to the hotel</html>", kind="text/html"), "portal", 60),
    (response(b"", "302 Found", headers=["location: http://hotel.example/login"]), "portal", 60),
    (response(b"", "511 Network Authentication Required", kind="text/html"), "portal", 60),
    (response({"success": True}), "offline", None),
    (response(b'{"success": tru'), "offline", None),
]


@pytest.mark.parametrize(("says", "phase", "seconds"), SPOILT, ids=[str(one[0][9:16]) + one[1] for one in SPOILT])
async def test_an_answer_that_is_none_takes_nothing_off_what_waits(
    device: Callable[..., Any], says: bytes, phase: str, seconds: float | None
) -> None:
    ada = await device(run=False)
    assert (await ada.engine.run_once()).complete
    await ada.write("kept")
    ada.way.reply = says
    cycle = await ada.engine.run_once()
    assert cycle.problem is not None
    assert (ada.phase, ada.engine.report.waiting) == (phase, 3)
    assert ada.engine.report.sentence.endswith((".", "sterna login"))
    if seconds is not None:
        state = await ada.store.run(SyncMetadata.state)
        left = (state.next_at or 0) / 1000 - ada.time.wall
        assert seconds <= left <= seconds * 1.2 + 1
    ada.way.reply = None
    ada.time.advance(7 * 3600.0)
    assert (await ada.engine.run_once()).complete
    assert ada.engine.report.waiting == 0


async def test_a_refused_token_is_renewed_and_nobody_notices(device: Callable[..., Any]) -> None:
    ada = await device(run=False)
    ada.session.now = "run.out.token"
    await ada.write("kept")
    assert (await ada.engine.run_once()).complete
    assert {one.phase for one in ada.reports} <= {"syncing", "waiting", "synced"}


async def test_a_sign_in_that_has_ended_keeps_everything_until_there_is_a_new_one(device: Callable[..., Any]) -> None:
    ada = await device(run=False)
    ada.session.now, ada.session.renewable = "run.out.token", False
    await ada.write("kept")
    cycle = await ada.engine.run_once()
    assert cycle.problem is not None
    assert (ada.phase, ada.engine.report.waiting) == ("signin", 3)
    ada.session.renewable = True
    assert (await ada.engine.run_once()).complete


async def test_a_copied_history_gets_a_name_of_its_own_and_both_go_on(
    device: Callable[..., Any], tmp_path: Path
) -> None:
    ada = await device(run=False)
    await ada.write("before")
    assert (await ada.engine.run_once()).complete
    twin = await device(run=False)
    await twin.store.close()
    await ada.store.run(lambda store: store.db.execute("pragma wal_checkpoint(truncate)").fetchone())
    twin.path.write_bytes(ada.path.read_bytes())
    twin.store = StoreThread(lambda: Store.open(twin.path))
    await twin.store.start()
    await twin.store.run(lambda store: store.db.execute("update sync_account set origin = ?", (twin.way.address,)))
    twin.engine = twin.new_engine(77)
    await ada.write("of the one")
    await twin.write("of the other")
    assert (await ada.engine.run_once()).complete
    assert (await twin.engine.run_once()).complete
    assert (await ada.engine.run_once()).complete
    assert await ada.texts() == await twin.texts()
    names = {(await one.store.run(SyncMetadata.state)).replica for one in (ada, twin)}
    assert len(names) == 2


async def test_a_header_that_is_stripped_on_the_way_stops_the_sync_and_changes_no_protocol(
    device: Callable[..., Any],
) -> None:
    ada = await device(run=False)
    assert (await ada.engine.run_once()).complete
    ada.way.replaces = (b"sync-server:", b"x-stripped-:")
    ada.time.advance(25 * 3600.0)  # what the server can is asked once a day
    await ada.write("kept")
    assert (await ada.engine.run_once()).problem is not None
    assert (ada.phase, ada.engine.report.waiting) == ("update", 3)
    assert "no longer identifies itself" in ada.engine.report.sentence
    ada.way.replaces = None
    ada.time.advance(3600.0)
    assert (await ada.engine.run_once()).complete


async def test_a_long_history_has_its_newest_conversations_first_and_what_is_opened_at_once(
    device: Callable[..., Any],
) -> None:
    ada = await device(run=False)
    for number in range(30):
        await ada.write(f"Talk {number}")
    assert (await ada.engine.run_once()).complete
    bob = await device(run=False)
    seen: list[tuple[str, str]] = bob.way.requests

    def spoil_the_feed() -> None:
        if any("newest" in target for _, target in seen):
            bob.way.reply = response({}, "503 Service Unavailable")

    apply_extra = SyncPull.apply_extra

    @wraps(apply_extra)
    def noting(store: Store, *args: Any, **kwargs: Any) -> None:
        apply_extra(store, *args, **kwargs)
        spoil_the_feed()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SyncPull, "apply_extra", noting)
        assert (await bob.engine.run_once()).problem is not None
    listed = await bob.store.run(Conversations.page, 0, 1000)
    assert {one.title for one in listed} == {f"Talk {number}" for number in range(30)}
    assert await bob.store.run(SyncMetadata.is_partial, listed[0].id)
    bob.way.reply = None
    await bob.engine.fetch_conversation(listed[0].id)
    found = await bob.store.run(Messages.before, listed[0].id, None, 10)
    assert [one.content for one in found] == talk(listed[0].title)
    assert not await bob.store.run(SyncMetadata.is_partial, listed[0].id)
    assert await bob.store.run(SyncMetadata.is_partial, listed[1].id)
    bob.time.advance(3600.0)
    assert (await bob.engine.run_once()).complete
    assert await bob.texts() == await ada.texts()


KILLED = """
import asyncio, random, sys
from pathlib import Path
from sterna.storage import Store, StoreThread
from sterna.sync.auth.accounts import Account
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.engine import Engine

class Token:
    async def token(self): return sys.argv[4]
    async def refresh(self): return sys.argv[4]
    async def check(self, origin, user_id): pass

async def main():
    path = Path(sys.argv[1])
    store = StoreThread(lambda: Store.open(path))
    await store.start()
    account = Account(path, sys.argv[3], sys.argv[2], "", "sterna", sending=True)
    engine = Engine(store, account, Token(), DeltaSync, rng=random.Random(1))
    await engine.run()

asyncio.run(main())
"""


async def test_a_process_that_is_killed_while_it_sends_loses_nothing_and_sends_nothing_twice(
    device: Callable[..., Any], somebody: Somebody, token: str
) -> None:
    ada = await device(run=False)
    await ada.write("in the air")
    ada.way.drops_responses = True  # the server does it, and the process never hears of it
    command = [sys.executable, "-c", KILLED, str(ada.path), ada.way.address, somebody.id, token]
    learnt = {"mode": "delta", "caps": "1; caps=delta,gzip; batch=1048576; msg=1048576"}
    await ada.store.run(
        SyncMetadata.set_account, ada.way.address, somebody.id, **learnt, caps_at=int(ada.time.wall * 1000)
    )
    await ada.store.run(
        SyncMetadata.set_account, ada.way.address, somebody.id, **learnt, caps_at=int(time.time() * 1000)
    )
    process = await asyncio.to_thread(subprocess.Popen, command, cwd=Path(__file__).parents[2])
    try:
        await until(lambda: ("POST", "/api/chat/sync") in ada.way.requests)
        assert not (await ada.engine.run_once()).complete  # the other one has the lock
    finally:
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    assert await ada.store.run(SyncPush.inflight) is not None
    ada.way.drops_responses = False
    ada.time.wall = time.time() + 400.0
    assert (await ada.engine.run_once()).complete
    bob = await device(run=False)
    await bob.engine.run_once()
    assert await bob.texts() == {"in the air": talk("in the air")}


CANARIES = {"token": "tok3n-canary", "title": "TITLE-CANARY", "text": "TEXT-CANARY", "cookie": "COOKIE-CANARY"}


async def test_no_log_says_anything_of_anybody(
    device: Callable[..., Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("", "sterna", "sterna.sync", "httpx", "httpcore", "httpcore.http11", "httpcore.connection", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    ada = await device()
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)  # whatever was turned down is turned up again
    session_id = await ada.write(CANARIES["title"])
    await ada.write(CANARIES["text"], session_id)
    await ada.send()
    await until(lambda: ada.phase == "synced")
    for says in (
        response({"error": CANARIES["text"]}, "500 Error", headers=[f"set-cookie: a={CANARIES['cookie']}"]),
        response(CANARIES["text"].encode(), kind="text/html", headers=[f"x-evil: {CANARIES['cookie']}"]),
        response({"success": True, "sync": {"acks": [{"result": CANARIES["text"]}]}}),
        b"HTTP/1.1 200 OK\r\ncontent-length: zz\r\nx: " + CANARIES["cookie"].encode() + b"\r\n\r\n",
    ):
        ada.way.reply = says
        await ada.write(CANARIES["text"], session_id)
        ada.engine.sync_now()
        await until(lambda: ada.phase not in ("synced", "syncing", "waiting"))
        ada.way.reply = None
        ada.time.advance(400.0)
        ada.engine.sync_now()
        await until(lambda: ada.phase == "synced")
    ada.session.now = f"{CANARIES['token']}.x.y"
    await ada.way.break_off()
    await ada.write(CANARIES["text"], session_id)
    ada.engine.sync_now()
    await until(lambda: ada.phase == "synced" and CANARIES["token"].encode() in ada.way.sent)
    output = capfd.readouterr()
    written = caplog.text + output.out + output.err + repr([one.__dict__ for one in caplog.records])
    assert len([one for one in caplog.records if one.name == "sterna.sync"]) > 5
    for canary in (*CANARIES.values(), ada.session.good, session_id):
        assert canary not in written


async def test_nothing_private_is_in_any_byte_that_is_sent(device: Callable[..., Any]) -> None:
    ada = await device(run=False)
    session_id = await ada.write("PRIVATE-CANARY")
    await ada.store.run(Privacy.set_private, session_id, True)
    await ada.write("PRIVATE-CANARY again", session_id)
    await ada.write("for all")
    assert (await ada.engine.run_once()).complete
    assert b"PRIVATE-CANARY" not in unpacked(bytes(ada.way.sent))
    assert b"for all" in unpacked(bytes(ada.way.sent))
    assert session_id.encode() not in unpacked(bytes(ada.way.sent))


def unpacked(sent: bytes) -> bytes:
    """Everything, with each packed body in it unpacked."""
    found, at = sent, 0
    while (at := sent.find(b"\x1f\x8b\x08", at)) >= 0:
        found += zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(sent[at:])
        at += 3
    while (at := sent.find(b"\x28\xb5\x2f\xfd", at + 1)) >= 0:
        found += zstandard.ZstdDecompressor().decompressobj().decompress(sent[at:])
    return found
