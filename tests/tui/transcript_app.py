"""Application with nothing but the transcript, over a real store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chat_app import frame, until
from textual.app import App, ComposeResult
from textual.message import Message as Event
from textual.pilot import Pilot

from sterna.chat.reply import Reply
from sterna.storage import Begun, LiveReplies, Message, Session, Settled, Store, StoreThread
from sterna.tui.transcript import Transcript
from sterna.tui.transcript.message_view import MessageView

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@dataclass
class TickingClock:
    """Clock that advances a second at each call, so that no two messages share a time."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class TranscriptApp(App[None]):
    """Application with nothing but a transcript."""

    AUTO_FOCUS = None

    def __init__(self, store: StoreThread) -> None:
        super().__init__()
        self.store = store

    def compose(self) -> ComposeResult:
        yield Transcript(self.store, clock=lambda: NOON + timedelta(hours=2))

    def on_mount(self) -> None:
        self.store.subscribe(self.query_one(Transcript).refresh_session)


@dataclass
class TranscriptReader:
    """Transcript on a screen, and its store."""

    app: TranscriptApp
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
        """Rows of the screen without the scroll bar."""
        width = self.app.size.width - 1
        return [row[:width].rstrip() for row in self.screen.split("\n")]

    async def until(self, holds: Callable[[], object]) -> None:
        await until(self.pilot, holds)  # type: ignore[arg-type]

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen for text in texts))

    async def wait_until_idle(self) -> None:
        """Wait until nothing is being read or laid out."""
        await self.until(lambda: not any(worker.is_running for worker in self.app.workers))
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.wait_until_idle()

    async def show(self, session_id: str | None, *, at: str | None = None, query: str | None = None) -> None:
        await self.transcript.show(session_id, at=at, query=query)
        await self.wait_until_idle()

    async def add_conversation(self, turns: int | Sequence[tuple[str, str]], session_id: str | None = None) -> Session:
        """Add a conversation of so many turns, or of these."""
        pairs = turns if not isinstance(turns, int) else [(f"question {n}", f"answer {n}") for n in range(turns)]
        return await self.store.run(add_conversation, pairs, session_id)

    async def begin(self, session_id: str | None, text: str) -> tuple[Begun, Reply]:
        """Begin a turn; return it and its live reply."""
        begun = await self.store.run(LiveReplies.begin_turn, session_id, text, model="test/small")
        reply = Reply(begun.reply.id, begun.session.id, begun.user_message.id, "test/small", time.monotonic())
        return begun, reply

    async def settle(self, reply: Reply, settled: Settled) -> Message:
        """Settle a reply."""
        reply.message = await self.store.run(LiveReplies.settle, reply.id, settled)
        reply.running = False
        return reply.message

    def events(self, kind: type[Event]) -> list[Event]:
        """Return the messages of that kind that the transcript posted."""
        unique = {
            id(event): event for event in self.posted if isinstance(event, kind)
        }  # it is seen wherever it bubbles
        return list(unique.values())


def add_conversation(store: Store, pairs: Sequence[tuple[str, str]], session_id: str | None) -> Session:
    for question, answer in pairs:
        begun = store.live_replies.begin_turn(session_id, question, model="test/small")
        store.live_replies.settle(
            begun.reply.id, Settled("done", answer, model="test/small", output_tokens=7, elapsed_ms=1500)
        )
        session_id = begun.session.id
    assert session_id is not None
    return store.conversations.get(session_id)


@asynccontextmanager
async def open_transcript(folder: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[TranscriptReader]:
    """Open the transcript over a new file in ``folder``."""
    path, clock = folder / "me.db", TickingClock()
    store = StoreThread(lambda: Store.open(path, clock=clock))
    await store.start()
    posted: list[Event] = []
    app = TranscriptApp(store)
    try:
        async with app.run_test(size=size, message_hook=posted.append) as pilot:
            yield TranscriptReader(app, pilot, store, path, posted)
    finally:
        await store.close()
