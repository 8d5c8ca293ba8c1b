"""The pictures of README.md, exported by the application itself: ``python -m docs.screenshots``."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sterna.chat import Turns
from sterna.config import Settings, load
from sterna.providers import Catalog, Done, Event, Model, Request
from sterna.storage import Settled, Store, StoreThread
from sterna.tui.app import SternaApp

IMAGES = Path(__file__).parent / "images"
SIZE = (120, 36)
NOW = datetime(2026, 3, 14, 9, 41, tzinfo=UTC)

EXCHANGES = [
    (19, "Which birds migrate furthest?", "The **Arctic tern** (*Sterna paradisaea*): up to 90,000 km a year."),
    (6, "Rename a branch in git, here and on the server?", "`git branch -m new`, then push it and delete the old one."),
    (2, "A soup from lentils and what is left", "Start with an onion and a carrot, cut small."),
    (1, "Why is the sky dark at night?", "Because the universe has an age: light of most stars is still on its way."),
    (
        0,
        "What does `select … for update skip locked` do?",
        "It takes the rows that nobody else holds, and waits for none.",
    ),
]
QUESTION = "How do I keep the ten largest numbers of a long stream in Python?"
ANSWER = """\
Keep a **heap** of ten: its smallest number is always at the front, so a newcomer is compared with one number only.

```python
import heapq

def largest(stream, n=10):
    heap = []
    for number in stream:
        if len(heap) < n:
            heapq.heappush(heap, number)
        elif number > heap[0]:
            heapq.heapreplace(heap, number)
    return sorted(heap, reverse=True)
```

| way | memory | time |
|---|---|---:|
| sort everything | all of it | n log n |
| a heap of ten | ten numbers | n log 10 |

`heapq.nlargest(10, stream)` does the same in one line.
"""


class Nobody:
    """A model that is listed and never asked."""

    name = "openrouter"

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Nothing."""
        yield Done()

    async def models(self) -> list[Model]:
        """One model."""
        return [Model(self.name, "qwen/qwen3-32b", context_length=40_960)]

    async def aclose(self) -> None:
        """Nothing to close."""


def seed(file: Path) -> None:
    """A few days of use."""
    moment = NOW

    def clock() -> datetime:
        return moment

    store = Store.open(file, clock=clock)
    for days, question, answer in [*EXCHANGES, (0, QUESTION, ANSWER)]:
        moment = NOW - timedelta(days=days, minutes=1 if question == QUESTION else 47)
        begun = store.live_replies.begin_turn(None, question, model="openrouter/qwen/qwen3-32b")
        moment += timedelta(seconds=4)
        ended = Settled(
            "done", answer, model="openrouter/qwen/qwen3-32b", elapsed_ms=3_870, input_tokens=24, output_tokens=231
        )
        store.live_replies.settle(begun.reply.id, ended)
        store.conversations.mark_read(begun.session.id)
        last = begun.session.id
    store.local_state.set("last_conversation", last)
    store.close()


async def catalog_of(settings: Settings, store: StoreThread) -> Catalog:
    """A catalogue that asks nobody."""
    catalog = Catalog([], guide=Nobody(), default="openrouter/qwen/qwen3-32b")
    await catalog.models()
    return catalog


async def take(file: Path, folder: Path, theme: str, name: str, *keys: str) -> None:
    """One picture, after those keys."""
    folder.joinpath("config.toml").write_text(f'theme = "{theme}"\n', "utf-8")
    app = SternaApp(
        opener=lambda: Store.open(file, clock=lambda: NOW),
        settings=load(folder, {}),
        catalog_factory=catalog_of,
        turns_factory=lambda store, catalog, settings: Turns(store, catalog, settings=settings),
        clock=lambda: NOW,
        config_folder=folder,
        environ={"LANG": "C.UTF-8"},
    )
    async with app.run_test(size=SIZE) as pilot:
        await app.context.ready.wait()
        await pilot.pause(0.5)
        await pilot.press(*keys)
        await pilot.pause(0.5)
        picture = app.export_screenshot(title="Sterna")
    IMAGES.mkdir(exist_ok=True)
    IMAGES.joinpath(name).write_text(picture, "utf-8")


async def main() -> None:
    """Take them all."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "account.db"
        seed(file)
        await take(file, Path(folder), "sterna-dark", "chat-dark.svg")
        await take(file, Path(folder), "sterna-light", "search-light.svg", "ctrl+r", *"heap")


if __name__ == "__main__":
    asyncio.run(main())
