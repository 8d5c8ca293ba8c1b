"""Conversations as no program should write them: nothing is lost, nothing runs for ever, twice is as good as once."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from imports import AT, conversation, statuses, take

from sterna.importers import Attachment, Conversation, Message, Text, ToolCall, Unsupported
from sterna.importers.arrangement import LATEST, NONE, arranged, micros
from sterna.importers.incoming import conversation_id
from sterna.importers.records import ROOT, Part
from sterna.storage import Store
from sterna.storage.imports.records import MESSAGE_ID
from sterna.storage.text import title_text
from tests.generated import examples
from tests.storage.builders import in_memory

C1 = conversation_id("given", "c1")
NAMES = ["", "a", "b", "c", "d", "e", "\0", "\ud800"]
TIMES = [
    None, AT, AT + timedelta(seconds=1), datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2999, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2024, 5, 1, 8),
]  # fmt: skip
texts = st.one_of(st.sampled_from(["", "\0", "\ud83d", "\ud83d\ude00", "\x1b[2J", "\ufeff", "ordinary"]), st.text())
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts),
    st.builds(ToolCall, texts, st.one_of(texts, st.floats(), st.dictionaries(texts, texts)), st.none() | texts),
    st.builds(Unsupported, texts, st.one_of(st.floats(), st.lists(texts), st.binary())),
    st.builds(Attachment, texts),
)
messages = st.builds(
    Message, st.sampled_from(NAMES), st.sampled_from(["user", "assistant", "system"]), st.lists(parts, max_size=3),
    st.sampled_from([*NAMES, None, ROOT, "missing", "elsewhere"]), st.sampled_from(TIMES), st.none() | texts, texts,
    st.integers(-5, 2**70), hidden=st.booleans(), error=texts, stopped=st.booleans(),
    cost=st.none() | st.floats(), sources=st.lists(st.tuples(texts, texts), max_size=2),
    metadata=st.dictionaries(texts, st.floats(), max_size=1),
)  # fmt: skip
broken = st.builds(
    Conversation, st.just("c1"), texts, st.lists(messages, max_size=8), st.sampled_from([*NAMES, None]),
    st.sampled_from(TIMES), st.sampled_from(TIMES), st.none() | texts, texts, st.booleans(), st.booleans(),
    st.lists(texts, max_size=3).map(tuple), texts, texts, texts, st.dictionaries(texts, st.floats(), max_size=1),
)  # fmt: skip


def rows(store: Store) -> list[dict[str, Any]]:
    """Return what is kept of the conversation."""
    found = store.db.rows("select * from chat_messages where session_id = :id order by id", id=C1)
    return [{key: row[key] for key in row.keys() if key != "local_id"} for row in found]  # noqa: SIM118 - a row


def distinct(found: Conversation) -> int:
    """Return the visible messages, without repeated ones."""
    seen: dict[str, Message] = {}
    count = 0
    for message in found.messages:
        first = seen.setdefault(message.id, message) if message.id else message
        repeated = first is not message and (first.role, first.parts) == (message.role, message.parts)
        count += not repeated and not message.hidden
    return count


def test_a_message_without_a_time_has_that_of_its_repetition() -> None:
    known = datetime(2024, 5, 1, 9, tzinfo=UTC)
    first, again = (Message("a", "user", [Text("Hi")], created_at=at) for at in (None, known))
    tree = arranged([Message("", "user", [Text("Before")]), first, again], start=0, latest=LATEST)
    assert {micros(known, LATEST), micros(known, LATEST) + 1} == set(tree.times)


@examples(15)
@given(broken)
def test_nothing_that_is_visible_is_lost_and_the_tree_is_sound(found: Conversation) -> None:
    store = in_memory()
    account, taken = take(store, found)
    visible = distinct(found)
    assert statuses(taken) == (["new"] if visible else []), account.skipped
    kept = rows(store)
    assert len(kept) == visible
    if visible:
        times = {row["id"]: row["message_timestamp"] for row in kept}
        assert len(set(times.values())) == visible
        assert all(time[:4] in ("2024", "2026") for time in times.values())
        tree = store.shown_branch.tree(C1)
        assert all(not parent or times[parent] < times[id_] for id_, parent in tree.parents.items())
        assert {id_ for end in store.branches.ends(C1) for id_ in tree.path(end.id)} == times.keys()
        assert statuses(take(store, found)[1]) == ["unchanged"]
        assert rows(store) == kept


@examples(12)
@given(broken, broken)
def test_newer_over_older_is_as_good_as_the_newer_alone_and_older_changes_nothing_back(
    old: Conversation, new: Conversation
) -> None:
    old, new = replace(old, updated_at=AT), replace(new, updated_at=AT + timedelta(days=1))
    if not (distinct(old) and distinct(new)):
        return
    store, alone = in_memory(), in_memory()
    take(store, old)
    take(store, new)
    take(alone, new)
    one, other = ({row["id"]: row for row in rows(each)} for each in (store, alone))
    assert other.keys() <= one.keys()
    for id_, row in other.items():
        for name in ("role", "content", "reasoning", "model", "metadata", "error_message", "total_tokens"):
            assert name == "role" or one[id_][name] == row[name]
    if title_text(new.title):
        assert store.conversations.get(C1).title == alone.conversations.get(C1).title
    assert store.labels.of(C1) == alone.labels.of(C1)
    before, settings_before = rows(store), store.conversations.settings(C1)
    take(store, old)
    take(store, new)
    assert (rows(store), store.conversations.settings(C1)) == (before, settings_before)


@examples(8)
@given(st.lists(st.integers(0, 7), max_size=5), st.lists(st.integers(0, 7), max_size=5), broken)
def test_edits_and_deletions_of_a_person_outlive_every_import(
    edited: list[int], deleted: list[int], found: Conversation
) -> None:
    store = in_memory()
    take(store, replace(found, updated_at=AT))
    ids = [row["id"] for row in rows(store)]
    gone = {ids[number] for number in deleted if number < len(ids)}
    mine = {ids[number] for number in edited if number < len(ids)} - gone
    for id_ in sorted(gone):
        store.trash.delete_message(id_)
    with store.db.write():
        for id_ in mine:
            store.db.execute("update chat_messages set content = 'mine' where id = :id", {"id": id_})
    for message in found.messages:
        message.parts = [*message.parts, Text("changed there")]
    if ids:
        store.conversations.rename(C1, "Mine")
        take(store, replace(found, title="Theirs", updated_at=AT + timedelta(days=1)))
        now = {row["id"]: row["content"] for row in rows(store)}
        assert not gone & now.keys()
        assert all(now[id_] == "mine" for id_ in mine)
        assert all("changed there" in text for id_, text in now.items() if id_ not in mine)
        assert store.conversations.get(C1).title == "Mine"


def chain(length: int) -> list[Message]:
    """Return messages of which each follows another one, in any order."""
    made = [Message(str(n), "user", [Text(str(n))], str(n - 1) if n else ROOT) for n in range(length)]
    random.Random(1).shuffle(made)
    return made


def test_a_chain_of_a_hundred_thousand_messages_keeps_its_order() -> None:
    tree = arranged(chain(100_000), start=1_700_000_000_000_000, latest=LATEST)
    assert tree.is_line
    assert [message.id for message in tree.messages[-2:]] == ["99998", "99999"]
    store = in_memory()
    take(store, conversation("c1", *chain(5_000)))
    assert [message.content for message in store.messages.before(C1, None, 2)] == ["4998", "4999"]


def test_large_trees_of_every_shape_are_arranged_step_by_step() -> None:
    count = 20_001
    shapes = {
        "star": [ROOT] + ["0"] * (count - 1),
        "circle": [str((n + 1) % count) for n in range(count)],
        "comb": [ROOT, *(str(n - 1 - n % 2) for n in range(1, count))],
        "missing": [f"gone{n}" for n in range(count)],
    }
    for shape in shapes.values():
        tree = arranged(
            [Message(str(n), "user", parent=parent, hidden=n % 3 == 1) for n, parent in enumerate(shape)],
            start=1_700_000_000_000_000,
            latest=LATEST,
        )
        assert len(tree.messages) == count - count // 3
        assert all(parent == NONE or parent < number for number, parent in enumerate(tree.parents))
        assert tree.times == sorted(set(tree.times))


def test_ids_are_the_same_on_every_device() -> None:
    one, other = in_memory(), in_memory()
    for store in (one, other):
        take(store, conversation("c1", Message("m", "user", [Text("Hello")])))
    assert [row["id"] for row in rows(one)] == [row["id"] for row in rows(other)]
    assert rows(one)[0]["id"].startswith(MESSAGE_ID)
