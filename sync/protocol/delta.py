"""The delta protocol, without I/O: what waits is pushed, what is new is pulled, nothing is believed that does not fit.

A push is frozen before it is sent, so every try of it says the same bytes; it is acknowledged only by an answer of the
right shape that names it. What the server holds newer comes back with the answer, so a cycle is one round trip.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeVar

from sterna.storage import (
    Acknowledgements,
    Inflight,
    NotInFlight,
    Pending,
    SyncMetadata,
    SyncPull,
    SyncPush,
    SyncState,
)

from ..wire import BATCH_OPS, BadItem, Capability, Commit, DeltaAnswer, DeltaPush, Pull, is_clean_json
from .capabilities import client_header
from .compression import compressed, content_encoding
from .delta_codec import decode_ack, decode_row, encode_op
from .effects import Ahead, Answer, Cycle, Http, Now, Point, Problem, Progress, Step, Tx, Unreachable
from .response_errors import portal, problem_of

T = TypeVar("T")
Steps = Generator[Step, Any, T]

PATH = "/api/chat/sync"
FIRST_BYTES, LEAST_BYTES = 256 * 1024, 16 * 1024
QUICK_MS = 2000
"""A push that took less lets the next one be twice as large."""
PATIENT = 3
"""So often a push is said as it was, though its answer does not come in time; then in parts."""
PAGE_BYTES = 1024 * 1024
EXCHANGES = 8
"""Of one cycle; what is left is the next one's."""
NEWEST = 200
LONGEST_MS = 5 * 60_000
KINDS = frozenset("cms")

