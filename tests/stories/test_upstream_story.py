"""Two devices and an upstream server over HTTP: edits offline, a deletion, a rename, a conflict; nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ticking import Ticking

from sterna.config.credentials import Credentials
from sterna.storage import (
    Branches,
    Conflicts,
    Conversations,
    LiveReplies,
    Messages,
    Settled,
    Store,
    StoreThread,
    SyncMetadata,
    Trash,
    data_dir,
)
from sterna.sync.auth.accounts import Account, Accounts, SignedIn
from sterna.sync.clock import Timing
from sterna.sync.engine import Engine
from sterna.sync.factory import open_engine
from sterna.sync.protocol.effects import CycleResult
from tests.upstream import Person, Upstream, serving

CONFIG = """
[sync]
server = "{address}"
kind = "upstream"
supabase_url = "{address}"
anon_key = "anon"
enabled = true
"""


class Device:
    """A history, its sign-in and its messenger, on one device."""

    def __init__(self, accounts: Accounts, account: Account, thread: StoreThread, engine: Engine) -> None:
        self.accounts, self.account, self.thread, self.engine = accounts, account, thread, engine

    async def do(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.thread.run(method, *args, **kwargs)

    async def sync(self) -> CycleResult:
        cycle = await self.engine.run_once()
        assert cycle.problem is None, cycle
        assert cycle.complete
        return cycle

    async def exchange(self, session_id: str | None, question: str, answer: str) -> str:
        begun = await self.do(LiveReplies.begin_turn, session_id, question, model="acme/small")
        await self.do(LiveReplies.settle, begun.reply.id, Settled("done", answer, input_tokens=3, output_tokens=5))
        return str(begun.session.id)

    async def history(self) -> dict[str, tuple[str, list[str]]]:
        """Conversation → title and texts, of those that are not private."""

        def read(store: Store) -> dict[str, tuple[str, list[str]]]:
            rows = store.db.rows(
                "select id, title from chat_sessions where id not in (select conv_id from sync_private)"
            )
            texts = {row["id"]: [one.content for one in store.messages.after(row["id"], None, 100)] for row in rows}
            return {row["id"]: (row["title"], texts[row["id"]]) for row in rows}

        found: dict[str, tuple[str, list[str]]] = await self.do(read)
        return found


@asynccontextmanager
async def device(folder: Path, address: str, person: Person, clock: Ticking) -> AsyncIterator[Device]:
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.toml").write_text(CONFIG.format(address=address))
    keys = Credentials(folder / "config", lambda: None)
    accounts = Accounts(
        data_dir(folder / "data"), folder / "config", environ={}, now=lambda: clock().timestamp(), keys=keys
    )
    server, kind, signer = accounts.sign_in_server(address)
    tokens = await signer.password(person.email, person.password)
    account = await accounts.complete_sign_in(SignedIn(server, kind, tokens), "adopt", sending=True)
    thread = StoreThread(lambda: Store.open(account.file, clock=clock))
    await thread.start()
    try:
        timing = Timing(clock=lambda: clock().timestamp())
        yield Device(accounts, account, thread, open_engine(accounts, account, thread, timing=timing))
    finally:
        await thread.close()


@pytest.fixture(params=["H", "S"])
def upstream(request: pytest.FixtureRequest, clock: Ticking) -> Upstream:
    return Upstream(request.param, clock=clock)


@pytest.fixture
def address(upstream: Upstream) -> Iterator[str]:
    with serving(upstream) as found:
        yield found


def stored(upstream: Upstream) -> dict[str, tuple[str, list[str]]]:
    tables = upstream.tables
    return {
        id_: (row["title"], [one["content"] for one in tables.messages_of(id_)]) for id_, row in tables.sessions.items()
    }


async def test_two_computers_and_an_upstream_server(
    tmp_path: Path, upstream: Upstream, address: str, clock: Ticking
) -> None:
    ada = upstream.join()
    async with (
        device(tmp_path / "laptop", address, ada, clock) as laptop,
        device(tmp_path / "desktop", address, ada, clock) as desktop,
    ):
        sorting = await laptop.exchange(None, "How do I sort?", "With a heap.")
        cats = await laptop.exchange(None, "Why do cats purr?", "Nobody knows.")
        await laptop.sync()
        await desktop.sync()
        assert await desktop.history() == await laptop.history() == stored(upstream)
        assert (await desktop.history())[sorting] == ("How do I sort?", ["How do I sort?", "With a heap."])

        # both write while neither has a network
        await laptop.exchange(sorting, "And in place?", "Then with heapsort.")
        await laptop.do(Conversations.rename, sorting, "Heaps")
        clock.move(minutes=1)
        await desktop.exchange(sorting, "Is it stable?", "No.")
        tea = await desktop.exchange(None, "How long does tea steep?", "Four minutes.")
        await desktop.do(Trash.delete_conversation, cats)
        await laptop.exchange(cats, "But how?", "With the larynx.")

        clock.move(minutes=6)
        await desktop.sync()
        clock.move(minutes=6)
        await laptop.sync()
        clock.move(minutes=6)
        await desktop.sync()

        history = await laptop.history()
        assert history == await desktop.history() == stored(upstream)
        assert history.keys() == {sorting, tea}
        assert history[sorting][0] == "Heaps"
        assert set(history[sorting][1]) == {
            "How do I sort?", "With a heap.", "And in place?", "Then with heapsort.", "Is it stable?", "No.",
        }  # fmt: skip

        # what was written into the deleted conversation is kept by who wrote it, and the rest can be brought back
        [recovered] = await laptop.do(SyncMetadata.private_conversations)
        assert recovered.title == "Recovered: Why do cats purr?"
        kept = await laptop.do(Messages.after, recovered.id, None, 10)
        assert [one.content for one in kept] == ["But how?", "With the larynx."]
        assert (await laptop.do(Trash.latest)).title == "Why do cats purr?"

        # both give a title: the later one stands, the other is filed where it lost
        await laptop.do(Conversations.rename, tea, "Steeping")
        await laptop.sync()
        await desktop.do(Conversations.rename, tea, "Four minutes")
        clock.move(minutes=6)
        await desktop.sync()
        clock.move(minutes=6)
        await laptop.sync()
        assert (await laptop.history())[tea][0] == (await desktop.history())[tea][0] == "Four minutes"
        assert [one.mine for one in await desktop.do(Conflicts.list_open)] == ["Steeping"]

        # a branch is a line at such a server and on other devices; here the old one stays beside it
        asked = (await laptop.do(Messages.after, tea, None, 1))[0]
        begun = await laptop.do(LiveReplies.begin_edit, asked.id, "And green tea?")
        await laptop.do(LiveReplies.settle, begun.reply.id, Settled("done", "Two minutes."))
        for one in (laptop, desktop, laptop):
            clock.move(minutes=6)
            await one.sync()
        line = ["How long does tea steep?", "Four minutes.", "And green tea?", "Two minutes."]
        assert (await desktop.history())[tea][1] == stored(upstream)[tea][1] == line
        assert (await laptop.history())[tea][1] == line[2:]
        assert (await laptop.do(Branches.switch, begun.user_message.id)).id == asked.id
        assert (await laptop.history())[tea][1] == line[:2]
        clock.move(minutes=6)
        await laptop.sync()

        for one in (laptop, desktop):
            assert (await one.do(SyncMetadata.counts)).waiting == 0
            assert one.engine.report.phase == "synced"


async def test_a_sign_in_that_the_server_renews_with_its_answer_is_kept(tmp_path: Path, clock: Ticking) -> None:
    """The device's clock is slow: it takes its token for good when the server does not any more."""
    later = Ticking()
    upstream = Upstream(clock=later)
    ada = upstream.join()
    with serving(upstream) as address:
        async with device(tmp_path / "laptop", address, ada, clock) as laptop:
            await laptop.exchange(None, "Hello?", "Hello.")
            before = await laptop.accounts.session(laptop.account).token()
            later.move(hours=2)
            await laptop.sync()
            after = await laptop.accounts.session(laptop.account).token()
            assert after != before
            later.move(minutes=1)
            clock.move(minutes=6)
            await laptop.exchange(None, "Still there?", "Yes.")
            await laptop.sync()  # the refresh token of the first sign-in is spent by now
            assert len(stored(upstream)) == 2
