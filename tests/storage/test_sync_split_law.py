"""Two laws of pulling, over generated histories: how a feed is cut changes nothing, nor does telling a page again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builders import in_memory, table
from fake_server import FakeServer, conversation, message, setting
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import RemoteRow, Store
from tests.generated import examples

SEEN = (
    "session_counts", "session_settings", "sync_session_state", "sync_message_state", "sync_setting_state",
    "sync_outbox", "sync_tombstones", "sync_conflict", "sync_state",
)  # fmt: skip
LOCAL = {"local_id", "seq", "updated_at", "last_activity"}
"""What depends on the order of writing in this file alone; a page that is cut shows a state between two others."""


KNOWN = (conversation("a", 1, "old"), message("a1", "a", 2, "old"))
"""What a device has already."""


@st.composite
def feeds(draw: st.DrawFn) -> list[RemoteRow]:
    """Return the pages of a server: of each item the last change, in the order of the changes."""
    things = {(row.kind, row.id): row for row in KNOWN}
    words = st.sampled_from(["", "one", "two words", "drei"])
    seq = 2
    for _ in range(draw(st.integers(1, 25))):
        seq += 1
        session = draw(st.sampled_from("abc"))
        there = things.get(("c", session))
        kind = draw(st.sampled_from("cmmms"))
        stamp: dict[str, Any] = {"time": seq, "tie": draw(st.sampled_from("xy"))}
        if kind == "c" or there is None or there.is_deleted:
            if there is not None and not there.is_deleted and draw(st.booleans()):
                things = {key: row for key, row in things.items() if row.session_id != session}
                row = conversation(session, seq, created=there.created_seq, deleted=True)
            elif there is None or not there.is_deleted:
                row = conversation(session, seq, draw(words), created=there.created_seq if there else seq, **stamp)
            else:
                continue
        elif kind == "m":
            id_ = session + draw(st.sampled_from("123"))
            known = things.get(("m", id_))
            if known is not None and known.is_deleted:
                continue
            row = message(
                id_, session, seq, draw(words), created=known.created_seq if known else seq,
                deleted=known is not None and draw(st.booleans()), total_tokens=draw(st.integers(0, 9)),
                role=draw(st.sampled_from(["user", "assistant", "system"])),
                error_message=draw(st.sampled_from([None, "no"])),
                message_timestamp=f"2026-03-01T10:00:{draw(st.integers(10, 59))}.000000Z", **stamp,
            )  # fmt: skip
        else:
            row = setting(session, draw(st.sampled_from(["model", "system_prompt"])), seq, draw(words) or None, **stamp)
        things[row.kind, row.id] = row
    return sorted((row for row in things.values() if row.seq > 2), key=lambda row: row.seq)


def pages(feed: Sequence[RemoteRow], sizes: Sequence[int]) -> list[list[RemoteRow]]:
    """The feed in pages of these sizes, each with the conversations that moved on (parent closure)."""
    found, rest, sizes = [], list(feed), list(sizes)
    parents = {row.id: row for row in feed if row.kind == "c"}
    while rest:
        size = sizes.pop() if sizes else 3
        page, rest = rest[:size], rest[size:]
        carried = {row.session_id for row in page if row.kind != "c"}
        moved = [parents[one] for one in sorted(carried) if one in parents and parents[one].seq > page[-1].seq]
        found.append(moved + page)
    return found


def device(edits: Sequence[int]) -> FakeServer:
    """A history with edits of its own that wait."""
    store = in_memory()
    server = FakeServer(store)
    server.tell(*KNOWN)
    for edit in edits:
        if edit == 0:
            store.conversations.rename("a", "Mine")
        elif edit == 1 and store.db.rows("select 1 from chat_messages where id = 'a1'"):
            store.messages.edit("a1", "Mine.")
        elif edit == 2:
            store.conversations.set_setting("a", "model", "mine")
        elif edit == 3 and store.db.rows("select 1 from chat_messages where id = 'a1'"):
            store.trash.delete_message("a1")
    return server


def state(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: [{key: value for key, value in row.items() if key not in LOCAL} for row in table(store, name)]
        for name in SEEN
    }
    rows = [
        {key: value for key, value in row.items() if key not in LOCAL and not row["title"].startswith("Recovered")}
        for row in table(store, "chat_sessions")
    ]
    found["chat_sessions"] = sorted(rows, key=repr)  # which of two that came together is first says nothing
    found["chat_messages"] = sorted(
        tuple((key, value) for key, value in row.items() if key not in LOCAL | {"session_id"})
        for row in map(dict, store.db.rows("select * from chat_messages order by id"))
    )
    found["words"] = [
        sorted((hit.message_id or "") for hit in store.search.search(word)) for word in ("one", "two", "mine")
    ]
    return found


CUTS = st.lists(st.integers(1, 6), max_size=12)
EDITS = st.lists(st.integers(0, 3), max_size=3)


@examples(25)
@given(feeds(), CUTS, EDITS)
def test_a_feed_says_the_same_in_any_cut(feed: list[RemoteRow], sizes: list[int], edits: list[int]) -> None:
    at_once, cut = device(edits), device(edits)
    at_once.tell(*feed)
    for page in pages(feed, sizes):
        assert cut.tell(*page, more=page[-1] is not feed[-1], upto=page[-1].seq)
    assert comparable(cut.store) == comparable(at_once.store)


@examples(25)
@given(feeds(), CUTS, EDITS, st.data())
def test_a_page_told_again_says_nothing(
    feed: list[RemoteRow], sizes: list[int], edits: list[int], data: st.DataObject
) -> None:
    server = device(edits)
    answer: list[list[RemoteRow]] = []
    for page in pages(feed, sizes):
        server.tell(*page, more=True, upto=page[-1].seq)
        answer.append(page)
        before = state(server.store)
        server.store.sync_pull.apply_extra(data.draw(st.sampled_from(answer)), fence=server.fence, now_ms=server.now_ms)
        assert state(server.store) == before


def comparable(store: Store) -> dict[str, Any]:
    """The state without what two devices never have in common."""
    found = state(store)
    found["sync_state"] = [{**row, "seen_nonce": "", "replica": ""} for row in found["sync_state"]]
    found["sync_conflict"] = sorted((row["what"], row["ref"]) for row in found["sync_conflict"])
    found["sync_outbox"] = [{**row, "edited_at": 0} for row in found["sync_outbox"]]
    return found
