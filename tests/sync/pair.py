"""Devices with a real history each and one server in memory, under the real core and the server's real rules."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.driving import run, served
from sim.history import History
from ticking import Ticking

from sterna.storage import Settled, Store
from sterna.storage.clock import millis
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import CycleResult, Effect, Request, Response
from sterna.sync.wire import Capability

ORIGIN, USER = "https://chat.example.org", "6f0c0000-0000-4000-8000-000000000001"
CAPS = Capability.parse("1; caps=delta,gzip,seen,tomb")
JSON = {"content-type": "application/json"}


@dataclass
class Device:
    """One device. ``way`` is the network between it and the server."""

    store: Store
    clock: Ticking
    sync: DeltaSync
    history: History
    time: Ticking
    way: Callable[[Request, Callable[[Request], Response]], Response] = lambda step, on: on(step)
    asked: list[Request] = field(default_factory=list)

    def now_ms(self) -> int:
        return millis(self.clock())

    def answer(self, step: Request) -> Response:
        self.asked.append(step)
        return self.way(step, lambda one: served(self.history, one, millis(self.time())))

    def cycle(self, on_step: Callable[[Effect], None] = lambda step: None, *, fence: int | None = None) -> CycleResult:
        """One cycle, whatever it comes to."""
        fence = self.store.sync_metadata.acquire_fence() if fence is None else fence
        done: CycleResult = run(self.sync.cycle(fence), self.store, self.answer, self.now_ms, on_step)
        return done

    def say(self, session_id: str | None, text: str) -> str:
        """A prompt and its reply; gives the conversation."""
        begun = self.store.live_replies.begin_turn(session_id, text, model="acme/small")
        self.store.live_replies.settle(
            begun.reply.id, Settled("done", f"You said: {text}", input_tokens=1, output_tokens=2)
        )
        return begun.session.id

    def texts(self, session_id: str) -> list[str]:
        return [one.content for one in self.store.messages.before(session_id, None, 1000)]

    def titles(self) -> list[str]:
        return sorted(row["title"] for row in self.store.db.rows("select title from chat_sessions"))

    def seen(self) -> dict[str, list[dict[str, Any]]]:
        """All that a person sees."""
        return {
            table: [dict(row) for row in self.store.db.rows(f"select {columns} from {table} order by 1, 2")]
            for table, columns in (
                ("chat_sessions", "id, title, message_count, total_tokens"),
                ("chat_messages", "id, session_id, role, content, message_timestamp"),
                ("session_settings", "session_id, key, value"),
            )
        }


@dataclass
class DeviceGroup:
    """Devices of one person, with their server."""

    folder: Path
    time: Ticking = field(default_factory=Ticking)
    history: History = field(default_factory=lambda: History(random.Random(1)))
    devices: list[Device] = field(default_factory=list)

    def add_device(self, path: Path | None = None, *, user_id: str = USER, history: History | None = None) -> Device:
        """Add a device, signed in; or one that has this file."""
        clock = Ticking(self.time.at)
        store = Store.open(path or self.folder / f"d{len(self.devices)}.db", clock=clock)
        store.db.execute("pragma synchronous = off")
        if path is None:
            store.linking.adopt(ORIGIN, user_id, "ada@example.org")
        rng = random.Random(len(self.devices))
        found = Device(store, clock, DeltaSync(CAPS, rng=rng), history or self.history, self.time)
        self.devices.append(found)
        return found

    def settle(self) -> None:
        """Everybody syncs until nobody has anything new."""
        for _ in range(6):
            done = [one.cycle() for one in self.devices]
            assert all(one.problem is None for one in done), done
            if all(one.complete and not one.pushed + one.pulled for one in done):
                return
        raise AssertionError("it never comes to rest")

    def close(self) -> None:
        for one in self.devices:
            one.store.close()


def response_of(body: Any, status: int = 200, **headers: str) -> Response:
    """Return a response with this body."""
    return Response(status, JSON | headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def sync_of(answer: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)["sync"]
    return found