NONSENSE = "The server's answer makes no sense. Nothing of it was taken; the next try may go better."
NEWER = "The server knows things that this Sterna does not. Update Sterna; what you write is kept meanwhile."
FOREIGN, FOREIGN_MS = "The answer is of another account's history. Nothing of it was taken.", 15 * 60_000
TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one request and its answer came to."""

    pushed: int = 0
    pulled: int = 0
    more: bool = False
    """There is more to fetch, or it has to be said in another way."""
    problem: Problem | None = None


class Nonsense(ValueError):
    """An answer that is none, whatever its status. ``problem`` says it to a person; None: as usual."""

    def __init__(self, problem: Problem | None = None) -> None:
        super().__init__("nonsense")
        self.problem = problem


class DeltaSync:
    """The protocol of one history with a server of ours."""

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
        self._parted = False
        """Whether a push that was refused as a whole is being said in parts."""
        self._late = (0, 0)
        """The push whose answer did not come in time last, and how often in a row."""

    def cycle(self, fence: int) -> Steps[Cycle]:
        """Push what waits and pull what is new, until both ends are in step or something is in the way."""
        pushed = pulled = 0
        told = False
        for left in reversed(range(EXCHANGES)):
            now_ms: int = yield Now()
            frozen: Inflight | None = yield Tx(
                SyncPush.freeze,
                (self._build,),
                {"fence": fence, "most_ops": self._ops, "most_bytes": self._bytes, "now_ms": now_ms},
            )
            yield Point("frozen")
            if frozen is None and told:
                return Cycle(pushed, pulled, complete=True)
            state: SyncState = yield Tx(SyncMetadata.state)
            try:
                if frozen is None:
                    done = yield from self._pull(state, fence, goes_on=left > 0)
                else:
                    done = yield from self._push(frozen, state, fence)
            except Unreachable as error:
                if error.reason == "timeout" and frozen is not None:
                    yield from self._slow(frozen, fence)
                return Cycle(pushed, pulled, problem=problem_of(error, now_ms, self._later(state)))
            except Nonsense as error:
                problem = error.problem or Problem("offline", NONSENSE, self._later(state))
                return Cycle(pushed, pulled, problem=problem)
            pushed, pulled, told = pushed + done.pushed, pulled + done.pulled, not done.more
            if done.problem is not None:
                return Cycle(pushed, pulled, problem=done.problem)
        return Cycle(pushed, pulled)

    def newest(self, fence: int) -> Steps[None]:
        """The conversations in which something happened last, before all the rest, so that a list is there at once."""
        answer: Answer = yield Http("GET", PATH, {"newest": str(NEWEST)}, client_header())
        if answer.status == 200:
            now_ms: int = yield Now()
            found, _ = self._decoded(answer)
            yield Tx(SyncPull.apply_extra, (rows_of(found),), {"fence": fence, "now_ms": now_ms})

    def conversation(self, session_id: str, fence: int) -> Steps[None]:
        """All of one conversation, out of turn."""
        cur, more = 0, True
        while more:
            query = {"session": session_id, "since": str(cur), "max_bytes": str(self._page_bytes)}
            answer: Answer = yield Http("GET", PATH, query, client_header())
            if answer.status != 200:
                return
            found, _ = self._decoded(answer)
            now_ms: int = yield Now()
            more = found.more and found.cur > cur
            cur = found.cur
            whole = () if more else (session_id,)
            yield Tx(SyncPull.apply_extra, (rows_of(found),), {"fence": fence, "now_ms": now_ms, "whole": whole})

    # One exchange

    def _push(self, frozen: Inflight, state: SyncState, fence: int) -> Steps[Exchange]:
        began: int = yield Now()
        headers = self._headers(state) | {
            "Content-Type": "application/json",
            "Content-Encoding": content_encoding(frozen.body),
            "Sync-Sent-At": str(began),
        }
        if not state.resync:
            headers["Sync-Pull"] = Pull(state.cur, self._page_bytes).format()
        answer: Answer = yield Http("POST", PATH, {}, headers, frozen.body)
        yield Point("answered")
        now_ms: int = yield Now()
        if answer.status in (400, 413, 422) and is_json(answer):
            return (yield from self._apart(frozen, answer, fence, now_ms))
        if answer.status == 403 and is_json(answer) and len(frozen.items) > 1 and not self._parted:
            self._parted = True  # it may be about one of them only
            yield from self._smaller(frozen, fence)
            return Exchange(more=True)
        if answer.status == 409 and code_of(answer) == "replica_forked":
            yield Tx(Acknowledgements.fork, (self._new_replica(), fence))
            return Exchange(more=True)
        if answer.status != 200:
            return Exchange(problem=problem_of(answer, now_ms, self._later(state), state.fails))
        found, is_newer = self._decoded(answer)
        if found.push_seq != frozen.push_seq:
            raise Nonsense
        if found.resync:
            yield Tx(SyncPull.start_resync, (fence,))
            return Exchange(more=True)
        if len(found.acks) != len(frozen.items):
            raise Nonsense
        try:
            told = [decode_ack(item, ack) for item, ack in zip(frozen.items, found.acks, strict=True)]
        except BadItem:
            raise Nonsense from None
        rows = page_of(found, state) if "Sync-Pull" in headers else []
        try:
            yield from taken(
                Tx(
                    Acknowledgements.settle_push,
                    (frozen.push_seq, told, seen_of(found)),
                    {"fence": fence, "now_ms": now_ms},
                    Progress(pushed=len(told)),
                )
            )
        except NotInFlight:
            return Exchange(more=True)  # another process has settled it
        yield Point("settled")
        self._parted = False
        self._grow(now_ms - began)
        done = sum(one.result != "rejected" for one in told)
        if is_newer:
            return Exchange(done, problem=Problem("update", NEWER))
        if "Sync-Pull" not in headers:
            return Exchange(done, more=True)
        yield from self._applied(found, rows, state, fence, now_ms)
        return Exchange(done, len(rows), found.more)

    def _pull(self, state: SyncState, fence: int, *, goes_on: bool) -> Steps[Exchange]:
        answer: Answer = yield self._page_after(state)
        yield Point("answered")
        now_ms: int = yield Now()
        if answer.status != 200:
            return Exchange(problem=problem_of(answer, now_ms, self._later(state), state.fails))
        found, is_newer = self._decoded(answer)
        if found.resync:
            yield Tx(SyncPull.start_resync, (fence,))
            return Exchange(more=True)
        if is_newer:
            return Exchange(problem=Problem("update", NEWER))
        rows = page_of(found, state)
        if goes_on and found.more and found.seen is not None:
            seen = found.seen
            yield Ahead(self._page_after(replace(state, cur=found.cur, seen_seq=seen.seq, seen_nonce=seen.nonce)))
        yield from self._applied(found, rows, state, fence, now_ms)
        return Exchange(0, len(rows), found.more or state.resync)

    def _page_after(self, state: SyncState) -> Http:
        query = {"since": str(state.cur), "max_bytes": str(self._page_bytes)}
        return Http("GET", PATH, query, self._headers(state))

    def _applied(
        self, found: DeltaAnswer, rows: Sequence[Any], state: SyncState, fence: int, now_ms: int
    ) -> Steps[None]:
        seen = seen_of(found)
        page = {"cur": state.cur, "new_cur": found.cur, "seen": seen, "more": found.more}
        progress = Progress(position=found.cur, head=seen[0] if seen is not None else None)
        dead = [row for row in rows if row.kind == "c" and row.is_dead]
        start = 0 if dead and not state.resync else None
        while start is not None:  # in writes of their own, between which others have their turn
            start = yield Tx(SyncPull.apply_removals, (dead, start), {"fence": fence, "now_ms": now_ms})
        yield from taken(Tx(SyncPull.apply, (rows,), {**page, "fence": fence, "now_ms": now_ms}, progress))
        yield Point("applied")

    def _apart(self, frozen: Inflight, answer: Answer, fence: int, now_ms: int) -> Steps[Exchange]:
        """The server takes this push not at all: smaller ones find out what of it."""
        if len(frozen.items) > 1:
            yield from self._smaller(frozen, fence)
            return Exchange(more=True)
        kind, key, rev = frozen.items[0]
        code = TOO_LARGE if answer.status == 413 else code_of(answer) or "refused"
        yield Tx(Acknowledgements.drop_inflight, (fence,))
        yield Tx(Acknowledgements.block, (kind, key, rev, code), {"fence": fence})
        self._ops = self._most_ops
        return Exchange(more=True)

    def _slow(self, frozen: Inflight, fence: int) -> Steps[None]:
        """The answer did not come in time, and the server may have taken it all: so the same is said again, for only
        that is answered without being done twice. A line that never carries so much at once gets it in parts."""
        number, tries = self._late
        self._late = (frozen.push_seq, tries + 1 if number == frozen.push_seq else 1)
        if self._late[1] >= PATIENT:
            yield from self._smaller(frozen, fence)

    def _smaller(self, frozen: Inflight, fence: int) -> Steps[None]:
        self._bytes = max(LEAST_BYTES, self._bytes // 2)
        self._ops = max(1, len(frozen.items) // 2)
        yield Tx(Acknowledgements.drop_inflight, (fence,))

    def _decoded(self, answer: Answer) -> tuple[DeltaAnswer, bool]:
        found, is_newer = decoded(answer)
        if found.user and self._user_id and found.user.lower() != self._user_id.lower():
            raise Nonsense(Problem("blocked", FOREIGN, FOREIGN_MS))
        return found, is_newer

    def _grow(self, took_ms: int) -> None:
        if took_ms < QUICK_MS:
            self._bytes = min(self._capability.batch, self._bytes * 2)
            self._ops = min(self._most_ops, self._ops * 2)

    def _build(self, replica: str, push_seq: int, pending: Sequence[Pending]) -> bytes:
        ops = [encode_op(one) for one in pending]
        body = {"conversations": [], "sync": DeltaPush(replica, push_seq, ops).encode()}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return compressed(text.encode("utf-8", "replace"), self._capability.caps)

    def _headers(self, state: SyncState) -> dict[str, str]:
        seen = Commit(state.seen_seq, state.seen_nonce).format() if state.seen_nonce else ""
        return dict(client_header()) | ({"Sync-Seen": seen} if seen else {})

    def _later(self, state: SyncState) -> int:
        return int(self._rng.uniform(0, min(LONGEST_MS, 1000 * 2 ** min(state.fails, 20))))


def taken(transaction: Tx) -> Steps[Any]:
    """A transaction that refuses what does not fit: then the answer was nonsense."""
    try:
        return (yield transaction)
    except NotInFlight:
        raise
    except ValueError:
        raise Nonsense from None


def is_json(answer: Answer) -> bool:
    """Whether a program answered, and not the page of a network."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
