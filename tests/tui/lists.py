"""An app with nothing but a list in it, over a real file, and the file's conversations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from textual import on
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.widgets import Button

from sterna.storage import Settled, Store, StoreThread
from sterna.tui.sidebar import Sidebar
from sterna.tui.terminal.themes import DARK

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WAIT_SECONDS = 30.0


class Clock:
    """Time that moves only when it is told to."""

    def __init__(self, at: datetime = SATURDAY) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def talk(
    store: Store, clock: Clock, ago: timedelta, question: str, answer: str = "Yes.", model: str = "test/small"
) -> str:
    """A conversation of one question and one answer, that long ago; its id."""
    now, clock.at = clock.at, clock.at - ago
    begun = store.live_replies.begin_turn(None, question, model=model)
    store.live_replies.settle(begun.reply.id, Settled("done", answer, model=model, elapsed_ms=900))
    store.conversations.mark_read(begun.session.id)
    clock.at = now
    return begun.session.id


def opened(file: Path, clock: Clock) -> Store:
    """The store of a test, which need not survive a power cut."""
    store = Store.open(file, clock=clock)
    store.db.execute("pragma synchronous = off")
    return store


def fill(file: Path, clock: Clock, *talks: tuple[float, str, str]) -> list[str]:
    """Conversations so many hours ago, with a question and an answer; their ids, in the order given."""
    store = opened(file, clock)
    made = sorted(enumerate(talks), key=lambda one: -one[1][0])
    ids = {place: talk(store, clock, timedelta(hours=hours), *words) for place, (hours, *words) in made}
    store.close()
    return [ids[place] for place in range(len(talks))]


def fill_many(file: Path, clock: Clock, count: int) -> None:
    """So many conversations, an hour apart, put in as plain rows."""
    store = opened(file, clock)
    with store.db.write():
        store.db.execute("update write_context set bulk = 1")
        store.db.executemany(
            """insert into chat_sessions
                (id, user_id, title, created_at, updated_at, last_activity, last_message_timestamp,
                last_message_preview)
            values (:id, :user, :title, :at, :at, :at, :at, 'words')""",
            (
                {
                    "id": f"conv_{number:06}",
                    "user": store.user_id,
                    "title": f"Conversation {number}",
                    "at": (clock.at - timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                }
                for number in range(count)
            ),
        )
        store.db.execute("insert into title_search (rowid, title) select local_id, title from chat_sessions")
        store.db.execute("update write_context set bulk = 0")
    store.close()


class ListApp(App[Any]):
    """A sidebar beside a button that can have the focus, and everything that the sidebar posts."""

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None

    def __init__(self, file: Path, clock: Clock, *, width: int = 30, hidden: bool = False) -> None:
        super().__init__()
        self.store = StoreThread(lambda: opened(file, clock))
        self.clock = clock
        self.posted: list[tuple[str, ...]] = []
        self.result: object = "nothing yet"
        self._width = width
        self._hidden = hidden
        self.register_theme(DARK)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        sidebar = Sidebar(self.store, clock=self.clock, zone=UTC, id="sidebar")
        sidebar.styles.width = self._width
        sidebar.display = not self._hidden
        with Horizontal():
            yield sidebar
            yield Button("elsewhere", id="elsewhere")

    @property
    def sidebar(self) -> Sidebar:
        return self.query_one(Sidebar)

    @on(Sidebar.Opened)
    def note_opened(self, event: Sidebar.Opened) -> None:
        self.posted.append(("opened", event.conversation_id))

    @on(Sidebar.RenameSubmitted)
    def note_renamed(self, event: Sidebar.RenameSubmitted) -> None:
        self.posted.append(("renamed", event.conversation_id, event.title))

    @on(Sidebar.DeleteRequested)
    def note_deleted(self, event: Sidebar.DeleteRequested) -> None:
        self.posted.append(("deleted", *event.conversation_ids))

    @on(Sidebar.LabelRequested)
    def note_label(self, event: Sidebar.LabelRequested) -> None:
        self.posted.append((event.what, *event.conversation_ids))

    def keep_result(self, result: object) -> None:
        """What a screen returned."""
        self.result = result


@asynccontextmanager
async def running(app: ListApp, size: tuple[int, int] = (60, 24)) -> Any:
    """The app with its store open and its list read; gives its pilot."""
    async with app.run_test(size=size) as pilot:
        await app.store.start()
        await app.sidebar.reload()
        await pilot.pause()
        yield pilot
        await app.store.close()


async def until(pilot: Pilot[Any], holds: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        await pilot.pause(0.01)


def frame(app: App[Any], columns: int | None = None) -> list[str]:
    """The lines of the screen, or of its first columns, without trailing blanks."""
    strips = app.screen._compositor.render_strips()
    return [(strip if columns is None else strip.crop(0, columns)).text.rstrip() for strip in strips]


def titles(app: ListApp) -> list[str]:
    """What the list shows, one text a row: titles in their places, without marks and times."""
    return [text[3:25].strip() for text in frame(app, 30)]


def line_of(app: App[Any], text: str) -> int | None:
    """The line of the screen that shows a text."""
    return next((number for number, line in enumerate(frame(app)) if text in line), None)


def hours(words: Iterable[str]) -> list[tuple[float, str, str]]:
    """Conversations an hour apart, the newest first."""
    return [(number + 1, text, "Yes.") for number, text in enumerate(words)]
