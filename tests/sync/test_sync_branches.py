"""Branches of conversations on several devices: each shows the same one, and no message is lost."""

from __future__ import annotations

import pytest
from pair import Device, DeviceGroup
from ticking import Ticking

from sterna.storage import Message, Settled
from tests.sync.upstream_device import Device as UpstreamDevice
from tests.upstream import Upstream


def prompt(device: Device, session_id: str, text: str) -> Message:
    """The prompt with this text, on whatever branch."""
    (message,) = [m for m in device.store.messages.all_after(session_id, None, 99) if m.content == text]
    return message


def edit(device: Device, session_id: str, text: str, new: str) -> str:
    """Send another text in place of a prompt; gives the id of the new one."""
    begun = device.store.live_replies.begin_edit(prompt(device, session_id, text).id, new)
    device.store.live_replies.settle(begun.reply.id, Settled("done", f"You said: {new}"))
    return begun.user_message.id


def prompts(device: Device, session_id: str) -> list[str]:
    """The prompts that are shown."""
    return [text for text in device.texts(session_id) if not text.startswith("You said")]


def alike(group: DeviceGroup, session_id: str) -> list[str]:
    """Everybody syncs; gives the prompts that all of them show then."""
    group.settle()
    first, *others = (prompts(device, session_id) for device in group.devices)
    assert all(other == first for other in others)
    seen = [device.seen() for device in group.devices]
    assert all(other == seen[0] for other in seen)
    return first


def test_another_device_shows_the_branch_that_was_begun_and_the_one_that_was_switched_to(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "a")
    one.say(session_id, "b")
    group.settle()
    edit(other, session_id, "b", "c")
    assert alike(group, session_id) == ["a", "c"]
    other.say(session_id, "d")
    one.store.branches.show(prompt(one, session_id, "b").id)
    assert alike(group, session_id) == ["a", "b"]
    other.store.branches.switch(prompt(other, session_id, "b").id)
    assert alike(group, session_id) == ["a", "c", "d"]


def test_of_two_who_switch_at_once_the_later_one_counts(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "a")
    for text in ("b", "c"):
        edit(one, session_id, "a", text)
    group.settle()
    one.store.branches.show(prompt(one, session_id, "a").id)
    for clock in (group.time, one.clock, other.clock):
        clock.move(minutes=1)
    other.store.branches.show(prompt(other, session_id, "b").id)
    assert alike(group, session_id) == ["b"]


def test_two_who_edit_the_same_message_at_once_have_both_branches(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "a")
    group.settle()
    edit(one, session_id, "a", "b")
    other.clock.move(minutes=1)
    edit(other, session_id, "a", "c")
    assert alike(group, session_id) == ["c"]
    for device in group.devices:
        assert device.store.branches.siblings(prompt(device, session_id, "a").id).total == 3


def test_two_who_go_on_with_a_line_at_once_have_one_line(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "a")
    group.settle()
    one.say(session_id, "b")
    other.clock.move(minutes=1)
    other.say(session_id, "c")
    assert alike(group, session_id) == ["a", "b", "c"]


def test_a_message_that_is_deleted_here_while_it_is_answered_there_loses_nothing(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "a")
    new = edit(one, session_id, "a", "b")
    group.settle()
    other.say(session_id, "c")
    one.store.trash.delete_message(new)
    assert alike(group, session_id) == ["c"]
    kept = {message.content for message in one.store.messages.all_after(session_id, None, 99)}
    assert kept == {"a", "You said: a", "You said: b", "c", "You said: c"}


def test_versions_of_a_reply_are_on_every_device(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "a")
    group.settle()
    reply = other.store.messages.before(session_id, None, 1)[0]
    again = other.store.live_replies.begin_retry(reply.id)
    other.store.live_replies.settle(again.reply.id, Settled("done", "better"))
    group.settle()
    assert one.texts(session_id) == ["a", "better"]
    assert one.store.branches.siblings(reply.id).total == 2
    assert one.store.branches.switch(again.reply.id).content == "You said: a"


