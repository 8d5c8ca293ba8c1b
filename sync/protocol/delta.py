"""The delta protocol, without I/O: push what waits, pull what is new, and validate every response.

A push is frozen before it is sent, so that every try sends the same bytes. It counts as acknowledged only by a valid
response that names it. The response also carries newer rows of the server, so a cycle is one round trip.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sterna.storage import (
    Acknowledgements,
    Inflight,
    NotInFlight,
    PushBatch,
    RemoteRow,
    SyncMetadata,
    SyncPull,
    SyncPush,
    SyncState,
)

from ..backoff import RETRY_MS
from ..wire import BATCH_OPS, BadItem, Capability, Commit, DeltaPush, DeltaResponse, Pull
from .capabilities import client_header
from .compression import compressed, content_encoding
from .delta_codec import decode_ack, encode_op
from .delta_response import (
    InvalidResponse,
    decode_page,
    decode_response,
    decode_rows,
    error_code,
    is_json,
    newest_commit,
)
from .effects import (
    CrashPoint,
    CurrentTime,
    CycleResult,
    Effects,
    Prefetch,
    Problem,
    Progress,
    Request,
    Response,
    Transaction,
    Unreachable,
)
from .response_errors import AGAIN_MS, problem_of

PATH = "/api/chat/sync"
FIRST_BYTES, LEAST_BYTES = 256 * 1024, 16 * 1024
QUICK_MS = 2000
"""Duration of a push up to which the next one may be twice as large."""
PATIENCE = 3
"""Timeouts of one push in a row after which it is divided."""
PAGE_BYTES = 1024 * 1024
EXCHANGES = 8
"""Most exchanges of one cycle; what is left is for the next one."""
NEWEST = 200
"""Conversations of the first list."""

INVALID = "Unexpected answer from the server. Nothing was changed; Sterna will try again."
NEWER = "The server has data of a newer Sterna. Update Sterna; your changes are saved here until then."
FOREIGN = "The server answered with the history of another account. Nothing was changed."
TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Result of one request and its response."""

    pushed: int = 0
    pulled: int = 0
    more: bool = False
    """There is more to fetch, or the push has to be sent in another form."""
    problem: Problem | None = None


