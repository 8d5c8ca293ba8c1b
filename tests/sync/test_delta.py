"""The protocol against answers that are none: nothing is acknowledged that was not, nothing is applied half.

In each case the server has done what it was asked, so that a belief that is wrong would show: the next try finds both
ends in step.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from pair import CAPS, USER, Device, DeviceGroup, response_of, sync_of

from sterna.storage import FenceLost, Store, SyncPull, SyncPush
from sterna.sync.protocol.delta import PATIENCE, DeltaSync
from sterna.sync.protocol.effects import (
    CrashPoint,
    CycleResult,
    Prefetch,
    Progress,
    Request,
    Response,
    Transaction,
    Unreachable,
)

Spoil = Callable[[Response], Response]


def everything(store: Store) -> dict[str, list[Any]]:
    """Every row of every table of the file."""
    names = store.db.rows(
        "select name from sqlite_schema where type = 'table' and name not like '%search%' order by name"
    )
    return {
        row["name"]: sorted((tuple(one) for one in store.db.rows(f"select * from {row['name']}")), key=repr)
        for row in names
    }


def changed(**more: Any) -> Spoil:
    """The answer with other words in its sync object."""
    return lambda answer: response_of({"success": True, "sync": sync_of(answer) | more})


def edited(edit: Callable[[dict[str, Any]], Any]) -> Spoil:
    """The answer with its sync object worked over."""

    def spoil(answer: Response) -> Response:
        found = sync_of(answer)
        edit(found)
        return response_of({"success": True, "sync": found})

    return spoil


def first(name: str, **more: Any) -> Spoil:
    """The first of the acks or rows with other words."""
    return edited(lambda found: found[name][0].update(more))


def in_row(**more: Any) -> Spoil:
    """The last row, which is a message, with other words in its value."""
    return edited(lambda found: found["rows"][-1]["value"].update(more))


def status(code: int, body: bytes = b"{}", **headers: str) -> Spoil:
    return lambda answer: response_of(body, code, **headers)


NEITHER: dict[str, tuple[Spoil, str]] = {
    "a page of HTML": (lambda answer: Response(200, {"content-type": "text/html"}, b"<html>"), "portal"),
    "JSON that says it is HTML": (lambda answer: Response(200, {"content-type": "text/html"}, answer.body), "portal"),
    "no content type": (lambda answer: Response(200, {}, answer.body), "portal"),
    "half of it": (lambda answer: response_of(answer.body[: len(answer.body) // 2]), "offline"),
    "nothing": (lambda answer: response_of(b""), "offline"),
    "no text": (lambda answer: response_of(b"\xff\xfe{}"), "offline"),
    "a list": (lambda answer: response_of([1]), "offline"),
    "endless depth": (lambda answer: response_of(b"[" * 100_000), "offline"),
    "no success": (lambda answer: response_of({"sync": sync_of(answer)}), "offline"),
    "success of another kind": (lambda answer: response_of({"success": 1, "sync": sync_of(answer)}), "offline"),
    "no sync": (lambda answer: response_of({"success": True}), "offline"),
    "a sync that is a list": (lambda answer: response_of({"success": True, "sync": []}), "offline"),
    "a cursor that is a text": (changed(cur="x"), "offline"),
    "a cursor that is negative": (changed(cur=-1), "offline"),
    "a commit that is none": (changed(seen=".."), "offline"),
    "rows that are no list": (changed(rows={"kind": "c"}), "offline"),
    "a row that is no object": (changed(rows=[7]), "offline"),
    "a kind that is a list": (changed(rows=[{"kind": []}]), "offline"),
    "another account's": (changed(user="7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"), "blocked"),
    "301": (status(301, location="https://portal.example.net/"), "portal"),
    "401": (status(401), "signin"),
    "402": (status(402), "blocked"),
    "404": (status(404), "update"),
    "409 of another kind": (status(409, b'{"code":"busy"}'), "portal"),
    "426": (status(426), "update"),
    "429": (status(429, **{"retry-after": "9"}), "paused"),
    "500": (status(500, b"oops"), "offline"),
    "503": (status(503), "offline"),
    "511": (status(511), "portal"),
}
OF_A_PUSH: dict[str, tuple[Spoil, str]] = NEITHER | {
    "another push's": (changed(push_seq=99), "offline"),
    "no push's": (changed(push_seq=0), "offline"),
    "no acks": (changed(acks=[]), "offline"),
    "an ack too few": (edited(lambda found: found["acks"].pop()), "offline"),
    "an ack too many": (edited(lambda found: found["acks"].append({"result": "ok"})), "offline"),
    "acks in another order": (edited(lambda found: found["acks"].reverse()), "offline"),
    "acks that are no list": (changed(acks="ok"), "offline"),
    "an ack that is no object": (edited(lambda found: found["acks"].__setitem__(0, "ok")), "offline"),
    "a result that is none": (first("acks", result="fine"), "offline"),
    "an ack without its place": (edited(lambda found: found["acks"][0].pop("row")), "offline"),
    "an ack of another thing": (edited(lambda found: found["acks"][0]["row"].update(id="conv_other")), "offline"),
    "an ack whose row is none": (first("acks", row={"kind": "c"}), "offline"),
    "an ack with a wrong value": (edited(lambda found: found["acks"][0]["row"].update(value=[1])), "offline"),
    "a refusal from a page": (
        lambda answer: Response(413, {"content-type": "text/html"}, b"<html>"), "portal",
    ),
}  # fmt: skip
OF_A_PAGE: dict[str, tuple[Spoil, str]] = NEITHER | {
    "a cursor that goes back": (changed(cur=0), "offline"),
    "more, and no further": (edited(lambda found: found.update(more=True, cur=found["cur"] - 4)), "offline"),
    "a role that is none": (in_row(role="tool"), "offline"),
    "a text that is a number": (in_row(content=7), "offline"),
    "a moment that is none": (in_row(timestamp="soon"), "offline"),
    "no moment": (in_row(timestamp=None), "offline"),
    "a count that is negative": (in_row(total_tokens=-1), "offline"),
    "a count beyond all": (in_row(total_tokens=2**60), "offline"),
    "a value that is a text": (edited(lambda found: found["rows"][-1].update(value="hi")), "offline"),
    "a row without an id": (edited(lambda found: found["rows"][-1].pop("id")), "offline"),
    "a row without a conversation": (edited(lambda found: found["rows"][-1].pop("session")), "offline"),
    "dead in a strange way": (edited(lambda found: found["rows"][-1].update(dead="yes")), "offline"),
}


def spoilt(device: Device, spoil: Spoil) -> tuple[dict[str, list[Any]], dict[str, list[Any]], str]:
    """The file before and after an answer that is none, and what the cycle said of it."""
    before: list[dict[str, list[Any]]] = []

    def way(step: Request, on: Callable[[Request], Response]) -> Response:
        before.append(everything(device.store))
        return spoil(on(step))

    device.way = way
    done = device.cycle()
    device.way = lambda step, on: on(step)
    assert (done.pushed, done.pulled, done.complete, len(before)) == (0, 0, False, 1)
    assert done.problem is not None
    assert done.problem.sentence.endswith((".", "sterna login"))
    return before[0], everything(device.store), done.problem.phase


@pytest.mark.parametrize("what", OF_A_PUSH)
def test_an_answer_to_a_push_that_is_none_acknowledges_nothing(group: DeviceGroup, what: str) -> None:
    one, other = group.add_device(), group.add_device()
    one.sync = DeltaSync(CAPS, USER, rng=random.Random(3))
    one.say(None, "hello")
    spoil, phase = OF_A_PUSH[what]
    before, after, told_phase = spoilt(one, spoil)
    assert (after, told_phase) == (before, phase)
    assert before["sync_inflight"]
    group.settle()
    assert one.seen() == other.seen()
    assert one.store.sync_metadata.counts().conflicts == 0
    assert len(group.history.rows) == 3


@pytest.mark.parametrize("what", OF_A_PAGE)
def test_a_page_that_is_none_is_not_taken_and_moves_nothing(group: DeviceGroup, what: str) -> None:
    one, other = group.add_device(), group.add_device()
    other.sync = DeltaSync(CAPS, USER, rng=random.Random(3))
    session_id = one.say(None, "hello")
    group.settle()
    one.say(session_id, "and again")
    one.store.conversations.rename(session_id, "By hand")
    one.cycle()
    spoil, phase = OF_A_PAGE[what]
    before, after, told_phase = spoilt(other, spoil)
    assert (after, told_phase) == (before, phase)
    group.settle()
    assert one.seen() == other.seen()
    assert len(other.texts(session_id)) == 4


@pytest.mark.parametrize("what", OF_A_PAGE)
def test_a_page_that_is_none_beside_a_good_acknowledgement_moves_nothing(group: DeviceGroup, what: str) -> None:
    """The acks and the page come in one answer: one that is not to be believed is believed in nothing."""
    one, other = group.add_device(), group.add_device()
    other.sync = DeltaSync(CAPS, USER, rng=random.Random(3))
    session_id = one.say(None, "hello")
    group.settle()
    one.say(session_id, "and again")
    one.cycle()
    other.say(session_id, "me too")
    spoil, phase = OF_A_PAGE[what]
    before, after, told_phase = spoilt(other, spoil)
    assert told_phase == phase
    assert after == before
    group.settle()
    assert one.seen() == other.seen()
    assert len(one.texts(session_id)) == 6


@pytest.mark.parametrize("kind", ["z", "x", "conversation"])
def test_what_is_of_the_future_is_not_passed_over_and_holds_up_only_what_comes(group: DeviceGroup, kind: str) -> None:
    """What waits here is still sent; the page is taken once this Sterna knows what is in it."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    one.cycle()
    other.say(None, "from here")
    future = {"kind": kind, "id": "z1", "seq": 2, "value": {"x": 1}}
    other.way = lambda step, on: edited(lambda found: found["rows"].append(future))(on(step))
    for pushed in (3, 0):
        done = other.cycle()
        assert (done.pushed, done.pulled, done.complete) == (pushed, 0, False)
        assert done.problem is not None
        assert (done.problem.phase, done.problem.wait_ms) == ("update", None)
        assert other.store.sync_metadata.state().cursor == 0
        assert other.store.sync_metadata.counts().waiting == 0
    assert other.texts(session_id) == []
    other.way = lambda step, on: on(step)
    group.settle()
    assert one.seen() == other.seen()


