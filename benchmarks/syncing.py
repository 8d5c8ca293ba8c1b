"""A device of the measurements: the real history and the real protocol, over HTTP, counting what it sends and hears."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from sterna.storage import Store
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import (
    CrashPoint,
    CurrentTime,
    CycleResult,
    Prefetch,
    Progress,
    Request,
    Response,
    Transaction,
)
from sterna.sync.wire import Capability

CAPS = Capability.parse("1; caps=delta,gzip,seen,sse,tomb; batch=1048576; msg=1048576")


class Device:
    """One file and one connection."""

    def __init__(self, path: Path, port: int, user: UUID, token: str) -> None:
        self.store = Store.open(path)
        self.store.linking.adopt(f"http://127.0.0.1:{port}", str(user), "ada@example.org")
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {token}"}, timeout=120
        )
        self.sync = DeltaSync(CAPS, rng=random.Random(1))
        self.fence = self.store.sync_metadata.acquire_fence()
        self.requests = self.sent = self.received = 0
        self.waited = 0.0
        """Seconds that answers were waited for."""
        self._others = ThreadPoolExecutor(1)
        self._ahead: tuple[Request, Future[Response]] | None = None

    def cycle(self) -> CycleResult:
        """One cycle, to its end."""
        work = self.sync.cycle(self.fence)
        came: Any = None
        while True:
            try:
                step = work.send(came)
            except StopIteration as stop:
                found: CycleResult = stop.value
                assert found.problem is None, found
                return found
            match step:
                case Request():
                    came = self._answered(step)
                case Prefetch():
                    self._ahead = step.request, self._others.submit(self._answer, step.request)
                    came = None
                case Transaction():
                    came = self.store.call(step.method, *step.args, **step.kwargs)
                case CurrentTime():
                    came = int(time.time() * 1000)
                case CrashPoint() | Progress():
                    came = None

    def in_step(self) -> int:
        """Cycles until everything is everywhere; how many things went either way."""
        moved = 0
        while True:
            done = self.cycle()
            moved += done.pushed + done.pulled
            if done.complete:
                return moved

    def count(self) -> None:
        """Count from nothing."""
        self.requests = self.sent = self.received = 0
        self.waited = 0.0

    def _answered(self, step: Request) -> Response:
        began = time.perf_counter()
        kept, self._ahead = self._ahead, None
        if kept is not None and kept[0] == step:
            found = kept[1].result()
        else:
            if kept is not None:
                wait((kept[1],))
            found = self._answer(step)
        self.waited += time.perf_counter() - began
        return found

    def _answer(self, step: Request) -> Response:
        request = self._http.build_request(
            step.method, step.path, params=dict(step.query), headers=dict(step.headers), content=step.body
        )
        answer = self._http.send(request)
        self.requests += 1
        head = sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
        self.sent += head + len(step.body or b"")
        self.received += answer.num_bytes_downloaded
        return Response(
            answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content
        )

    def close(self) -> None:
        """Let everything go."""
        self._http.close()
        self.store.close()
