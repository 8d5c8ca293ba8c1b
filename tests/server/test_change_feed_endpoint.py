"""Long polls and the stream of the head: notification of devices about changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

import httpx
import pytest
from accounts import Db, Person, acting_as
from devices import CLIENT, Device, conversation_op, message_op
from polling import wait_until

from sterna.server.routes import sync_head
from sterna.server.settings import ServerSettings
from sterna.server.sync.change_notifier import Waiter
from tests.serving import serving

SYNC = "/api/chat/sync"
HEAD = "/api/chat/sync/head"


def ask(who: Person, address: str = "", **query: Any) -> tuple[Callable[[], httpx.Response], threading.Thread]:
    """Send a long poll in a thread; return a function that waits for the response, and the thread."""
    values: list[httpx.Response] = []

    def run() -> None:
        with httpx.Client(base_url=address or who.http.base_url, headers=who.http.headers, timeout=60) as client:
            values.append(client.get(SYNC, params=query, headers=CLIENT))

    def answer() -> httpx.Response:
        wait_until(lambda: bool(values), "an answer")
        return values[0]

    thread = threading.Thread(target=run)
    thread.start()
    return answer, thread


@contextmanager
def asking(who: Person, **query: Any) -> Iterator[Callable[[], httpx.Response]]:
    """Send a long poll in a thread that is joined at the end."""
    answer, thread = ask(who, **query)
    yield answer
    thread.join(60)


def test_a_long_question_is_answered_when_something_comes(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op())
    with asking(ada, since=1, wait=50) as answer:
        device.push(message_op())
        result = Device(ada).decode(answer())
    assert [row.id for row in result.rows] == ["m1"]


def test_a_long_question_is_answered_when_nothing_comes(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op())
    with asking(ada, since=1, wait=0.1) as answer:
        assert Device(ada).decode(answer()).rows == ()


def test_what_another_process_wrote_is_news_within_a_second_or_so(ada: Person, db: Db) -> None:
    Device(ada).push(conversation_op())
    with asking(ada, since=1, wait=50) as answer:
        with acting_as(db, ada.identity):
            db.execute("update chat_sessions set title = 'By SQL'")
        result = Device(ada).decode(answer())
    assert result.rows[0].value["title"] == "By SQL"


@pytest.mark.parametrize("since", [0, 7])
def test_who_is_not_at_the_head_waits_for_nothing(ada: Person, since: int) -> None:
    Device(ada).push(conversation_op())
    with asking(ada, since=since, wait=50) as answer:
        assert Device(ada).decode(answer()).cur == max(1, since)


class Stream:
    """The head stream, read by a thread."""

    def __init__(self, who: Person, address: str = "") -> None:
        self.lines: list[str] = []
        self.is_over = False
        self._who, self._address = who, address or str(who.http.base_url)
        self._leave = threading.Event()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        with (
            httpx.Client(base_url=self._address, headers=self._who.http.headers, timeout=60) as client,
            client.stream("GET", HEAD, headers=CLIENT) as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                self.lines.append(line)
                if self._leave.is_set():
                    return
        self.is_over = True

    def heads(self) -> list[int]:
        return [json.loads(line[6:])["seq"] for line in self.lines if line.startswith("data: ")]

    def leave(self) -> None:
        self._leave.set()
        self.thread.join(60)


def test_the_stream_says_where_the_head_is_and_whenever_it_moves(ada: Person, bob: Person, db: Db) -> None:
    Device(ada).push(conversation_op())
    stream = Stream(ada)
    try:
        wait_until(lambda: stream.heads() == [1], "the head")
        Device(bob).push(conversation_op(), message_op(), message_op("m2"))
        ada.http.post("/api/chat/sessions", json={"id": "by rest"})
        wait_until(lambda: stream.heads() == [1, 2], "news by REST")
        with acting_as(db, ada.identity):
            db.execute("update chat_sessions set title = 'By SQL' where id = 'c1'")
        wait_until(lambda: stream.heads() == [1, 2, 3], "news by SQL")
        assert set(stream.lines[::3]) == {"event: head"}
    finally:
        stream._leave.set()
        Device(ada, "r9").push(message_op())
        stream.leave()


def test_a_silent_stream_has_a_heartbeat(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_head, "HEARTBEAT", 0.05)
    stream = Stream(ada)
    wait_until(lambda: stream.lines.count(": still here") > 2, "heartbeats")
    stream.leave()


def test_a_stream_ends_some_time(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_head, "HEARTBEAT", 0.02)
    monkeypatch.setattr(sync_head, "MAX_SECONDS", 0.1)
    stream = Stream(ada)
    wait_until(lambda: stream.is_over, "the end")
    stream.leave()


def test_nobody_and_who_speaks_another_language_have_no_stream(ada: Person, http: httpx.Client) -> None:
    assert http.get(HEAD, headers=CLIENT).status_code == 401
    assert ada.http.get(HEAD, headers={"sync-client": "t/1; proto=7-9"}).status_code == 426
    assert ada.http.get(HEAD).status_code == 400


def test_only_so_many_wait_for_one_history(ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.server.sync.change_notifier.MAX_WAITERS", 1)
    stream = Stream(ada)
    wait_until(lambda: stream.heads() == [0], "the head")
    answer = ada.http.get(HEAD, headers=CLIENT)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    other = Stream(bob)
    wait_until(lambda: other.heads() == [0], "the head of another")
    for who, first in ((ada, stream), (bob, other)):
        first._leave.set()
        Device(who).push(conversation_op())
        first.leave()


def test_streams_and_long_questions_do_not_keep_the_server_from_ending(
    ada: Person, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[float] = []
    wait = Waiter.wait

    async def watched(self: Waiter, seconds: float) -> bool:
        waiting.append(seconds)
        return await wait(self, seconds)

    monkeypatch.setattr(Waiter, "wait", watched)
    with serving(replace(settings, shutdown_seconds=60)) as address:
        stream = Stream(ada, address)
        answer, thread = ask(ada, address, since=0, wait=50)
        wait_until(lambda: sorted(waiting) == [25, 50], "both wait")
        began = monotonic()
    assert answer().status_code == 200
    thread.join(60)
    stream.thread.join(60)
    assert stream.is_over
    assert monotonic() - began < 20