"""Of JSON as the standard has it: a history keeps neither NaN nor what is beyond all numbers."""


def _parsed(answer: Answer) -> Mapping[str, Any]:
    try:
        found = _DECODER.decode(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Nonsense from None
    if not isinstance(found, Mapping):
        raise Nonsense
    return found


def decoded(answer: Answer) -> tuple[DeltaAnswer, bool]:
    """The sync object of an answer, and whether it has more than that, of kinds that we do not know.

    Raises Nonsense for anything else.
    """
    if not is_json(answer):
        raise Nonsense(portal())
    found = _parsed(answer)
    told = found.get("sync")
    if found.get("success") is not True or not isinstance(told, Mapping):
        raise Nonsense
    rows = told.get("rows")
    known = [row for row in rows if not _is_of_the_future(row)] if isinstance(rows, list) else rows
    try:
        # what a text may not hold is looked for once, in the bytes, and not in each value
        return DeltaAnswer.decode({**told, "rows": known}, is_clean=is_clean_json(answer.body)), known != rows
    except BadItem:
        raise Nonsense from None


def _is_of_the_future(row: Any) -> bool:
    kind = row.get("kind") if isinstance(row, Mapping) else None
    return isinstance(kind, str) and kind not in KINDS


def rows_of(found: DeltaAnswer) -> list[Any]:
    """The rows of an answer, ready for the history."""
    try:
        return [decode_row(row) for row in found.rows]
    except BadItem:
        raise Nonsense from None


def page_of(found: DeltaAnswer, state: SyncState) -> list[Any]:
    """The same of a page that was asked for from here on: it goes on, and never back."""
    if found.cur < state.cur or (found.more and found.cur == state.cur):
        raise Nonsense
    return rows_of(found)


def seen_of(found: DeltaAnswer) -> tuple[int, str] | None:
    """The newest commit that an answer names."""
    return None if found.seen is None else (found.seen.seq, found.seen.nonce)


def code_of(answer: Answer) -> str:
    """The word of a refusal, for a program."""
    try:
        found = _parsed(answer).get("code")
    except Nonsense:
        return ""
    return found if isinstance(found, str) else ""