class DeltaSync:
    """Delta protocol between one history and a Sterna server."""

    def __init__(
        self,
        capability: Capability,
        user_id: str = "",
        *,
        rng: random.Random | None = None,
        new_replica: Callable[[], str] | None = None,
        first_bytes: int = FIRST_BYTES,
        page_bytes: int = PAGE_BYTES,
        most_ops: int = BATCH_OPS,
    ) -> None:
        self._capability, self._user_id = capability, user_id
        self._rng = rng or random.Random()
        self._new_replica = new_replica or (lambda: f"{self._rng.getrandbits(128):032x}")
        self._bytes = min(first_bytes, capability.batch)
        self._page_bytes = page_bytes
        self._ops = self._most_ops = most_ops
        self._divided = False
        """A push that was refused as a whole is being sent in parts."""
        self._timeouts = (0, 0)
        """Number of the push that timed out last, and how often in a row."""

    def cycle(self, fence: int) -> Effects[CycleResult]:
        """Push what waits and pull what is new, until both ends are up to date or a problem occurs."""
        pushed = pulled = 0
        pulled_all = False
        for left in reversed(range(EXCHANGES)):
            now_ms = yield from CurrentTime()
            frozen = yield from Transaction(
                SyncPush.next_batch, fence=fence, most_ops=self._ops, most_bytes=self._bytes, now_ms=now_ms
            )
            if isinstance(frozen, PushBatch):
                frozen = yield from Transaction(SyncPush.freeze, frozen, self._encode(frozen), fence=fence)
                if frozen is None:
                    continue  # the rows have changed since they were read
            yield from CrashPoint("frozen")
            if frozen is None and pulled_all:
                return CycleResult(pushed, pulled, complete=True)
            state = yield from Transaction(SyncMetadata.state)
            try:
                if frozen is None:
                    exchange = yield from self._pull(state, fence, prefetches=left > 0)
                else:
                    exchange = yield from self._push(frozen, state, fence)
            except Unreachable as error:
                if error.reason == "timeout" and frozen is not None:
                    yield from self._note_timeout(frozen, fence)
                return CycleResult(pushed, pulled, problem=problem_of(error, now_ms, self._retry_ms(state)))
            except InvalidResponse as error:
                problem = error.problem or Problem("offline", INVALID, self._retry_ms(state))
                return CycleResult(pushed, pulled, problem=problem)
            pushed, pulled, pulled_all = pushed + exchange.pushed, pulled + exchange.pulled, not exchange.more
            if exchange.problem is not None:
                return CycleResult(pushed, pulled, problem=exchange.problem)
        return CycleResult(pushed, pulled)

    def fetch_newest(self, fence: int) -> Effects[None]:
        """Fetch the most recent conversations before all the rest, so that the sidebar fills at once."""
        response = yield from Request("GET", PATH, {"newest": str(NEWEST)}, client_header())
        if response.status == 200:
            now_ms = yield from CurrentTime()
            answer, _ = self._decoded(response)
            yield from Transaction(SyncPull.apply_extra, decode_rows(answer), fence=fence, now_ms=now_ms)

    def fetch_conversation(self, session_id: str, fence: int) -> Effects[None]:
        """Fetch all of one conversation, without moving the cursor."""
        cur, more = 0, True
        while more:
            query = {"session": session_id, "since": str(cur), "max_bytes": str(self._page_bytes)}
            response = yield from Request("GET", PATH, query, client_header())
            if response.status != 200:
                return
            answer, _ = self._decoded(response)
            now_ms = yield from CurrentTime()
            more = answer.more and answer.cur > cur
            cur = answer.cur
            whole = () if more else (session_id,)
            yield from Transaction(SyncPull.apply_extra, decode_rows(answer), fence=fence, now_ms=now_ms, whole=whole)

    # One exchange

    def _push(self, frozen: Inflight, state: SyncState, fence: int) -> Effects[Exchange]:
        sent_ms = yield from CurrentTime()
        headers = self._headers(state) | {
            "Content-Type": "application/json",
            "Content-Encoding": content_encoding(frozen.body),
            "Sync-Sent-At": str(sent_ms),
        }
        if not state.resync:
            headers["Sync-Pull"] = Pull(state.cursor, self._page_bytes).format()
        response = yield from Request("POST", PATH, {}, headers, frozen.body)
        yield from CrashPoint("answered")
        now_ms = yield from CurrentTime()
        if response.status in (400, 413, 422) and is_json(response):
            return (yield from self._divide(frozen, response, fence))
        if response.status == 403 and is_json(response) and len(frozen.items) > 1 and not self._divided:
            self._divided = True  # one op alone may be the reason
            yield from self._shrink(frozen, fence)
            return Exchange(more=True)
        if response.status == 409 and error_code(response) == "replica_forked":
            yield from Transaction(Acknowledgements.fork, self._new_replica(), fence)
            return Exchange(more=True)
        if response.status != 200:
            return Exchange(problem=problem_of(response, now_ms, self._retry_ms(state), state.fails))
        return (yield from self._settle(frozen, response, state, fence, sent_ms, now_ms, pulls="Sync-Pull" in headers))

    def _settle(
        self,
        frozen: Inflight,
        response: Response,
        state: SyncState,
        fence: int,
        sent_ms: int,
        now_ms: int,
        *,
        pulls: bool,
    ) -> Effects[Exchange]:
        """Apply the acks of a push, and the rows that came with them."""
        answer, has_unknown = self._decoded(response)
        if answer.push_seq != frozen.push_seq:
            raise InvalidResponse
        if answer.resync:
            yield from Transaction(SyncPull.start_resync, fence)
            return Exchange(more=True)
        if len(answer.acks) != len(frozen.items):
            raise InvalidResponse
        try:
            acks = [decode_ack(item, ack) for item, ack in zip(frozen.items, answer.acks, strict=True)]
        except BadItem:
            raise InvalidResponse from None
        rows = decode_page(answer, state) if pulls else []
        settle = Transaction(
            Acknowledgements.settle_push, frozen.push_seq, acks, newest_commit(answer), fence=fence, now_ms=now_ms
        )
        try:
            yield from settle
        except NotInFlight:
            return Exchange(more=True)  # another process has settled it
        except ValueError:
            raise InvalidResponse from None
        yield from Progress(pushed=len(acks))
        yield from CrashPoint("settled")
        self._divided = False
        self._grow(now_ms - sent_ms)
        accepted = sum(ack.result != "rejected" for ack in acks)
        if has_unknown:
            return Exchange(accepted, problem=Problem("update", NEWER))
        if not pulls:
            return Exchange(accepted, more=True)
        yield from self._apply(answer, rows, state, fence, now_ms)
        return Exchange(accepted, len(rows), answer.more)

    def _pull(self, state: SyncState, fence: int, *, prefetches: bool) -> Effects[Exchange]:
        response = yield from self._page_after(state)
        yield from CrashPoint("answered")
        now_ms = yield from CurrentTime()
        if response.status != 200:
            return Exchange(problem=problem_of(response, now_ms, self._retry_ms(state), state.fails))
        answer, has_unknown = self._decoded(response)
        if answer.resync:
            yield from Transaction(SyncPull.start_resync, fence)
            return Exchange(more=True)
        if has_unknown:
            return Exchange(problem=Problem("update", NEWER))
        if prefetches and answer.more and answer.seen is not None:
            seen = answer.seen
            yield from Prefetch(
                self._page_after(replace(state, cursor=answer.cur, seen_seq=seen.seq, seen_nonce=seen.nonce))
            )
        rows = decode_page(answer, state)
        yield from self._apply(answer, rows, state, fence, now_ms)
        return Exchange(0, len(rows), answer.more or state.resync)

    def _page_after(self, state: SyncState) -> Request:
        query = {"since": str(state.cursor), "max_bytes": str(self._page_bytes)}
        return Request("GET", PATH, query, self._headers(state))

    def _apply(
        self, answer: DeltaResponse, rows: Sequence[RemoteRow], state: SyncState, fence: int, now_ms: int
    ) -> Effects[None]:
        seen = newest_commit(answer)
        removed = [row for row in rows if row.kind == "c" and row.is_deleted]
        start = 0 if removed and not state.resync else None
        while start is not None:  # in transactions of their own, so that other writes can come between
            start = yield from Transaction(SyncPull.apply_removals, removed, start, fence=fence, now_ms=now_ms)
        try:
            applied = yield from Transaction(
                SyncPull.apply,
                rows,
                cursor=state.cursor,
                new_cursor=answer.cur,
                seen=seen,
                more=answer.more,
                fence=fence,
                now_ms=now_ms,
            )
        except ValueError:
            raise InvalidResponse from None
        if applied:
            yield from Progress(position=answer.cur, head=seen[0] if seen is not None else None)
        yield from CrashPoint("applied")

    # Size of a push

    def _divide(self, frozen: Inflight, response: Response, fence: int) -> Effects[Exchange]:
        """Send a push that was refused as a whole in smaller parts, until one op is left, which counts as rejected."""
        if len(frozen.items) > 1:
            yield from self._shrink(frozen, fence)
            return Exchange(more=True)
        kind, key, rev = frozen.items[0]
        code = TOO_LARGE if response.status == 413 else error_code(response) or "refused"
        yield from Transaction(Acknowledgements.drop_inflight, fence)
        yield from Transaction(Acknowledgements.block, kind, key, rev, code, fence=fence)
        self._ops = self._most_ops
        return Exchange(more=True)

    def _note_timeout(self, frozen: Inflight, fence: int) -> Effects[None]:
        """Divide a push whose response keeps timing out.

        The server may have executed all of it. So the same bytes are repeated first, because only they are recognized
        and not executed twice; a network that never carries so much at once gets the push in parts.
        """
        push_seq, count = self._timeouts
        self._timeouts = (frozen.push_seq, count + 1 if push_seq == frozen.push_seq else 1)
        if self._timeouts[1] >= PATIENCE:
            yield from self._shrink(frozen, fence)

    def _shrink(self, frozen: Inflight, fence: int) -> Effects[None]:
        self._bytes = max(LEAST_BYTES, self._bytes // 2)
        self._ops = max(1, len(frozen.items) // 2)
        yield from Transaction(Acknowledgements.drop_inflight, fence)

    def _grow(self, duration_ms: int) -> None:
        if duration_ms < QUICK_MS:
            self._bytes = min(self._capability.batch, self._bytes * 2)
            self._ops = min(self._most_ops, self._ops * 2)

    # Encoding and decoding

    def _encode(self, batch: PushBatch) -> bytes:
        ops = [encode_op(change) for change in batch.changes]
        body = {"conversations": [], "sync": DeltaPush(batch.replica, batch.push_seq, ops).encode()}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return compressed(text.encode("utf-8", "replace"), self._capability.caps)

    def _decoded(self, response: Response) -> tuple[DeltaResponse, bool]:
        answer, has_unknown = decode_response(response)
        if answer.user and self._user_id and answer.user.lower() != self._user_id.lower():
            raise InvalidResponse(Problem("blocked", FOREIGN, AGAIN_MS))
        return answer, has_unknown

    def _headers(self, state: SyncState) -> dict[str, str]:
        seen = Commit(state.seen_seq, state.seen_nonce).format() if state.seen_nonce else ""
        return dict(client_header()) | ({"Sync-Seen": seen} if seen else {})

    def _retry_ms(self, state: SyncState) -> int:
        return RETRY_MS.delay(state.fails, self._rng)
