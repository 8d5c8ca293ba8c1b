"""A device and a server without a network or a thread: the real core, the real history, steps one at a time."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Generator
from typing import Any

from sterna.storage import Store
from sterna.sync.protocol.compression import content_encoding
from sterna.sync.protocol.effects import (
    CrashPoint,
    CurrentTime,
    Effect,
    Prefetch,
    Progress,
    Request,
    Response,
    Transaction,
    Unreachable,
)
from sterna.sync.wire import Commit, DeltaPush, DeltaResponse, Pull

from .history import Forked, History

JSON = {"content-type": "application/json"}


def inflated(body: bytes) -> bytes:
    assert content_encoding(body) == "gzip"
    return zlib.decompress(body, 31)


def served(history: History, step: Request, now_ms: int) -> Response:
    """Return the response of a server with this history to any request of the core."""
    headers = {name.lower(): value for name, value in step.headers.items()}
    seen = Commit.parse(headers["sync-seen"]) if "sync-seen" in headers else None
    if step.method == "POST":
        assert step.body is not None
        body = inflated(step.body)
        asked = DeltaPush.decode(json.loads(body)["sync"])
        pull = Pull.parse(headers["sync-pull"]) if "sync-pull" in headers else None
        try:
            response = history.push(
                asked,
                hashlib.sha256(body).hexdigest(),
                seen=seen,
                now=now_ms,
                sent_at=int(headers["sync-sent-at"]),
                pull=None if pull is None else (pull.cur, pull.max),
            )
        except Forked:
            return Response(409, JSON, b'{"error":"forked","code":"replica_forked"}')
    elif "newest" in step.query:
        response = DeltaResponse(rows=history.newest(int(step.query["newest"])), seen=history.head())
    elif "session" in step.query:
        response = DeltaResponse(rows=history.of(step.query["session"]), cur=history.seq, seen=history.head())
    else:
        response = history.pull(int(step.query["since"]), int(step.query["max_bytes"]), seen=seen)
    return Response(200, JSON, json.dumps({"success": True, "sync": response.encode()}).encode())


def run(
    work: Generator[Effect, Any, Any],
    store: Store,
    answer: Callable[[Request], Response],
    now_ms: Callable[[], int],
    on_step: Callable[[Effect], None] = lambda step: None,
) -> Any:
    """All steps of a cycle, one after the other; what it returns."""
    came: Any = None
    thrown: BaseException | None = None
    try:
        while True:
            try:
                step = work.throw(thrown) if thrown is not None else work.send(came)
            except StopIteration as stop:
                return stop.value
            came, thrown = None, None
            on_step(step)
            try:
                came = done(step, store, answer, now_ms)
            except (Unreachable, ValueError) as error:
                thrown = error
    finally:
        work.close()


def done(step: Effect, store: Store, answer: Callable[[Request], Response], now_ms: Callable[[], int]) -> Any:
    """Return the result of one step."""
    match step:
        case Request():
            return answer(step)
        case Transaction():
            return store.call(step.method, *step.args, **step.kwargs)
        case CurrentTime():
            return now_ms()
        case CrashPoint() | Prefetch() | Progress():
            return None
