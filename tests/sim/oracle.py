"""Invariants that hold once everything has healed and every device has synced.

See docs/specification/sync-protocol.md#invariants and docs/specification/simulation.md#oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sterna.storage import parse, stamp
from sterna.storage.json_text import from_json

from .device import Device
from .history import History
from .ledger import Ledger


class Broken(AssertionError):
    """An invariant that does not hold."""


def check(
    devices: Sequence[Device], history: History, ledger: Ledger, *, disasters: bool = False, clones: bool = False
) -> None:
    """All of them. ``disasters``: both a disk and the server were set back, so a text may have been on both.
    ``clones``: a disk was copied, so what one had seen it may have seen as its own."""
    for device in devices:
        _same_view(device, history)
        _same_branches(device, history)
        _counted(device)
        _quiet(device)
    _nothing_back(history, ledger)
    kept = _kept(devices)
    if not disasters:
        _no_message_lost(history, ledger, kept)
        _no_edit_vanished(history, ledger, kept)
    if not clones:
        _no_time_travel(history, ledger)


def live(history: History) -> dict[tuple[str, str], Any]:
    """Return the conversations at the server, as a person would see them."""
    answer: dict[tuple[str, str], Any] = {}
    for (kind, key), row in history.rows.items():
        if row.is_deleted:
            continue
        if kind == "c":
            answer[kind, key] = row.value["title"]
        elif kind == "m":
            at, parent = stamp(parse(row.value["timestamp"])), row.value.get("parent_id")
            answer[kind, key] = (row.session_id, row.value["content"], at, parent)
        else:
            answer[kind, key] = row.value["value"]
    return answer


def _conversation(key: tuple[str, str], value: Any) -> str:
    return str({"c": key[1], "m": value[0] if key[0] == "m" else "", "s": key[1].partition("/")[0]}[key[0]])


def _view(device: Device) -> dict[tuple[str, str], Any]:
    store = device.store
    public = "not in (select conv_id from sync_private)"
    answer: dict[tuple[str, str], Any] = {}
    for row in store.db.rows(f"select id, title from chat_sessions where id {public}"):
        answer["c", row["id"]] = row["title"]
    for row in store.db.rows(
        f"""select id, session_id, content, message_timestamp as at, parent_id from chat_messages
        where session_id {public}"""
    ):
        answer["m", row["id"]] = (row["session_id"], row["content"], row["at"], row["parent_id"])
    for row in store.db.rows(f"select session_id, key, value from session_settings where session_id {public}"):
        answer["s", f"{row['session_id']}/{row['key']}"] = from_json(row["value"])
    return answer


def _same_view(device: Device, history: History) -> None:
    private = {row["conv_id"] for row in device.store.db.rows("select conv_id from sync_private")}
    mine = _view(device)
    theirs = {key: value for key, value in live(history).items() if _conversation(key, value) not in private}
    if mine != theirs:
        only_here = {key: value for key, value in mine.items() if theirs.get(key) != value}
        only_there = {key: value for key, value in theirs.items() if mine.get(key) != value}
        raise Broken(f"{device.name} differs: here {only_here}, there {only_there}")


def _same_branches(device: Device, history: History) -> None:
    """Each device shows the branch that follows from what the server has, and a message of any branch can be shown."""
    told = live(history)
    for session_id in device.sessions():
        if ("c", session_id) not in told or device.store.sync_metadata.is_private(session_id):
            continue
        inside = sorted((v[2], k[1], v[3]) for k, v in told.items() if k[0] == "m" and v[0] == session_id)
        before = _parents(inside)
        shown = _shown(inside, before, told.get(("s", f"{session_id}/leaf")))
        mine = [message.id for message in device.store.messages.before(session_id, None, 9_999)]
        if mine != shown:
            raise Broken(f"{device.name} shows {mine} of {session_id}, not {shown}")
        reached = {m.id for end in device.store.branches.ends(session_id) for m in device.store.branches.path(end.id)}
        if reached != before.keys():
            raise Broken(f"{device.name} has no branch with {before.keys() - reached} of {session_id}")


def _parents(inside: Sequence[tuple[str, str, str | None]]) -> dict[str, str | None]:
    """The message that each follows. Without one that was there before it, that is the last of its kind."""
    found: dict[str, str | None] = {}
    line = None
    for _, key, named in inside:
        if named == "":
            found[key] = None
        elif named in found:
            found[key] = named
        else:
            found[key], line = line, key
    return found


def _shown(inside: Sequence[tuple[str, str, str | None]], before: dict[str, str | None], chosen: object) -> list[str]:
    """Ids of the shown branch: to the newest message of all that have the chosen one before them."""

    def path(key: str | None) -> list[str]:
        return [] if key is None else [*path(before[key]), key]

    paths = [path(key) for _, key, _ in inside]
    return next((one for one in reversed(paths) if chosen in one), paths[-1] if paths else [])


def _counted(device: Device) -> None:
    wrong = device.store.db.rows(
        """select s.id, s.message_count, count(m.id) as really from chat_sessions as s
        left join chat_messages as m on m.session_id = s.id and m.standing is not null
        group by s.id having s.message_count <> count(m.id)"""
    )
    if wrong:
        raise Broken(f"{device.name} counts wrongly: {[tuple(row) for row in wrong]}")
    words = device.store.db.rows(
        """select count(*) as n from chat_messages as m
        where length(m.content) > 0 and not exists (
            select 1 from message_search where message_search match '"' || replace(m.content, '"', '') || '"'
                and rowid = m.local_id)
            and not exists (select 1 from search_backlog as b where m.local_id between b.first_id and b.last_id)
            and m.role <> 'system'"""
    )
    if words[0]["n"]:
        raise Broken(f"{device.name} does not find {words[0]['n']} of its messages")


def _quiet(device: Device) -> None:
    if waiting := device.store.db.rows("select kind, id, op, err from sync_outbox"):
        raise Broken(f"{device.name} still has to send {[tuple(row) for row in waiting]}")
    if device.store.sync_push.inflight() is not None:
        raise Broken(f"{device.name} has a push on its way")


def _nothing_back(history: History, ledger: Ledger) -> None:
    for (kind, key), row in history.rows.items():
        if not row.is_deleted and kind in "cm" and ledger.is_deleted(kind, key):
            raise Broken(f"{kind} {key} was deleted and is back")


def _kept(devices: Sequence[Device]) -> set[str]:
    """Every text that is somewhere on a device: shown, recovered or listed in its conflicts."""
    found: set[str] = set()
    for device in devices:
        found |= device.texts()
    return found


def _no_message_lost(history: History, ledger: Ledger, kept: set[str]) -> None:
    for one in ledger.written.values():
        if one.kind != "m" or one.parent is not None or one.text in ledger.lost:
            continue
        row = history.rows.get(("m", one.thing))
        if row is not None and not row.is_deleted:
            continue
        texts = {other.text for other in ledger.written.values() if other.thing == one.thing}
        texts |= ledger.since(one.text)  # what was recovered goes on under another id
        if texts & (kept | ledger.lost):
            continue
        if any(one.thing in other.seen for other in ledger.deleted):
            continue  # by somebody who saw it
        gone = one.session_id in ledger.hidden or any(other.thing == one.session_id for other in ledger.deleted)
        if gone and one.thing in ledger.accepted:
            continue
        if _went_as_recovered(one.thing, texts, history, ledger):
            continue
        raise Broken(f"message {one.thing} “{one.text}” of {one.device} is nowhere")


def _went_as_recovered(thing: str, texts: set[str], history: History, ledger: Ledger) -> bool:
    """Return whether the server had one of the texts under the id that it got with its recovery, and somebody deleted
    it there, or deleted or hid the conversation that it was in."""
    for key, session_id in set().union(*(history.sent.get(text, ()) for text in texts)):
        message = history.rows.get(("m", key))
        if key != thing and message is not None and message.is_deleted and ledger.is_deleted("m", key):
            return True
        row = history.rows.get(("c", session_id))
        deleted = session_id in ledger.hidden or any(one.thing == session_id for one in ledger.deleted)
        if key != thing and deleted and (row is None or row.is_deleted):
            return True
    return False


def _no_edit_vanished(history: History, ledger: Ledger, kept: set[str]) -> None:
    for one in ledger.leaves():
        if one.text in ledger.lost or one.text in kept:
            continue
        row = history.rows.get((one.kind, one.thing))
        is_gone = row is None or row.is_deleted
        gone = one.session_id in ledger.hidden or any(
            other.thing in (one.thing, one.session_id) for other in ledger.deleted
        )
        if is_gone and one.device in {other.device for other in ledger.deleted if one.thing in other.seen}:
            continue
        if gone and (one.thing in ledger.accepted or one.kind == "c") and _was_told(history, one.text):
            continue
        if gone and any(
            one.thing in other.seen or (one.kind == "c" and other.thing == one.thing) for other in ledger.deleted
        ):
            continue
        if _went_as_recovered(one.thing, {one.text}, history, ledger):
            continue
        raise Broken(f"{one.kind} {one.thing}: “{one.text}” of {one.device} vanished")


def _was_told(history: History, text: str) -> bool:
    return text in history.sent


def _no_time_travel(history: History, ledger: Ledger) -> None:
    for key, value in live(history).items():
        text = value[1] if key[0] == "m" else value
        if key[0] == "s" or not isinstance(text, str) or text not in ledger.written:
            continue
        later = [one.text for one in ledger.written.values() if one.parent == text and one.thing == key[1]]
        session_id = _conversation(key, value)
        if session_id in ledger.hidden or any(one.thing in (key[1], session_id) for one in ledger.deleted):
            continue  # the later text lost against a delete, which somebody took back
        if later and text not in ledger.undated and not (ledger.lost | ledger.overaged) & ledger.since(text):
            raise Broken(f"{key}: “{text}” stands over {later}, whose author had seen it")
