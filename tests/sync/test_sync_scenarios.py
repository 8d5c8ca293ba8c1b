"""The named scenarios: what becomes of a history when two devices, one server and bad luck meet.

See docs/specification/sync-protocol.md#scenarios.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from pair import CAPS, ORIGIN, Device, DeviceGroup, response_of
from sim.driving import inflated
from sim.history import History

from sterna.storage import FenceLost, Settled, Store
from sterna.storage.clock import millis
from sterna.storage.sync import pull
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import CrashPoint, Effect, Executable, Request, Response, Transaction, Unreachable

OTHER_USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"


@pytest.fixture
def group(tmp_path: Path) -> Iterator[DeviceGroup]:
    found = DeviceGroup(tmp_path)
    yield found
    found.close()


def in_step(group: DeviceGroup) -> None:
    """Everybody syncs, and then sees the same."""
    group.settle()
    first, *others = (one.seen() for one in group.devices)
    assert all(other == first for other in others)


def requests(device: Device) -> list[str]:
    return [step.method for step in device.asked]


def set_time(group: DeviceGroup, *devices: Device, minutes: float) -> None:
    """Time passes for the server and for these."""
    for one in (group.time, *(device.clock for device in devices)):
        one.move(minutes=minutes)


# Time


def test_offline_for_months(group: DeviceGroup) -> None:
    """What waits is one op a thing however often it was changed; what is new comes in pages of changes."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "before")
    in_step(group)
    other.asked.clear()
    for day in range(60):
        one.say(None, f"day {day}")
        one.cycle()
        other.store.conversations.rename(session_id, f"Renamed on day {day}")
        set_time(group, one, other, minutes=60 * 24)
    other.say(session_id, "still here")
    assert other.store.sync_metadata.counts().waiting == 3
    in_step(group)
    assert len(requests(other)) <= 3
    assert other.texts(session_id)[-2:] == ["still here", "You said: still here"]
    assert one.store.conversations.get(session_id).title == "Renamed on day 59"


@pytest.mark.parametrize("off", [-400, 30])
def test_wrong_clock(group: DeviceGroup, off: int) -> None:
    """Of two who did not know of each other, the later one wins, whatever their clocks say."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    other.clock.move(days=off)
    other.store.conversations.rename(session_id, "First, by a wrong clock")
    set_time(group, one, other, minutes=5)
    one.store.conversations.rename(session_id, "Second")
    set_time(group, one, other, minutes=5)
    in_step(group)
    assert other.titles() == ["Second"]
    assert [each.mine for device in group.devices for each in device.store.conflicts.list_open(9)] == [
        "First, by a wrong clock"
    ]


def test_jumping_clock(group: DeviceGroup) -> None:
    """A clock that goes back says nothing older than what its owner had seen, and messages keep their order."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "one")
    one.store.conversations.rename(session_id, "First")
    in_step(group)
    one.clock.move(days=-400)
    one.say(session_id, "two")
    one.store.conversations.rename(session_id, "Second")
    in_step(group)
    one.clock.move(days=430)
    one.store.conversations.rename(session_id, "Third")
    in_step(group)
    assert other.titles() == ["Third"]
    assert [text for text in other.texts(session_id) if not text.startswith("You")] == ["one", "two"]
    assert not one.store.conflicts.list_open(9)
    assert not other.store.conflicts.list_open(9)


# Two who did not know of each other


def test_messages_of_one_millisecond_are_in_the_same_order_everywhere_though_each_was_pushed_alone(
    group: DeviceGroup,
) -> None:
    """Times are on the wire to the microsecond, and each message that is written is later than those before it."""
    one, other = group.add_device(), group.add_device()
    ids = ["m5", "m1", "m4", "m2", "m3"]
    written = [{"id": id, "role": "user", "content": id, "timestamp": "2026-03-01T10:00:00.000Z"} for id in ids]
    for count in range(1, len(ids) + 1):
        found = one.store.bulk_import.import_conversations([{"id": "c", "title": "Terns", "messages": written[:count]}])
        assert found["errors"] == 0
        one.cycle()
    session_id = None
    for text in "dbeac":  # the clock stands still
        session_id = one.say(session_id, text)
        one.cycle()
    assert session_id is not None
    in_step(group)
    assert one.texts("c") == other.texts("c") == ids
    assert [text for text in other.texts(session_id) if len(text) == 1] == list("dbeac")
    for id in sorted(ids):
        other.store.db.execute("update chat_messages set content = content || '!' where id = ?", (id,))
        other.cycle()
    in_step(group)
    assert one.texts("c") == [f"{id}!" for id in ids]


