"""Scenarios of deletion: against edits, clear, undo.

See docs/specification/sync-protocol.md#scenarios.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from pair import CAPS, DeviceGroup
from scenario_steps import in_step, set_time

from sterna.storage.sync import pull
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import CrashPoint, Effect, Request, Response, Transaction, Unreachable

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
    assert not [row for row in group.history.rows.values() if not row.is_deleted]


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
    """Conversations that the person could see are gone; later ones of other devices and an unsent message are kept."""
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
    assert group.history.rows["c", recovered.id].is_deleted
    (_, removal) = other.store.removed_conversations.pop_unreported("screen")
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
                early = other.store.removed_conversations.pop_unreported("screen")
                assert early == [], "it is reported once it is complete"

    other.cycle(count)
    in_step(group)
    assert max(before - after for before, after in pairwise([*left, 0])) <= 5
    (removal,) = other.store.removed_conversations.pop_unreported("screen")
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
    assert group.history.rows["c", session_id].is_deleted
    assert ("m", prompt.id) not in group.history.rows


def test_clear_all_of_what_was_restored_before_its_waiting_title_is_sent(group: DeviceGroup) -> None:
    """Others may have it from the restore, whose row this device never pulls: so it is deleted by its id."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")

    def lose(step: Request, on: Callable[[Request], Response]) -> Response:
        if step.body is not None:
            on(step)
            raise Unreachable("network")
        return on(step)

    one.way = lose
    one.cycle()
    one.store.privacy.set_private(session_id, True)
    one.way = lambda step, on: on(step)
    one.cycle()
    one.store.privacy.set_private(session_id, False)

    def clear(effect: Effect) -> None:
        if one.titles() and one.store.db.rows("select 1 from sync_outbox where kind = 'c' and op = 'put'"):
            one.store.trash.clear_all()

    one.cycle(clear)
    in_step(group)
    assert one.titles() == other.titles() == []