@pytest.fixture
def laptop() -> UpstreamDevice:
    clock = Ticking()
    up = Upstream(clock=clock)
    return UpstreamDevice(up, up.join(), clock, seed=1)


def there(device: UpstreamDevice, session_id: str) -> list[str]:
    """Prompts of a conversation that were sent to an upstream server, in the order in which they were sent."""
    posted = [one.json() for one in device.upstream.asked if (one.method, one.path) == ("POST", "/api/chat/sync")]
    messages = [m for body in posted for c in body["conversations"] if c["id"] == session_id for m in c["messages"]]
    assert not any("parent_id" in message for message in messages)
    return [message["content"] for message in messages if message["role"] == "user"]


def test_an_upstream_server_gets_the_shown_branch_and_others_when_they_are_shown(laptop: UpstreamDevice) -> None:
    store = laptop.store

    def say(session_id: str | None, text: str) -> str:
        begun = store.live_replies.begin_turn(session_id, text, model="a/b")
        store.live_replies.settle(begun.reply.id, Settled("done", "Because."))
        return begun.session.id

    session_id = say(None, "a")
    first = say(session_id, "b") and store.messages.before(session_id, None, 2)[0]
    begun = store.live_replies.begin_edit(first.id, "c")
    store.live_replies.settle(begun.reply.id, Settled("done", "Because."))
    laptop.cycle()
    assert there(laptop, session_id) == ["a", "c"]
    assert store.sync_metadata.waiting() == 0
    store.branches.show(first.id)
    laptop.cycle()
    assert there(laptop, session_id) == ["a", "c", "b"]
    assert store.sync_metadata.waiting() == 0
    store.branches.switch(first.id)
    laptop.cycle()
    assert there(laptop, session_id) == ["a", "c", "b"]
    assert [m.content for m in store.messages.before(session_id, None, 9)] == ["a", "Because.", "c", "Because."]


def test_a_server_that_learns_branches_is_told_them(laptop: UpstreamDevice) -> None:
    store = laptop.store
    begun = store.live_replies.begin_turn(None, "a", model="a/b")
    store.live_replies.settle(begun.reply.id, Settled("done", "Because."))
    edited = store.live_replies.begin_edit(begun.user_message.id, "b")
    store.live_replies.settle(edited.reply.id, Settled("done", "Because."))
    store.branches.show(begun.user_message.id)
    laptop.cycle()
    assert store.sync_metadata.waiting() == 0
    account = store.sync_metadata.account()
    assert account is not None
    store.sync_metadata.set_account(account.origin, account.user_id, mode="delta")
    waiting = {row["id"] for row in store.db.rows("select id from sync_outbox where op = 'put'")}
    assert waiting == {edited.user_message.id, edited.reply.id, f"{begun.session.id}/leaf"}


def test_another_device_has_every_reply_of_a_comparison_and_shows_the_one_that_is_kept(group: DeviceGroup) -> None:
    one, other = group.add_device(), group.add_device()
    live = one.store.live_replies
    turns = live.begin_comparison(None, "a", models=["acme/a", "acme/b", "acme/c"])
    session_id = turns[0].session.id
    for number, is_behind in ((2, False), (0, True), (1, True)):
        live.settle(turns[number].reply.id, Settled("done", f"reply {number}", is_behind=is_behind))
        group.settle()  # the others come later
    assert other.texts(session_id) == one.texts(session_id) == ["a", "reply 2"]
    ids = tuple(turn.reply.id for turn in turns)
    assert other.store.branches.siblings(ids[0]).ids == ids
    other.store.branches.show(ids[1])
    other.say(session_id, "b")
    group.settle()
    assert one.texts(session_id) == other.texts(session_id)
    assert one.texts(session_id)[:3] == ["a", "reply 1", "b"]
