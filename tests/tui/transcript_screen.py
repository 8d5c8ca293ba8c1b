"""The transcript alone on a screen, over a real file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from home import frame, until
from textual.app import App, ComposeResult
from textual.message import Message as Event
from textual.pilot import Pilot

from sterna.chat.reply import Reply
from sterna.storage import Conversation, LiveReplies, Message, NewTurn, Settled, Store, StoreThread
from sterna.tui.transcript import Transcript
from sterna.tui.transcript.message_view import MessageView

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@dataclass
class Ticking:
    """A clock that goes on a second whenever it is looked at, so that no two messages share a moment."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class Reader(App[None]):
    """Nothing but a transcript."""

    AUTO_FOCUS = None

    def __init__(self, store: StoreThread) -> None:
        super().__init__()
        self.store = store

    def compose(self) -> ComposeResult:
        yield Transcript(self.store, clock=lambda: NOON + timedelta(hours=2))

    def on_mount(self) -> None:
        self.store.subscribe(self.query_one(Transcript).refresh_session)


@dataclass
class Reading:
    """A person who reads."""

    app: Reader
    pilot: Pilot[None]
    store: StoreThread
    path: Path
    posted: list[Event] = field(default_factory=list)

    @property
    def transcript(self) -> Transcript:
        return self.app.query_one(Transcript)

    @property
    def views(self) -> list[MessageView]:
        return list(self.transcript._views)

    @property
    def texts(self) -> list[str]:
        return [view.content for view in self.views]

    @property
    def screen(self) -> str:
        return frame(self.app)  # type: ignore[arg-type]

    @property
    def rows(self) -> list[str]:
        """The rows of the screen without the scroll bar."""
        width = self.app.size.width - 1
        return [row[:width].rstrip() for row in self.screen.split("\n")]

    async def until(self, holds: Callable[[], object]) -> None:
        await until(self.pilot, holds)  # type: ignore[arg-type]

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen for text in texts))

    async def settled(self) -> None:
        """Nothing more is being read or laid out."""
        await self.until(lambda: not any(worker.is_running for worker in self.app.workers))
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settled()

    async def show(self, session_id: str | None, *, at: str | None = None, query: str | None = None) -> None:
        await self.transcript.show(session_id, at=at, query=query)
        await self.settled()

    async def talk(self, turns: int | Sequence[tuple[str, str]], session_id: str | None = None) -> Conversation:
        """A conversation of so many turns, or of these."""
        pairs = turns if not isinstance(turns, int) else [(f"question {n}", f"answer {n}") for n in range(turns)]
        return await self.store.run(talk, pairs, session_id)

    async def begin(self, session_id: str | None, text: str) -> tuple[NewTurn, Reply]:
        """A prompt, and the reply that is to come."""
        begun = await self.store.run(LiveReplies.begin_turn, session_id, text, model="test/small")
        reply = Reply(begun.reply.id, begun.session.id, begun.user_message.id, "test/small", time.monotonic())
        return begun, reply

    async def settle(self, reply: Reply, settled: Settled) -> Message:
        """The reply ends."""
        reply.message = await self.store.run(LiveReplies.settle, reply.id, settled)
        reply.running = False
        return reply.message

    def posted_events(self, kind: type[Event]) -> list[Event]:
        """The messages of that kind that the transcript posted."""
        unique = {
            id(event): event for event in self.posted if isinstance(event, kind)
        }  # it is seen wherever it bubbles
        return list(unique.values())


def talk(store: Store, pairs: Sequence[tuple[str, str]], session_id: str | None) -> Conversation:
    for question, answer in pairs:
        begun = store.live_replies.begin_turn(session_id, question, model="test/small")
        store.live_replies.settle(
            begun.reply.id, Settled("done", answer, model="test/small", output_tokens=7, elapsed_ms=1500)
        )
        session_id = begun.session.id
    assert session_id is not None
    return store.conversations.get(session_id)


@asynccontextmanager
async def reading(folder: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Reading]:
    """The transcript on a screen, over a new file in ``folder``."""
    path, clock = folder / "me.db", Ticking()
    store = StoreThread(lambda: Store.open(path, clock=clock))
    await store.start()
    posted: list[Event] = []
    app = Reader(store)
    try:
        async with app.run_test(size=size, message_hook=posted.append) as pilot:
            yield Reading(app, pilot, store, path, posted)
    finally:
        await store.close()