def test_same_title_on_two_devices(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.store.conversations.rename(session_id, "Mine")
    set_time(group, one, other, minutes=1)
    other.store.conversations.rename(session_id, "Yours")
    other.cycle()
    in_step(group)
    assert one.titles() == ["Yours"]
    (lost,) = one.store.conflicts.list_open(9)
    assert (lost.kind, lost.mine, lost.theirs) == ("c", "Mine", "Yours")
    one.store.conflicts.use(lost.id)
    in_step(group)
    assert other.titles() == ["Mine"]


def _writes(kind: str, session_id: str, text: str) -> Callable[[Device], object]:
    if kind == "c":
        return lambda device: device.store.conversations.rename(session_id, text)
    if kind == "s":
        return lambda device: device.store.conversations.set_setting(session_id, "system_prompt", text)

    def edit(device: Device) -> object:
        return device.store.messages.edit(device.store.messages.before(session_id, None, 9)[0].id, text)

    return edit


@pytest.mark.parametrize("kind", ["c", "m", "s"])
@pytest.mark.parametrize(
    "order", ["loser first", "winner first", "loser first, then two more edits", "ack lost", "fork"]
)
def test_what_lost_is_listed_where_it_was_written_whatever_the_order_of_arrival(
    group: DeviceGroup, kind: str, order: str
) -> None:
    loser, winner, third = group.add_device(), group.add_device(), group.add_device()
    session_id = loser.say(None, "hello")
    _writes(kind, session_id, "before")(loser)
    in_step(group)
    _writes(kind, session_id, "Mine")(loser)
    set_time(group, loser, winner, third, minutes=1)
    _writes(kind, session_id, "Yours")(winner)
    if order == "winner first":
        winner.cycle()
        loser.cycle()
    elif order == "ack lost":
        loser.way = lose_answer
        loser.cycle()
        loser.way = lambda step, on: on(step)
        winner.cycle()
    else:
        loser.cycle()
        third.cycle()
        winner.cycle()
    if order == "fork":
        loser.store.acknowledgements.fork("another-name", loser.store.sync_metadata.take_fence())
    if "two more" in order:
        for number in range(2):
            set_time(group, loser, winner, third, minutes=1)
            _writes(kind, session_id, f"Yours {number}")(winner)
            winner.cycle()
    in_step(group)
    (lost,) = loser.store.conflicts.list_open(9)
    assert (lost.kind, lost.mine) == (kind, "Mine")
    assert lost.theirs == ("Yours 1" if "two more" in order else "Yours")
    assert not winner.store.conflicts.list_open(9)
    assert not third.store.conflicts.list_open(9)


def lose_answer(step: Request, on: Callable[[Request], Response]) -> Response:
    """Do it, and let nobody hear of it."""
    on(step)
    raise Unreachable("network")


@pytest.mark.parametrize("kind", ["c", "m", "s"])
def test_what_was_replaced_by_who_had_seen_it_is_no_conflict(group: DeviceGroup, kind: str) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    for number in range(4):
        in_step(group)
        set_time(group, one, other, minutes=1)
        _writes(kind, session_id, f"version {number}")(group.devices[number % 2])
    in_step(group)
    assert not any(device.store.conflicts.list_open(9) for device in group.devices)


def test_title_by_hand_stands_against_an_automatic_one(group: DeviceGroup) -> None:
    """Whichever is later, and nobody is told of a conflict, for no person wrote the other."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.store.conversations.rename(session_id, "By hand")
    set_time(group, one, other, minutes=5)
    with other.store.db.write():
        other.store.conversations._set_title(session_id, "Made up")
    in_step(group)
    assert other.titles() == ["By hand"]
    assert not any(device.store.conflicts.list_open(9) for device in group.devices)


def test_the_same_message_edited_twice(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    one.store.messages.edit(prompt.id, "hello from one")
    set_time(group, one, other, minutes=1)
    other.store.messages.edit(prompt.id, "hello from the other")
    other.cycle()
    in_step(group)
    assert one.texts(session_id)[0] == "hello from the other"
    assert [each.mine for each in one.store.conflicts.list_open(9)] == ["hello from one"]


def test_an_edit_of_what_was_seen_always_wins_and_is_no_conflict(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    for number in range(5):
        writer = group.devices[number % 2]
        writer.clock.move(days=(-3, 5)[number % 2])
        writer.store.messages.edit(prompt.id, f"version {number}")
        in_step(group)
    assert one.texts(session_id)[0] == other.texts(session_id)[0] == "version 4"
    assert not any(device.store.conflicts.list_open(9) for device in group.devices)
    assert not group.history.overtaken


def test_settings_do_not_fight_each_other(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.store.conversations.set_setting(session_id, "model", "acme/large")
    other.store.conversations.set_setting(session_id, "pinned", True)
    other.store.conversations.rename(session_id, "Renamed")
    in_step(group)
    assert one.store.conversations.settings(session_id) == {"model": "acme/large", "pinned": True}
    other.store.conversations.set_setting(session_id, "pinned", None)
    in_step(group)
    assert one.store.conversations.settings(session_id) == {"model": "acme/large"}


def test_a_regenerated_reply_replaces_the_old_one_everywhere(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    reply = one.store.messages.before(session_id, None, 9)[-1]
    begun = one.store.live_replies.begin_retry(reply.id)
    one.store.live_replies.settle(begun.reply.id, Settled("done", "Better."))
    in_step(group)
    assert other.texts(session_id) == ["hello", "Better."]


def test_what_is_written_while_a_page_is_on_its_way_stands(group: DeviceGroup) -> None:
    """It had not seen the page, so it is weighed against it; it had not lost against it by the page's coming alone."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    one.store.conversations.rename(session_id, "Of one")
    one.store.messages.edit(prompt.id, "text of one")
    one.cycle()
    set_time(group, one, other, minutes=1)

    def write(step: Effect) -> None:
        if isinstance(step, CrashPoint) and step.name == "answered" and other.titles() != ["Of the other"]:
            other.store.conversations.rename(session_id, "Of the other")
            other.store.messages.edit(prompt.id, "text of the other")

    other.cycle(write)
    in_step(group)
    assert one.titles() == ["Of the other"]
    assert one.texts(session_id)[0] == "text of the other"
    assert [value.get("title") or value["content"] for *_, value in group.history.overtaken] == [
        "Of one", "text of one",
    ]  # fmt: skip


def test_what_is_written_after_one_that_lost_has_not_seen_what_won(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    other.store.messages.edit(prompt.id, "too early")
    set_time(group, one, other, minutes=1)
    one.store.messages.edit(prompt.id, "text of one")
    one.cycle()
    set_time(group, one, other, minutes=1)

    def write(step: Effect) -> None:
        if isinstance(step, CrashPoint) and step.name == "answered" and other.texts(session_id)[0] == "too early":
            other.store.messages.edit(prompt.id, "after all")

    other.cycle(write)
    in_step(group)
    assert one.texts(session_id)[0] == "after all"
    assert [value["content"] for *_, value in group.history.overtaken] == ["text of one"]


# Deleting


def test_delete_against_edit(group: DeviceGroup) -> None:
    """The delete wins; what was edited is filed, and what was only ever there is recovered."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    one.store.conversations.rename(session_id, "Terns")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    other.store.messages.edit(prompt.id, "hello, edited")
    other.say(session_id, "never seen by anybody")
    group.settle()
    assert one.titles() == []
    assert other.titles() == ["Recovered: Terns"]
    (recovered,) = (row["id"] for row in other.store.db.rows("select id from chat_sessions"))
    assert other.store.sync_metadata.is_private(recovered)
    assert other.texts(recovered) == ["never seen by anybody", "You said: never seen by anybody"]
    assert [each.mine for each in other.store.conflicts.list_open(9)] == ["hello, edited"]
    assert not [row for row in group.history.rows.values() if not row.is_dead]


def test_delete_of_a_message_against_its_edit(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    other.store.messages.edit(prompt.id, "hello, edited")
    one.store.trash.delete_message(prompt.id)
    one.cycle()
    in_step(group)
    assert other.texts(session_id) == ["You said: hello"]
    assert [each.mine for each in other.store.conflicts.list_open(9)] == ["hello, edited"]


def test_clear_all_against_an_offline_message(group: DeviceGroup) -> None:
    """What the person could see is gone; a conversation made elsewhere later stays, an unsent message is recovered."""
    one, other = group.add_device(), group.add_device()
    seen = one.say(None, "seen by both")
    in_step(group)
    other.say(seen, "written offline")
    later = other.say(None, "a conversation that one has never seen")
    one.store.trash.clear_all()
    one.cycle()
    group.settle()
    assert len(one.titles()) == 1
    assert one.texts(later)[0] == "a conversation that one has never seen"
    recovered = {row["id"] for row in other.store.db.rows("select id from chat_sessions")} - {later}
    assert [other.texts(each)[0] for each in recovered] == ["written offline"]


def test_a_recovered_message_that_was_shown_goes_as_any_other(group: DeviceGroup) -> None:
    """It has another id at the server. Who deletes its conversation there need not have pulled it; its author can undo
    that."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    other.say(session_id, "written offline")
    other.cycle()
    (recovered,) = other.store.sync_metadata.private_conversations()
    other.store.privacy.set_private(recovered.id, False)
    other.cycle()
    one.sync = DeltaSync(CAPS, page_bytes=1, first_bytes=300)

    def stop(step: Effect) -> None:
        if isinstance(step, CrashPoint) and step.name == "applied" and one.titles():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.cycle(stop)
    assert one.texts(recovered.id) == []
    one.store.trash.delete_conversation(recovered.id)
    in_step(group)
    assert other.titles() == []
    assert group.history.rows["c", recovered.id].is_dead
    (_, removal) = other.store.removed_conversations.take("screen")
    assert removal.messages == 2
    other.store.undo.undo(removal.token)
    in_step(group)
    assert one.texts(recovered.id) == ["written offline", "You said: written offline"]


def test_a_clear_of_much_is_applied_in_parts_and_is_one_removal_to_undo(
    group: DeviceGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "REMOVED_AT_ONCE", 5)
    one, other = group.add_device(), group.add_device()
    for number in range(6):
        session_id = one.say(None, f"terns {number}")
        one.say(session_id, "more")
    in_step(group)
    before = other.seen()
    one.store.trash.clear_all()
    one.cycle()
    set_time(group, other, minutes=1)
    left: list[int] = []

    def count(step: Effect) -> None:
        if isinstance(step, Transaction):
            left.append(len(other.seen()["chat_messages"]))
            if len(left) > 1 and left[-1]:
                assert other.store.removed_conversations.take("screen") == [], "it is reported once it is complete"

    other.cycle(count)
    in_step(group)
    assert max(before - after for before, after in pairwise([*left, 0])) <= 5
    (removal,) = other.store.removed_conversations.take("screen")
    assert (removal.sessions, removal.messages) == (6, 24)
    other.store.undo.undo(removal.token)
    in_step(group)
    assert other.seen() == before


def test_clear_all_of_what_is_half_pulled_spares_what_was_never_shown(group: DeviceGroup) -> None:
    """The cursor is beyond where that conversation was made, but its row has moved on, so nobody has seen it."""
    one, other = group.add_device(), group.add_device()
    one.say(None, "long known")
    in_step(group)
    unseen = one.store.conversations.create().id
    one.cycle()
    seen = one.say(None, "seen")
    one.cycle()
    one.store.conversations.rename(unseen, "Not seen")
    one.cycle()
    other.sync = DeltaSync(CAPS, page_bytes=1)

    def stop(step: Effect) -> None:
        if isinstance(step, CrashPoint) and step.name == "applied" and len(other.texts(seen)) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.cycle(stop)
    assert other.store.sync_metadata.state().cursor > group.history.rows["c", unseen].created_seq
    assert "Not seen" not in other.titles()
    other.store.trash.clear_all()
    in_step(group)
    assert one.titles() == ["Not seen"]


@pytest.mark.parametrize("phase", ["before it is sent", "on its way", "known there", "pulled elsewhere"])
@pytest.mark.parametrize("what", ["message", "conversation", "all"])
def test_undo_of_a_delete(group: DeviceGroup, what: str, phase: str) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    one.store.conversations.rename(session_id, "By hand")
    one.store.conversations.set_setting(session_id, "model", "acme/large")
    in_step(group)
    before = one.seen()
    prompt = one.store.messages.before(session_id, None, 9)[0]
    delete: dict[str, Callable[[], int]] = {
        "message": lambda: one.store.trash.delete_message(prompt.id).token,
        "conversation": lambda: one.store.trash.delete_conversation(session_id).token,
        "all": lambda: one.store.trash.clear_all().token,
    }
    token = delete[what]()
    if phase == "on its way":

        def lose(step: Request, on: Callable[[Request], Response]) -> Response:
            on(step)
            raise Unreachable("network")

        one.way = lose
        one.cycle()
        one.way = lambda step, on: on(step)
    elif phase != "before it is sent":
        one.cycle()
    if phase == "pulled elsewhere":
        other.cycle()
        assert other.seen() != before
    one.store.undo.undo(token)
    in_step(group)
    assert one.seen() == before
    assert not any(device.store.conflicts.list_open(9) for device in group.devices)


def test_what_was_deleted_and_acknowledged_does_not_come_back_with_an_old_copy(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    prompt = one.store.messages.before(session_id, None, 9)[0]
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    with (
        other.store.db.write()
    ):  # it says the whole conversation again, as one that was offline and edits everything would
        other.store.db.execute("update chat_messages set content = content || '!'")
    other.store.conversations.rename(session_id, "Again")
    group.settle()
    assert one.titles() == []
    assert group.history.rows["c", session_id].is_dead
    assert ("m", prompt.id) not in group.history.rows


# The wire


def test_lost_ack(group: DeviceGroup) -> None:
    """The same bytes come again and are answered again; nothing is done twice, not even a number is taken."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")

    def lose(step: Request, on: Callable[[Request], Response]) -> Response:
        on(step)
        raise Unreachable("network")

    one.way = lose
    one.cycle()
    seq = group.history.seq
    one.cycle()
    assert group.history.seq == seq
    other.cycle()
    other.store.conversations.rename(session_id, "Renamed meanwhile")
    other.cycle()
    one.way = lambda step, on: on(step)
    in_step(group)
    assert one.titles() == ["Renamed meanwhile"]
    assert len({step.body for step in one.asked if step.body is not None}) == 1


def test_duplicate_delivery(group: DeviceGroup) -> None:
    """A request that the network kept and delivers much later finds its number taken."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.asked.clear()
    one.store.conversations.rename(session_id, "Old")
    one.cycle()
    late = one.asked[0]
    other.cycle()
    other.store.conversations.rename(session_id, "New")
    in_step(group)
    seq = group.history.seq
    one.answer(late)
    assert group.history.seq == seq
    one.store.conversations.set_setting(session_id, "pinned", True)
    one.cycle()
    assert one.answer(late).status == 409
    in_step(group)
    assert one.titles() == ["New"]


def test_one_bad_conversation_in_a_batch(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    good, bad = one.say(None, "good"), one.say(None, "bad")
    one.store.db.execute("update chat_sessions set title = :long where id = :id", {"long": "x" * 255, "id": bad})
    with one.store.db.write():  # as another tool may write it
        one.store.db.execute("pragma ignore_check_constraints = on")
        one.store.db.execute("update chat_sessions set title = :long where id = :id", {"long": "x" * 256, "id": bad})
        one.store.db.execute("pragma ignore_check_constraints = off")
    one.cycle()
    assert [(each.kind, each.id, each.code) for each in one.store.acknowledgements.quarantined()] == [
        ("c", bad, "title_too_long")
    ]
    other.cycle()
    assert [row["id"] for row in other.store.db.rows("select id from chat_sessions")] == [good]
    one.store.conversations.rename(bad, "Short")
    in_step(group)
    assert other.texts(bad) == ["bad", "You said: bad"]
    assert not one.store.acknowledgements.quarantined()


# Crashes and copies


def steps_of(group: DeviceGroup, device: Device) -> int:
    count: list[Effect] = []
    device.cycle(count.append)
    return len(count)


def test_crash_between_any_two_steps(tmp_path: Path) -> None:
    """For each step of a cycle that sends and fetches: the process dies after it, before it, and another goes on."""
    number, last = 0, False
    while not last:
        for after in (False, True):
            group = DeviceGroup(tmp_path / f"{number}{after}")
            group.folder.mkdir()
            one, other = group.add_device(), group.add_device()
            session_id = one.say(None, "hello")
            in_step(group)
            other.say(session_id, "from the other")
            other.cycle()
            one.say(session_id, "from one")
            one.store.conversations.rename(session_id, "Renamed")
            count = 0

            def dies(step: Effect, limit: int = number + after) -> None:
                nonlocal count
                count += 1
                if count > limit:
                    raise KeyboardInterrupt

            try:
                one.cycle(dies)
                last = True
            except KeyboardInterrupt:
                pass
            path = one.store.db.path
            one.store.close()
            one.store = Store.open(path, clock=one.clock)
            in_step(group)
            assert len(other.texts(session_id)) == 6
            assert sorted(set(other.texts(session_id))) == sorted(other.texts(session_id))
            group.close()
        number += 1
    assert number > 6


def test_server_restored_from_a_backup(group: DeviceGroup) -> None:
    """What the server forgot is offered again; what it deleted meanwhile is deleted again; nobody loses a word."""
    one, other = group.add_device(), group.add_device()
    kept, gone = one.say(None, "kept"), one.say(None, "to be deleted")
    in_step(group)
    backup = group.history.backup()
    one.say(kept, "after the backup")
    one.store.conversations.rename(kept, "Renamed after the backup")
    one.store.trash.delete_conversation(gone)
    in_step(group)
    group.history.restore_from(backup)
    other.say(kept, "after the restore")
    in_step(group)
    assert one.titles() == ["Renamed after the backup"]
    assert [text for text in one.texts(kept) if not text.startswith("You")] == [
        "kept", "after the backup", "after the restore",
    ]  # fmt: skip
    assert group.history.rows["c", gone].is_dead


def test_server_restored_and_gone_on(group: DeviceGroup) -> None:
    """The number alone would not show it: the new history is as long as the old one by the time anybody asks."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    backup = group.history.backup()
    one.say(session_id, "forgotten by the server")
    one.cycle()
    seq = group.history.seq
    group.history.restore_from(backup)
    while group.history.seq < seq + 3:
        other.say(None, "other things")
        other.cycle()
    one.say(session_id, "said before anybody looked")
    in_step(group)
    assert "forgotten by the server" in other.texts(session_id)


def test_what_came_back_from_the_trash_is_offered_to_a_restored_server(group: DeviceGroup) -> None:
    """Another device removed it and it was brought back here; the server went back to before it had all of it."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "in the backup")
    in_step(group)
    backup = group.history.backup()
    one.say(session_id, "later")
    one.store.conversations.set_setting(session_id, "model", "acme/large")
    in_step(group)
    before = other.seen()
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    other.cycle()
    (removal,) = other.store.removed_conversations.take("screen")
    group.history.restore_from(backup)
    other.store.undo.undo(removal.token)
    in_step(group)
    assert one.seen() == before
    assert ("s", f"{session_id}/model") in group.history.rows


def test_a_clear_that_waits_means_nothing_to_a_restored_server(group: DeviceGroup) -> None:
    """What its owner saw is deleted by name; what the new history has at those numbers stays."""
    one = group.add_device()
    group.add_device()
    first = one.say(None, "first")
    in_step(group)
    backup = group.history.backup()
    for number in range(3):
        one.say(first, f"more {number}")
        one.say(None, f"seen {number}")
    in_step(group)
    one.store.trash.clear_all()
    group.history.restore_from(backup)
    new = group.add_device()
    new.say(None, "made after the restore")
    new.cycle()
    one.cycle()
    in_step(group)
    assert [new.texts(row["id"])[0] for row in new.store.db.rows("select id from chat_sessions")] == [
        "made after the restore"
    ]


def test_a_server_that_lost_everything_is_given_it_again(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    one.store.conversations.set_setting(session_id, "model", "acme/large")
    in_step(group)
    before = one.seen()
    group.history.restore_from(History(group.history.rng))
    in_step(group)
    assert one.seen() == other.seen() == before
    assert len(group.history.rows) == 4


def copied(group: DeviceGroup, device: Device, name: str = "copy.db") -> Path:
    """A copy of a device's file, as somebody makes it while nothing runs."""
    device.store.db.execute("pragma wal_checkpoint(truncate)")
    path = group.folder / name
    shutil.copyfile(device.store.db.path, path)
    return path


def test_database_copied_to_another_device(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "hello")
    one.cycle()
    one.say(session_id, "waits in both")
    copy = group.add_device(copied(group, one))
    replica = one.store.sync_metadata.state().replica
    one.say(session_id, "from one")
    copy.say(session_id, "from the copy")
    in_step(group)
    said = [text for text in one.texts(session_id) if not text.startswith("You")]
    assert sorted(said) == ["from one", "from the copy", "hello", "waits in both"]
    assert {device.store.sync_metadata.state().replica for device in group.devices} - {replica}
    assert len({device.store.sync_metadata.state().replica for device in group.devices}) == 2


def test_a_copy_says_what_the_original_had_taken_back(group: DeviceGroup) -> None:
    """It was deleted before anybody was told of it; a tombstone is left all the same."""
    one = group.add_device()
    one.say(None, "hello")
    one.cycle()
    session_id = one.say(None, "waits in both")
    copy = group.add_device(copied(group, one))
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    copy.cycle()
    in_step(group)
    assert group.history.rows["c", session_id].is_dead
    assert len(copy.titles()) == 1


def test_device_set_back_to_an_old_copy(group: DeviceGroup) -> None:
    """Its numbers were used by pushes that it has forgotten: it goes on under a new name, and gets it back."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    path = copied(group, one)
    one.say(session_id, "told before the disk was set back")
    one.cycle()
    gone = one.say(None, "deleted")
    one.cycle()
    one.store.trash.delete_conversation(gone)
    one.cycle()
    one.store.close()
    back = group.add_device(path)
    group.devices.remove(one)
    back.say(session_id, "after")
    replica = back.store.sync_metadata.state().replica
    in_step(group)
    assert back.store.sync_metadata.state().replica != replica
    said = [text for text in other.texts(session_id) if not text.startswith("You")]
    assert sorted(said) == ["after", "hello", "told before the disk was set back"]
    assert len(back.titles()) == 1


@pytest.mark.parametrize("back_minutes", [0, 600])
def test_device_set_back_whose_clock_is_put_back_too(group: DeviceGroup, back_minutes: int) -> None:
    """What waited in the old copy was replaced by who had seen it. Its age tells that, unless the clock was put back:
    then it counts as written now, and the later text is in the conflict log of its author."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.store.conversations.rename(session_id, "First")
    path = copied(group, one)
    one.say(session_id, "told with it")  # so the push of the copy is another one
    set_time(group, one, other, minutes=5)
    in_step(group)
    other.store.conversations.rename(session_id, "Second, over the first")
    set_time(group, one, other, minutes=5)
    in_step(group)
    one.store.close()
    group.devices.remove(one)
    back = group.add_device(path)
    back.clock.move(minutes=-back_minutes)
    in_step(group)
    conflicts = {
        device.store.db.path: [each.mine for each in device.store.conflicts.list_open(9)] for device in group.devices
    }
    if back_minutes:
        assert back.titles() == ["First"]
        assert conflicts == {other.store.db.path: ["Second, over the first"], path: []}
    else:
        assert back.titles() == ["Second, over the first"]
        assert conflicts == {other.store.db.path: [], path: ["First"]}


def test_two_processes_on_one_file(group: DeviceGroup) -> None:
    """One that slept through a takeover writes nothing; a double run costs requests and nothing else."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    second = group.add_device(one.store.db.path)
    first_fence = one.store.sync_metadata.take_fence()
    fence = second.store.sync_metadata.take_fence()
    with pytest.raises(FenceLost):
        one.cycle(fence=first_fence)
    assert second.cycle(fence=fence).complete
    second.say(session_id, "more")
    inner: list[object] = []

    def meanwhile(step: Effect) -> None:
        if isinstance(step, Request) and not inner:
            inner.append(second.cycle(fence=fence))

    assert one.cycle(meanwhile, fence=fence).complete
    group.devices.remove(second)
    second.store.close()
    in_step(group)
    assert len(other.texts(session_id)) == 4


def test_version_skew(group: DeviceGroup) -> None:
    """Words that a newer Sterna adds to what is known are no obstacle, and what it means by them is not touched."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    one.cycle()

    def newer(step: Request, on: Callable[[Request], Response]) -> Response:
        answer = on(step)
        found = json.loads(answer.body)
        found["later"] = found["sync"]["later"] = {"x": 1}
        for row in found["sync"]["rows"]:
            row["later"] = 1
            row["value"]["later"] = [1]
        return response_of(found)

    other.way = newer
    assert other.cycle().complete
    assert other.seen() == one.seen()
    other.way = lambda step, on: response_of({"error": "old", "code": "update_required", "supported": "2-3"}, 426)
    other.say(session_id, "waits for the update")
    problem = other.cycle().problem
    assert problem is not None
    assert (problem.phase, problem.wait_ms) == ("update", None)
    assert other.store.sync_metadata.counts().waiting > 0
    other.way = lambda step, on: on(step)
    in_step(group)


# Accounts and privacy


def test_account_switch(group: DeviceGroup) -> None:
    """Each account has its own file, outbox, tombstones and positions: nothing of one is sent to the other."""
    theirs = History(group.history.rng)
    ada = group.add_device()
    grace = group.add_device(user_id=OTHER_USER, history=theirs)
    ada.say(None, "of ada")
    gone = ada.say(None, "deleted by ada")
    ada.cycle()
    ada.store.trash.delete_conversation(gone)
    grace.say(None, "of grace")
    for _ in range(2):
        ada.cycle()
        grace.cycle()
    assert {row.value["content"] for row in theirs.rows.values() if row.kind == "m"} == {
        "of grace", "You said: of grace",
    }  # fmt: skip
    assert "of grace" not in str(group.history.rows)
    from sterna.storage.errors import Invalid

    with pytest.raises(Invalid):
        ada.store.linking.adopt(ORIGIN, OTHER_USER, "grace@example.org")


def test_adopting_a_local_history_at_sign_in(group: DeviceGroup) -> None:
    """Everything that was there before the sign-in goes along, but for what is private; nothing was sent before."""
    other = group.add_device()
    clock = other.clock
    local = Store.open(group.folder / "local.db", clock=clock)
    talk = local.live_replies.begin_turn(None, "long before", model="acme/small")
    local.live_replies.settle(talk.reply.id, Settled("done", "Yes."))
    local.conversations.rename(talk.session.id, "By hand")
    secret = local.conversations.create().id
    local.privacy.set_private(secret, True)
    local.conversations.rename(secret, "canary")
    binned = local.conversations.create()
    local.trash.delete_conversation(binned.id)
    local.close()
    one = group.add_device(group.folder / "local.db")
    one.store.linking.adopt(ORIGIN, OTHER_USER, "ada@example.org")
    group.settle()
    assert other.texts(talk.session.id) == ["long before", "Yes."]
    assert other.titles() == ["By hand"]
    assert one.titles() == ["By hand", "canary"]
    assert all(b"canary" not in inflated(step.body) for step in one.asked if step.body is not None)


def test_private_conversations(group: DeviceGroup) -> None:
    """Never sent; hidden later, deleted at the server and elsewhere and kept here; shown again, back everywhere."""
    one, other = group.add_device(), group.add_device()
    secret = one.store.conversations.create().id
    one.store.privacy.set_private(secret, True)
    one.say(secret, "canary")
    one.store.conversations.rename(secret, "canary too")
    one.store.conversations.set_setting(secret, "system_prompt", "canary as well")
    session_id = one.say(None, "hello")
    group.settle()
    assert other.titles() == [one.store.conversations.get(session_id).title]
    one.store.privacy.set_private(session_id, True)
    one.say(session_id, "canary in hiding")
    group.settle()
    assert other.titles() == []
    assert len(one.titles()) == 2
    assert all(b"canary" not in inflated(step.body) for step in one.asked if step.body is not None)
    one.store.privacy.set_private(session_id, False)
    group.settle()
    assert [text for text in other.texts(session_id) if not text.startswith("You")] == ["hello", "canary in hiding"]
    assert group.history.rows["c", session_id].seq
    assert ("c", secret) not in group.history.rows


@pytest.mark.parametrize("how", ["deleted", "kept there only", "cleared"])
def test_what_another_device_removed_is_told_once_and_can_be_undone(group: DeviceGroup, how: str) -> None:
    one, other, third = group.add_device(), group.add_device(), group.add_device()
    first, second = one.say(None, "first"), one.say(None, "second")
    one.store.conversations.set_setting(first, "model", "acme/large")
    in_step(group)
    before = other.seen()
    for session_id in (first, second) if how != "cleared" else ():
        if how == "deleted":
            one.store.trash.delete_conversation(session_id)
        else:
            one.store.privacy.set_private(session_id, True)
    if how == "cleared":
        one.store.trash.clear_all()
    one.cycle()
    other.cycle()
    assert other.titles() == []
    (removal,) = other.store.removed_conversations.take("screen")
    assert (removal.sessions, removal.messages) == (2, 4)
    assert other.store.removed_conversations.take("screen") == one.store.removed_conversations.take("screen") == []
    assert other.store.removed_conversations.take("command") == [removal]
    assert other.store.trash.latest() == removal
    assert set(other.store.undo.undo(removal.token)) == {first, second}
    assert other.seen() == before
    group.settle()
    assert other.seen() == third.seen() == before
    if how == "kept there only":  # it stays as it is where it is kept, and tells nobody
        assert len(one.store.sync_metadata.private_conversations()) == 2
        one.say(first, "a secret")
        group.settle()
        assert other.texts(first) == third.texts(first) == ["first", "You said: first"]
    else:
        assert one.seen() == before


def test_an_edit_that_waited_is_in_what_was_removed_and_goes_out_after_an_undo(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    set_time(group, one, other, minutes=1)
    prompt = other.store.messages.before(session_id, None, 9)[0]
    other.store.conversations.rename(session_id, "By hand")
    other.store.messages.edit(prompt.id, "edited")
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    other.cycle()
    (removal,) = other.store.removed_conversations.take("screen")
    other.store.undo.undo(removal.token)
    in_step(group)
    assert one.titles() == ["By hand"]
    assert one.texts(session_id)[0] == "edited"


def test_what_waits_is_what_a_person_sees_waiting(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "hello")
    assert one.store.sync_metadata.counts().waiting == 3
    done = one.cycle()
    assert (done.pushed, done.complete) == (3, True)
    assert one.store.sync_metadata.counts().waiting == 0
    one.store.conversations.rename(session_id, "New")
    assert one.store.sync_metadata.counts().waiting == 1


def test_one_new_message_is_one_round_trip_whatever_the_conversation_holds(group: DeviceGroup) -> None:
    one = group.add_device()
    session_id = one.say(None, "hello")
    sizes = []
    for count in (1, 60):
        for number in range(count):
            one.say(session_id, f"message {number}")
        one.cycle()
        one.asked.clear()
        one.say(session_id, "the one that counts")
        assert one.cycle().complete
        (step,) = one.asked
        assert step.body is not None
        sizes.append(len(step.body))
    assert abs(sizes[1] - sizes[0]) < 60


def test_the_time_of_an_edit_is_its_age(group: DeviceGroup) -> None:
    one = group.add_device()
    one.clock.move(days=-400)
    session_id = one.say(None, "hello")
    one.cycle()
    before = group.history.rows["c", session_id].stamp.time
    one.store.conversations.rename(session_id, "Renamed")
    one.clock.move(hours=2)
    group.time.move(hours=2)
    one.cycle()
    after = group.history.rows["c", session_id].stamp.time
    now = millis(group.time())
    assert now - 2 * 3_600_000 - 60_000 < after < now - 2 * 3_600_000 + 60_000
    assert before < after <= now
    assert datetime.fromtimestamp(after / 1000, UTC).year == 2026


def test_every_row_comes_through_pages_of_any_size_as_through_one(group: DeviceGroup) -> None:
    """The split law, and that a page which comes twice says nothing new."""
    one = group.add_device()
    first = one.say(None, "hello")
    for number in range(6):
        one.say(first if number % 2 else None, f"message {number}")
    one.cycle()
    one.store.conversations.rename(first, "Renamed after its messages")
    deleted = one.say(None, "gone")
    one.cycle()
    one.store.trash.delete_conversation(deleted)
    one.cycle()
    readers = []
    for size in (1, 200, 700, 1 << 20):
        reader = group.add_device()
        reader.sync = DeltaSync(CAPS, page_bytes=size)
        while not reader.cycle().complete:
            pass
        assert reader.seen() == one.seen()
        readers.append(reader)
    reader = readers[0]
    for step in list(reader.asked):
        from sterna.sync.protocol.delta_response import decode_response, decode_rows

        found, _ = decode_response(reader.answer(Request("GET", step.path, {"since": "0", "max_bytes": "900"})))
        fence = reader.store.sync_metadata.take_fence()
        reader.store.sync_pull.apply_extra(decode_rows(found), fence=fence, now_ms=reader.now_ms())
    assert reader.seen() == one.seen()
    assert isinstance(next(reader.sync.cycle(1)), Executable)
    in_step(group)
