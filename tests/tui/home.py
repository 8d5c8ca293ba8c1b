"""The real application over a real file, with a scripted model, a clock that stands still, and no network."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fake_tools import FakeToolbox
from textual import events
from textual._context import visible_screen_stack
from textual.pilot import Pilot

from sterna import config
from sterna.chat import Turns
from sterna.providers import Catalog, Delta, Done, Event, Model, Request
from sterna.storage import Store, StoreThread
from sterna.tui.app import SternaApp

os.environ["TZ"] = "UTC"
time.tzset()

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
WAIT_SECONDS = 30.0
SIZE = (100, 30)

ANSWER = """Terns fly **from the Arctic to the Antarctic** and back, about *70,000 km* a year.

1. The sun, corrected by an inner clock
2. The magnetic field

| species | km a year |
|---|---:|
| Arctic tern | 70,000 |

```python
def flown(years: int) -> int:
    return years * 70_000  # there and back
```
"""


class Clock:
    """Time that moves only when it is told to."""

    def __init__(self, start: datetime = NOON) -> None:
        self.at = start

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **amount: float) -> None:
        self.at += timedelta(**amount)


class Scripted:
    """A model that says what it is told; after ``hold()`` it stops behind the first word until ``release()``."""

    def __init__(self) -> None:
        self.name = "test"
        self.replies: list[str | list[Event]] = []
        self.requests: list[Request] = []
        self._open = asyncio.Event()
        self._open.set()

    def say(self, *replies: str | list[Event]) -> None:
        self.replies += replies

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        self.requests.append(request)
        reply = self.replies.pop(0) if self.replies else "Yes."
        events = [Delta(word) for word in reply.split(" ")] if isinstance(reply, str) else reply
        for number, event in enumerate(events):
            if isinstance(event, Delta) and number and isinstance(reply, str):
                event = Delta(f" {event.text}")
            yield event
            await self._open.wait()
        if isinstance(reply, str):
            yield Done()

    async def models(self) -> list[Model]:
        return [Model(self.name, "small", context_length=8_000), Model(self.name, "large", context_length=200_000)]

    async def aclose(self) -> None:
        return


class Chat(SternaApp):
    """The application, left as a person leaves it."""

    @asynccontextmanager
    async def run_test(self, **options: Any) -> AsyncIterator[Pilot[int]]:  # type: ignore[override]
        async with super().run_test(**options) as pilot:
            yield pilot
            await self.save_all()


@dataclass
class Home:
    """One person's files, and what surrounds the program: made once, the application is made as often as it starts."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    model: Scripted = field(default_factory=Scripted)
    environ: dict[str, str] = field(default_factory=dict)
    toolbox: FakeToolbox | None = None

    @property
    def file(self) -> Path:
        return self.folder / "me.db"

    def open(self) -> Store:
        return Store.open(self.file, clock=self.clock)

    def write_config(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text, "utf-8")

    def seed(self, *conversations: tuple[str, str]) -> list[str]:
        """Conversations of one question and one answer each, an hour apart; gives their ids, oldest first."""
        from sterna.storage import Settled

        store, ids = self.open(), []
        for question, answer in conversations:
            begun = store.live_replies.begin_turn(None, question, model="test/small")
            store.live_replies.settle(begun.reply.id, Settled("done", answer, model="test/small", elapsed_ms=900))
            store.conversations.mark_read(begun.session.id)
            ids.append(begun.session.id)
            self.clock.forward(hours=1)
        store.close()
        return ids

    async def catalog(self, settings: config.Settings, store: StoreThread) -> Catalog:
        catalog = Catalog([], guide=self.model, default=settings.model or f"{self.model.name}/small")
        await catalog.models()
        return catalog

    def app(self, opener: Callable[[], Store] | None = None) -> SternaApp:
        """A start of the program."""
        return Chat(
            opener=opener or self.open,
            settings=config.load(self.folder, self.environ),
            catalog_factory=self.catalog,
            turns_factory=lambda store, catalog, settings: Turns(store, catalog, settings=settings),
            clock=self.clock,
            log_file=lambda: self.folder / "sterna.log",
            config_folder=self.folder,
            environ=self.environ,
            tools_factory=self.tools if self.toolbox is not None else None,
        )

    async def tools(self, settings: config.Settings) -> FakeToolbox:
        assert self.toolbox is not None
        return self.toolbox


async def until(pilot: Pilot[int], holds: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        await pilot.pause(0.01)


def live_text(app: SternaApp) -> str:
    """Return what has arrived of the reply in the open conversation."""
    reply = app.main.conversation.live_reply
    return reply.content if reply is not None else ""


def no_reply_runs(app: SternaApp) -> bool:
    """Return whether the program has started and no reply arrives."""
    return app.context.turns is not None and not app.context.turns.running()


def open_title(app: SternaApp) -> str:
    """Return the title of the open conversation."""
    record = app.main.conversation.record
    return record.title if record is not None else ""


async def write(pilot: Pilot[int], text: str) -> None:
    """Put text where the focus is, at once: pressing its keys one by one waits after each."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


def burst(app: SternaApp, *keys: str) -> None:
    """Hand over keys as a terminal does when a person is faster than the program: all at once."""
    characters = {"slash": "/", "space": " "}
    for key in keys:
        app.post_message(events.Key(key, characters.get(key, key if len(key) == 1 else None)))


def drawn(app: SternaApp) -> str:
    """Return what the terminal shows: a dialog, and what is seen of the screen behind it."""
    visible_screen_stack.set(app._background_screens)
    app.screen.refresh()
    return frame(app)


def frame(app: SternaApp) -> str:
    """What the screen shows, as text without trailing blanks."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


async def settled(pilot: Pilot[int], app: SternaApp) -> None:
    """Wait until two frames in a row are the same."""
    last = ""
    while (now := frame(app)) != last:
        last = now
        await pilot.pause(0.05)


def notices(app: SternaApp) -> str:
    """Every sentence that is shown beside the frame now."""
    return "\n".join(notification.message for notification in app._notifications)


def rows(home: Home) -> list[str]:
    """Titles as the file has them, newest first."""
    store = home.open()
    try:
        return [row.title for row in store.conversations.page(0, 50)]
    finally:
        store.close()


async def opened(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, app.context.ready.is_set)
    await until(pilot, lambda: app.main.status.activity == "")


async def shown(pilot: Pilot[int], app: SternaApp, text: str) -> None:
    await until(pilot, lambda: text in frame(app))


async def says(pilot: Pilot[int], app: SternaApp, text: str) -> None:
    """Wait for a notice with that text."""
    await until(pilot, lambda: any(text in note.message for note in app._notifications))
