"""Scenarios of accounts and private conversations.

See docs/specification/sync-protocol.md#scenarios.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pair import CAPS, ORIGIN, DeviceGroup
from scenario_steps import in_step, set_time
from sim.driving import inflated
from sim.history import History

from sterna.storage import Settled, Store
from sterna.storage.clock import millis
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import Executable, Request

OTHER_USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"


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
    (removal,) = other.store.removed_conversations.pop_unreported("screen")
    assert (removal.sessions, removal.messages) == (2, 4)
    for device in (other, one):
        assert device.store.removed_conversations.pop_unreported("screen") == []
    assert other.store.removed_conversations.pop_unreported("command") == [removal]
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
    (removal,) = other.store.removed_conversations.pop_unreported("screen")
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
        fence = reader.store.sync_metadata.acquire_fence()
        reader.store.sync_pull.apply_extra(decode_rows(found), fence=fence, now_ms=reader.now_ms())
    assert reader.seen() == one.seen()
    assert isinstance(next(reader.sync.cycle(1)), Executable)
    in_step(group)
