"""A device that syncs with the stand-in of upstream, with nothing between them but a function."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Generator
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sterna.storage import Database, Store
from sterna.sync.auth.cookies import updated_session
from sterna.sync.protocol.effects import (
    CrashPoint,
    CurrentTime,
    CycleResult,
    Effect,
    Progress,
    Request,
    Response,
    Transaction,
    Unreachable,
)
from sterna.sync.upstream.protocol import UpstreamSync
from tests import schema_template
from tests.databases import closed_at_the_end
from tests.upstream import Person, ServerResponse, Upstream

FOLDER = TemporaryDirectory()
"""Where these stores keep their locks; one of each process, gone when it ends."""

NUMBERS = count()

Net = Callable[[Request, Callable[[Request], Response]], Response]
"""Carries a request: may lose it or its answer (raises Unreachable), or give another answer."""


class Crashed(Exception):
    """The process ended here."""


def direct(step: Request, server: Callable[[Request], Response]) -> Response:
    return server(step)


def store_in_memory(user_id: str, clock: Callable[[], datetime], rng: random.Random) -> Store:
    """A store as it is after a sign-in."""
    db = closed_at_the_end(sqlite3.connect(":memory:", isolation_level=None))
    db.row_factory = sqlite3.Row
    schema_template.fill(db)
    db.execute("pragma foreign_keys = on")
    path = Path(FOLDER.name) / f"{next(NUMBERS)}.db"  # beside it, locks say whose replies and drafts these are
    token = lambda n: "".join(rng.choices("abcdefghijkmnop", k=n))  # noqa: E731
    store = Store(Database(db, path, clock=clock, token=token))
    store.db.user_id = user_id
    store.profiles.ensure_profile(user_id, "ada@example.org", {})
    store.sync_metadata.set_account("https://upstream.example", user_id, mode="baseline")
    return store


class Device:
    """One store, one sign-in."""

    def __init__(
        self,
        upstream: Upstream,
        person: Person,
        clock: Callable[[], datetime],
        *,
        seed: int = 0,
        net: Net = direct,
        store: Store | None = None,
    ) -> None:
        self.upstream, self.clock, self.net = upstream, clock, net
        self.rng = random.Random(seed)
        self.person = person
        self.session = upstream.sign_in(person)
        self.store = store or store_in_memory(person.id, clock, self.rng)
        self.points: Callable[[str], None] = lambda name: None
        self.begin()

    def begin(self) -> None:
        """A process starts: it remembers nothing but what is in the store."""
        self.sync = UpstreamSync(self.person.id, rng=self.rng, host="upstream.example")
        self.fence = self.store.sync_metadata.acquire_fence()

    def unlimited(self) -> Device:
        self.sync.requests.budget.rate = self.sync.requests.budget.left = 1e9
        return self

    def server(self, step: Request) -> Response:
        headers = {name.lower(): value for name, value in step.headers.items()}
        headers["cookie"] = self.upstream.cookies(self.session)
        answer: ServerResponse = self.upstream.handle(step.method, step.path, step.query, headers, step.body or b"")
        if (new := updated_session(self.upstream.cookie, self.session, answer.all("set-cookie"))) is not None:
            self.session = dict(new)
        return Response(
            answer.status, {name: value for name, value in answer.headers if name != "set-cookie"}, answer.body
        )

    def cycle(self) -> CycleResult:
        return self.drive(self.sync.cycle(self.fence))

    def look(self) -> CycleResult:
        """A cycle that looks, whenever the last one did."""
        self.sync._compared_ms = None
        return self.cycle()

    def drive(self, work: Generator[Effect, Any, Any]) -> Any:
        came: Any = None
        thrown: BaseException | None = None
        while True:
            try:
                step = work.send(came) if thrown is None else work.throw(thrown)
            except StopIteration as done:
                return done.value
            came = thrown = None
            try:
                match step:
                    case Request():
                        self.points("http")
                        came = self.net(step, self.server)
                    case Transaction():
                        self.points("tx")
                        came = self.store.call(step.method, *step.args, **step.kwargs)
                    case CurrentTime():
                        came = int(self.clock().timestamp() * 1000)
                    case CrashPoint():
                        self.points(step.name)
                    case Progress():
                        pass
            except Unreachable as error:
                thrown = error
            except Crashed:
                work.close()
                raise

    # what a person does

    def say(self, session_id: str | None, text: str) -> tuple[str, str]:
        """A prompt without a reply; gives the conversation and the message."""
        begun = self.store.live_replies.begin_turn(session_id, text, model="a/b")
        self.store.db.execute("delete from live_replies")
        return begun.session.id, begun.user_message.id

    def titles(self) -> dict[str, str]:
        return {row["id"]: row["title"] for row in self.store.db.rows("select id, title from chat_sessions")}

    def texts(self, session_id: str) -> list[str]:
        return [one.content for one in self.store.messages.after(session_id, None, 10_000)]
