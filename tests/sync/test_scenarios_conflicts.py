"""Scenarios of edits: offline devices, wrong clocks, and two devices that change the same thing.

See docs/specification/sync-protocol.md#scenarios.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pair import Device, DeviceGroup
from scenario_steps import in_step, set_time

from sterna.storage import LabelChange, Labels, Settled
from sterna.sync.protocol.effects import CrashPoint, Effect, Request, Response, Unreachable


def requests(device: Device) -> list[str]:
    return [step.method for step in device.asked]


# Time


def test_offline_for_months(group: DeviceGroup) -> None:
    """Each changed row waits as one op, however often it changed; new rows arrive in pages."""
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
        loser.store.acknowledgements.fork("another-name", loser.store.sync_metadata.acquire_fence())
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
    """The later one stands. There is no conflict, because no person wrote the other."""
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


def test_tags_given_on_two_devices_at_once_are_all_kept(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "words")
    one.store.labels.change([session_id], LabelChange(add=("common", "gone")))
    in_step(group)
    one.store.labels.change([session_id], LabelChange(pinned=True, add=("red",), remove=("gone",)))
    other.store.labels.change([session_id], LabelChange(archived=True, add=("blue",), remove=("common",)))
    in_step(group)
    for device in group.devices:
        assert device.store.labels.of(session_id) == Labels(True, True, ("blue", "red"))
        assert [row.tags for row in device.store.conversations.page(0, 9, "is:archived is:pinned")] == [("blue", "red")]
        assert device.store.conversations.count() == 0
        assert not device.store.conflicts.list_open()
    trashed = one.store.trash.delete_conversation(session_id)
    in_step(group)
    one.store.undo.undo(trashed.token)
    in_step(group)
    assert other.store.labels.of(session_id) == Labels(True, True, ("blue", "red"))


def test_of_a_tag_that_one_device_takes_away_and_the_other_gives_again_the_later_counts(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "words")
    one.store.labels.change([session_id], LabelChange(add=("red",)))
    in_step(group)
    one.store.labels.change([session_id], LabelChange(remove=("red",)))
    set_time(group, *group.devices, minutes=5)
    other.store.labels.change([session_id], LabelChange(remove=("red",)))
    other.store.labels.change([session_id], LabelChange(add=("red",)))
    in_step(group)
    assert one.store.labels.of(session_id).tags == ("red",)


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