@pytest.mark.parametrize("reason", ["network", "timeout", "tls"])
def test_no_answer_leaves_what_waits_and_the_next_try_says_it(group: DeviceGroup, reason: Any) -> None:
    one, other = group.add_device(), group.add_device()
    one.say(None, "hello")

    def way(step: Request, on: Callable[[Request], Response]) -> Response:
        on(step)
        raise Unreachable(reason)

    one.way = way
    problem = one.cycle().problem
    assert problem is not None
    assert problem.phase == ("blocked" if reason == "tls" else "offline")
    assert one.store.sync_metadata.counts().waiting == 3
    one.way = lambda step, on: on(step)
    group.settle()
    assert one.seen() == other.seen()


def test_every_try_of_a_push_says_the_same_bytes(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "hello")
    one.way = lambda step, on: response_of(b"", 500)
    one.cycle()
    one.store.conversations.rename(session_id, "Later")
    one.clock.move(days=3)
    one.cycle()
    first_try, second = (step.body for step in one.asked)
    assert first_try == second
    assert {step.headers["Sync-Sent-At"] for step in one.asked} != {one.asked[0].headers["Sync-Sent-At"]}


def test_a_push_that_is_too_large_is_sent_in_parts_down_to_the_one_that_is(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "small")
    one.say(session_id, "large " * 100)
    one.say(session_id, "small too")

    def way(step: Request, on: Callable[[Request], Response]) -> Response:
        from sim.driving import inflated

        if step.body is not None and b"large large" in inflated(step.body):
            return response_of({"error": "too large", "code": "payload_too_large"}, 413)
        return on(step)

    one.way = way
    for _ in range(4):
        one.cycle()
    blocked = one.store.acknowledgements.rejected()
    assert [(each.kind, each.code, each.next_at) for each in blocked] == [("m", "too_large", None)] * 2
    assert one.store.sync_metadata.counts().waiting == 0
    other.cycle()
    assert other.texts(session_id) == ["small", "You said: small", "small too", "You said: small too"]
    one.way = lambda step, on: on(step)
    assert one.store.acknowledgements.retry_rejected() == 2
    group.settle()
    assert one.seen() == other.seen()


