"""Scenarios of faults: lost responses, crashes, backups, copies of a file, other versions.

See docs/specification/sync-protocol.md#scenarios.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pair import Device, DeviceGroup, response_of
from scenario_steps import in_step, set_time
from sim.history import History

from sterna.storage import FenceLost, Store
from sterna.sync.protocol.delta import PATIENCE
from sterna.sync.protocol.effects import Effect, Request, Response, Unreachable

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
    assert [(each.kind, each.id, each.code) for each in one.store.acknowledgements.rejected()] == [
        ("c", bad, "title_too_long")
    ]
    other.cycle()
    assert [row["id"] for row in other.store.db.rows("select id from chat_sessions")] == [good]
    one.store.conversations.rename(bad, "Short")
    in_step(group)
    assert other.texts(bad) == ["bad", "You said: bad"]
    assert not one.store.acknowledgements.rejected()


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
    """Rows that the server forgot are offered again, its later deletions are made again, and no text is lost."""
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
    assert group.history.rows["c", gone].is_deleted


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
    (removal,) = other.store.removed_conversations.pop_unreported("screen")
    group.history.restore_from(backup)
    other.store.undo.undo(removal.token)
    in_step(group)
    assert one.seen() == before
    assert ("s", f"{session_id}/model") in group.history.rows


def test_a_clear_that_waits_means_nothing_to_a_restored_server(group: DeviceGroup) -> None:
    """Rows that their owner saw are deleted by id; rows of the new history with the same numbers stay."""
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
    """It was deleted before it was sent; a tombstone remains nevertheless."""
    one = group.add_device()
    one.say(None, "hello")
    one.cycle()
    session_id = one.say(None, "waits in both")
    copy = group.add_device(copied(group, one))
    one.store.trash.delete_conversation(session_id)
    one.cycle()
    copy.cycle()
    in_step(group)
    assert group.history.rows["c", session_id].is_deleted
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


@pytest.mark.parametrize("back_minutes", [0, 7, 600])
def test_device_set_back_whose_clock_is_put_back_too(group: DeviceGroup, back_minutes: int) -> None:
    """A change that waits in the old copy is older than the one that replaced it, and loses by its age, or because it
    lies in the future of a clock that was put back. Put back by less than it has waited, the clock is plausible and
    wrong; then the later text is in the conflict log of its author."""
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
    if back_minutes == 7:
        assert back.titles() == ["First"]
        assert conflicts == {other.store.db.path: ["Second, over the first"], path: []}
    else:
        assert back.titles() == ["Second, over the first"]
        assert conflicts == {other.store.db.path: [], path: ["First"]}


def test_device_set_back_with_an_edit_over_a_push_on_its_way(group: DeviceGroup) -> None:
    """Both were sent before the disk was set back, and the edit was replaced: it is as old as it is, not made now."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)

    def lose(step: Request, on: Callable[[Request], Response]) -> Response:
        on(step)
        raise Unreachable("network")

    one.store.conversations.rename(session_id, "First")
    one.way = lose
    one.cycle()
    one.store.conversations.rename(session_id, "Second, over the first")
    path = copied(group, one)
    one.way = lambda step, on: on(step)
    set_time(group, one, other, minutes=5)
    in_step(group)
    other.store.conversations.rename(session_id, "Third, over the second")
    set_time(group, one, other, minutes=5)
    in_step(group)
    one.store.close()
    group.devices.remove(one)
    back = group.add_device(path)
    in_step(group)
    assert back.titles() == ["Third, over the second"]
    assert [conflict.mine for conflict in other.store.conflicts.list_open(9)] == []


def test_device_set_back_where_an_edit_is_made_before_the_clock_is_put_back(group: DeviceGroup) -> None:
    """It replaces a value that waits in the old copy, and that the server received before the disk was set back."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    one.store.conversations.rename(session_id, "First")
    path = copied(group, one)
    one.say(session_id, "told with it")
    in_step(group)
    one.store.close()
    group.devices.remove(one)
    back = group.add_device(path)
    set_time(group, back, other, minutes=5)
    back.store.conversations.rename(session_id, "Second, over the first")
    back.clock.move(minutes=-600)
    in_step(group)
    assert back.titles() == ["Second, over the first"]


@pytest.mark.parametrize("given_up", ["server restored", "timeouts", "file copied"])
@pytest.mark.parametrize("kind", ["title", "message", "setting"])
def test_clock_put_back_while_an_edit_is_on_its_way(group: DeviceGroup, kind: str, given_up: str) -> None:
    """The response is lost, another device replaces what it received, and the push cannot be repeated. The clock does
    not tell the age of the edit, which therefore counts as older than any that may have replaced it."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    in_step(group)
    message_id = one.store.messages.before(session_id, None, 1)[0].id
    backup = group.history.backup()
    one.say(session_id, "more")
    one.cycle()

    def write(device: Device, text: str) -> None:
        values = {"text": text, "session": session_id, "message": message_id}
        if kind == "title":
            device.store.conversations.rename(session_id, text)
        elif kind == "message":
            device.store.db.execute("update chat_messages set content = :text where id = :message", values)
        else:
            device.store.conversations.set_setting(session_id, "system_prompt", text)

    def lose(step: Request, on: Callable[[Request], Response]) -> Response:
        on(step)
        raise Unreachable("timeout")

    write(one, "First")
    one.way = lose
    one.cycle()
    set_time(group, one, other, minutes=5)
    other.cycle()
    write(other, "Second, over the first")
    set_time(group, one, other, minutes=5)
    one.clock.move(minutes=-600)
    if given_up == "server restored":
        group.history.restore_from(backup)
    else:
        other.cycle()
    if given_up == "timeouts":
        for _ in range(PATIENCE - 1):
            one.cycle()
    elif given_up == "file copied":
        replica = one.store.sync_metadata.state().replica
        group.history.replicas[replica] = replace(group.history.replicas[replica], push_seq=1000)
    one.way = lambda step, on: on(step)
    in_step(group)
    stands = {
        "title": one.titles()[0],
        "message": one.store.messages.get(message_id).content,
        "setting": one.store.conversations.settings(session_id).get("system_prompt"),
    }
    assert stands[kind] == "Second, over the first"
    assert [conflict.mine for conflict in other.store.conflicts.list_open(9)] == []


def test_two_processes_on_one_file(group: DeviceGroup) -> None:
    """One that slept through a takeover writes nothing; a double run costs requests and nothing else."""
    one, other = group.add_device(), group.add_device()
    session_id = one.say(None, "hello")
    second = group.add_device(one.store.db.path)
    first_fence = one.store.sync_metadata.acquire_fence()
    fence = second.store.sync_metadata.acquire_fence()
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