def test_a_push_that_is_forbidden_is_said_in_parts_until_only_what_is_forbidden_waits(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "fine")
    one.say(session_id, "forbidden")

    def way(step: Request, on: Callable[[Request], Response]) -> Response:
        from sim.driving import inflated

        if step.body is not None and b"forbidden" in inflated(step.body):
            return response_of({"error": "no", "code": "forbidden"}, 403)
        return on(step)

    one.way = way
    done = one.cycle()
    assert (done.pushed, done.problem is not None and done.problem.phase) == (3, "blocked")
    other.cycle()
    assert other.texts(session_id) == ["fine", "You said: fine"]
    one.way = lambda step, on: on(step)
    group.settle()
    assert one.seen() == other.seen()


@pytest.mark.parametrize(("code", "body"), [(400, b'{"code":"bad_ops"}'), (422, b"[]"), (400, b'{"code":7}')])
def test_one_thing_that_a_server_refuses_whole_is_set_aside(group: DeviceGroup, code: int, body: bytes) -> None:
    one = group.add_device()
    one.store.conversations.create()
    one.way = lambda step, on: response_of(body, code) if step.method == "POST" else on(step)
    one.cycle()
    (kept,) = one.store.acknowledgements.rejected()
    assert kept.code == (json.loads(body)["code"] if b"bad_ops" in body else "refused")
    assert one.cycle().complete


def test_a_refusal_of_one_thing_leaves_the_others(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")

    def spoil(answer: Response) -> Response:
        found = sync_of(answer)
        if len(found["acks"]) == 3:
            found["acks"][1] = {"result": "rejected", "code": "bad_content"}
        return response_of({"success": True, "sync": found})

    one.way = lambda step, on: spoil(on(step))
    assert one.cycle().pushed == 2
    (kept,) = one.store.acknowledgements.rejected()
    assert (kept.kind, kept.code, kept.tries) == ("m", "bad_content", 1)
    assert one.cycle().complete
    one.clock.move(hours=1, minutes=1)
    group.settle()
    assert not one.store.acknowledgements.rejected()
    assert one.seen() == other.seen()
    assert len(other.texts(session_id)) == 2


def test_what_goes_well_makes_the_next_push_larger_and_what_does_not_smaller(group: DeviceGroup) -> None:
    one = group.add_device()
    one.sync = DeltaSync(CAPS, rng=random.Random(3), first_bytes=400)
    session_id: str | None = None
    for number in range(20):
        session_id = one.say(session_id, f"message {number}")
    one.cycle()
    one.cycle()
    sizes = [len(step.body) for step in one.asked if step.body is not None]
    assert len(sizes) < 12
    assert sizes[-2] > 3 * sizes[0]

    one.say(session_id, "slow")

    def way(step: Request, on: Callable[[Request], Response]) -> Response:
        raise Unreachable("timeout")

    one.way = way
    for _ in range(PATIENCE - 1):
        one.cycle()
        assert one.store.sync_push.inflight() is not None
    one.cycle()
    assert one.store.sync_push.inflight() is None  # in smaller parcels next time, not the same again
    one.way = lambda step, on: on(step)
    while not one.cycle().complete:
        pass
    assert group.history.rows.keys() >= {("m", row["id"]) for row in one.store.db.rows("select id from chat_messages")}


def test_what_was_done_though_the_answer_came_too_late_is_not_done_again(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    group.settle()
    one.store.conversations.rename(session_id, "First")

    def late(step: Request, on: Callable[[Request], Response]) -> Response:
        on(step)
        raise Unreachable("timeout")

    one.way = late
    one.cycle()
    other.cycle()
    other.store.conversations.rename(session_id, "Second")  # who saw the first
    other.cycle()
    one.clock.move(days=-400)  # so that the first looks new
    one.way = lambda step, on: on(step)
    group.settle()
    assert one.titles() == other.titles() == ["Second"]


def test_another_process_that_takes_over_ends_the_first_one_s_cycle(group: DeviceGroup) -> None:
    one = group.add_device()
    one.say(None, "hello")
    fence = one.store.sync_metadata.acquire_fence()

    def on_step(step: Any) -> None:
        if isinstance(step, CrashPoint) and step.name == "answered":
            one.store.sync_metadata.acquire_fence()

    with pytest.raises(FenceLost):
        one.cycle(on_step, fence=fence)
    assert one.store.sync_push.inflight() is not None
    assert one.cycle().complete
    assert len(group.history.rows) == 3


def test_an_answer_that_another_process_has_settled_is_no_harm(group: DeviceGroup) -> None:
    one = group.add_device()
    one.say(None, "hello")
    fence = one.store.sync_metadata.acquire_fence()
    inner: list[bool] = []

    def on_step(step: Any) -> None:
        if isinstance(step, CrashPoint) and step.name == "answered" and not inner:
            inner.append(True)
            assert one.cycle(fence=fence).complete

    assert one.cycle(on_step, fence=fence).complete
    assert one.store.sync_metadata.counts().waiting == 0


def test_a_cycle_has_an_end_however_much_there_is(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    other.sync = DeltaSync(CAPS, rng=random.Random(3), page_bytes=1)
    session_id: str | None = None
    for number in range(10):
        session_id = one.say(session_id, f"message {number}")
    one.cycle()
    done = other.cycle()
    assert (done.complete, done.problem) == (False, None)
    assert 0 < len(other.asked) < 12
    while not other.cycle().complete:
        pass
    assert one.seen() == other.seen()


def test_a_conversation_is_fetched_out_of_turn_and_again_in_its_turn(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    wanted = one.say(None, "the one")
    one.say(None, "another")
    one.cycle()
    assert one.cycle().complete
    from sim.driving import run

    fence = other.store.sync_metadata.acquire_fence()
    run(other.sync.fetch_newest(fence), other.store, other.answer, other.now_ms)
    assert len(other.titles()) == 2
    assert other.texts(wanted) == []
    run(other.sync.fetch_conversation(wanted, fence), other.store, other.answer, other.now_ms)
    assert other.texts(wanted) == ["the one", "You said: the one"]
    assert other.store.sync_metadata.state().cursor == 0
    group.settle()
    assert one.seen() == other.seen()


def test_out_of_turn_nothing_is_taken_of_what_is_no_answer(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    wanted = one.say(None, "the one")
    one.cycle()
    from sim.driving import run

    fence = other.store.sync_metadata.acquire_fence()
    other.way = lambda step, on: response_of(b"{}", 503)
    run(other.sync.fetch_newest(fence), other.store, other.answer, other.now_ms)
    run(other.sync.fetch_conversation(wanted, fence), other.store, other.answer, other.now_ms)
    other.way = lambda step, on: response_of(b"[]")
    for work in (other.sync.fetch_newest(fence), other.sync.fetch_conversation(wanted, fence)):
        with pytest.raises(ValueError, match="invalid response"):
            run(work, other.store, other.answer, other.now_ms)
    assert other.titles() == []


def before_freezing(device: Device, change: Callable[[], object]) -> Callable[[Any], None]:
    """Return an observer that makes a change once, between reading the rows of a push and freezing them."""
    changes = [change]

    def observe(step: Any) -> None:
        if isinstance(step, Transaction) and step.method == SyncPush.freeze and changes:
            changes.pop()()

    return observe


def test_an_edit_before_a_push_is_frozen_goes_with_it(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "first")
    cycle = one.cycle(before_freezing(one, lambda: one.store.conversations.rename(session_id, "Renamed")))
    assert cycle.complete
    assert group.history.rows["c", session_id].value["title"] == "Renamed"
    assert len([request for request in one.asked if request.method == "POST"]) == 1


def test_a_conversation_made_private_before_a_push_is_frozen_is_not_sent(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "a secret")
    cycle = one.cycle(before_freezing(one, lambda: one.store.privacy.set_private(session_id, True)))
    assert cycle.complete
    assert group.history.rows == {}
    assert all(request.method == "GET" for request in one.asked)


def test_rows_that_never_rest_end_the_cycle_and_not_the_program(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "first")

    def rename(step: Any) -> None:
        if isinstance(step, Transaction) and step.method == SyncPush.freeze:
            one.store.conversations.rename(session_id, f"{one.store.conversations.get(session_id).title}+")

    assert one.cycle(rename) == CycleResult()
    assert one.cycle().complete


def test_a_page_that_another_process_has_taken_is_no_progress(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    one.say(None, "first")
    one.cycle()
    steps: list[Any] = []

    def take_first(step: Any) -> None:
        steps.append(step)
        if isinstance(step, Transaction) and step.method == SyncPull.apply and len(steps) < 20:
            other.store.db.execute("update sync_state set cursor = cursor + 1")

    other.cycle(take_first)
    assert not [step for step in steps if isinstance(step, Progress)]


def test_the_next_page_is_asked_for_before_this_one_is_taken(group: DeviceGroup) -> None:
    here, there = group.add_device(), group.add_device()
    there.sync = DeltaSync(CAPS, USER, page_bytes=1)
    here.say(None, "One word.")
    here.cycle()
    steps: list[Any] = []
    there.cycle(steps.append)
    at = next(n for n, step in enumerate(steps) if isinstance(step, Prefetch))
    assert next(step.method for step in steps[at:] if isinstance(step, Transaction)) == SyncPull.apply
    assert next(step for step in steps[at:] if isinstance(step, Request)) == steps[at].request
