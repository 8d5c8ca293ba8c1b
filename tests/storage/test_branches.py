"""A conversation is a tree: edited messages, the branch that is shown, forks, and replies that are continued."""

from __future__ import annotations

import random

import pytest
from builders import exchange, outbox
from ticking import Ticking

from sterna.storage import Invalid, Message, NotFound, Settled, Store


def said(store: Store, session_id: str) -> list[str]:
    return [message.content for message in store.messages.before(session_id, None, 99)]


def talk(store: Store, *prompts: str) -> list[Message]:
    """A conversation of prompts, each answered by itself in capitals; gives its messages."""
    session_id = None
    for prompt in prompts:
        session_id = exchange(store, prompt, prompt.upper(), session_id=session_id).session_id
    assert session_id is not None
    return store.messages.after(session_id, None, 99)


def edited(store: Store, message: Message, text: str) -> Message:
    """Another text in place of a message, answered in capitals; gives the new prompt."""
    begun = store.live_replies.begin_edit(message.id, text)
    store.live_replies.settle(begun.reply.id, Settled("done", text.upper()))
    return begun.user_message


def test_an_edited_message_begins_a_branch_and_the_old_one_stays(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    new = edited(store, b, "c")
    assert said(store, a.session_id) == ["a", "A", "c", "C"]
    assert store.branches.siblings(new.id) == store.branches.siblings(b.id).__class__(2, 2, (b.id, new.id))
    assert store.branches.switch(new.id) == b
    assert said(store, a.session_id) == ["a", "A", "b", "B"]
    assert store.conversations.get(a.session_id).message_count == 6


def test_the_first_message_can_be_edited_too(store: Store) -> None:
    a, _, _, _ = talk(store, "a", "b")
    new = edited(store, a, "z")
    assert said(store, a.session_id) == ["z", "Z"]
    assert store.branches.siblings(new.id).ids == (a.id, new.id)
    assert store.branches.show(a.id)
    assert said(store, a.session_id) == ["a", "A", "b", "B"]


def test_what_is_said_next_continues_the_shown_branch(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    exchange(store, "d", "D", session_id=a.session_id)
    assert said(store, a.session_id) == ["a", "A", "c", "C", "d", "D"]
    store.branches.show(b.id)
    exchange(store, "e", "E", session_id=a.session_id)
    assert said(store, a.session_id) == ["a", "A", "b", "B", "e", "E"]
    store.branches.switch(b.id)
    assert said(store, a.session_id) == ["a", "A", "c", "C", "d", "D"]


def test_a_branch_is_shown_to_the_newest_message_beneath_it(store: Store) -> None:
    a, _, b, _, c, _ = talk(store, "a", "b", "c")
    edited(store, c, "d")
    edited(store, b, "e")
    store.branches.show(b.id)
    assert said(store, a.session_id) == ["a", "A", "b", "B", "d", "D"]


def test_an_edit_can_be_undone_and_loses_nothing(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    new = edited(store, b, "c")
    trashed = store.trash.latest()
    assert trashed is not None
    assert store.undo.undo(trashed.token) == [a.session_id]
    assert said(store, a.session_id) == ["a", "A", "b", "B"]
    assert store.branches.siblings(b.id).ids == (b.id, new.id)
    assert store.trash.latest() is None


def test_an_edit_is_not_undone_any_more_once_somebody_has_gone_on(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    exchange(store, "d", session_id=a.session_id)
    assert store.trash.latest() is None


def test_the_list_marks_a_conversation_as_failed_by_what_is_shown(store: Store) -> None:
    _, reply = talk(store, "a")
    again = store.live_replies.begin_retry(reply.id)
    store.live_replies.settle(again.reply.id, Settled("failed", "half", error_message="down"))
    (row,) = store.conversations.page(0, 9)
    assert not row.failed
    store.branches.switch(reply.id)
    assert store.conversations.page(0, 9)[0].failed


def test_only_ones_own_messages_are_edited_and_only_into_words(store: Store) -> None:
    a, reply = talk(store, "a")
    with pytest.raises(Invalid, match="own messages"):
        store.live_replies.begin_edit(reply.id, "b")
    with pytest.raises(Invalid, match="nothing to send"):
        store.live_replies.begin_edit(a.id, "  ")
    with pytest.raises(NotFound):
        store.live_replies.begin_edit("none", "b")
    assert said(store, a.session_id) == ["a", "A"]


def test_pages_and_versions_are_of_the_shown_branch(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    for text in ("c", "d"):
        edited(store, b, text)
    page = store.messages.before(a.session_id, None, 2)
    (version,) = store.branches.versions(a.session_id, page).values()
    assert (version.number, version.total) == (3, 3)
    assert [m.content for m in store.messages.after(a.session_id, page[0].key, 9)] == ["D"]
    assert [m.content for m in store.messages.around(a.session_id, page[0].id, 9)] == ["a", "A", "d", "D"]
    assert [m.content for m in store.messages.all_after(a.session_id, None, 9)] == list("aAbBcCdD")
    assert [m.content for m in store.branches.ends(a.session_id)] == ["D", "C", "B"]
    assert [m.content for m in store.branches.path(b.id)] == ["a", "A", "b"]


def test_the_context_of_a_reply_is_its_own_branch_even_when_that_is_hidden(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    for message, words in ((b, ["b", "A", "a"]), (store.messages.before(a.session_id, None, 1)[0], list("CcAa"))):
        context = store.messages.context(a.session_id, 1000, message.key)[0]
        assert [m.content for m in context] == words


def test_search_finds_messages_of_all_branches_and_opens_the_right_one(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "banana")
    edited(store, b, "cherry")
    (hit, _) = sorted(store.search.search("banana"), key=lambda hit: hit.at)
    assert hit.message_id == b.id
    assert store.branches.show(hit.message_id)
    assert said(store, a.session_id) == ["a", "A", "banana", "BANANA"]
    assert not store.branches.show(hit.message_id)


def test_a_deleted_message_leaves_what_follows_it_in_its_branch(store: Store) -> None:
    a, reply, b, _ = talk(store, "a", "b")
    new = edited(store, b, "c")
    more = exchange(store, "d", "D", session_id=a.session_id)
    trashed = store.trash.delete_message(new.id)
    assert said(store, a.session_id) == ["a", "A", "C", "d", "D"]
    store.trash.delete_message(reply.id)
    assert said(store, a.session_id) == ["a", "C", "d", "D"]
    store.branches.show(b.id)
    assert said(store, a.session_id) == ["a", "b", "B"]
    store.branches.show(more.id)
    store.undo.undo(trashed.token)
    assert said(store, a.session_id) == ["a", "c", "C", "d", "D"]


def test_deleting_the_end_of_a_branch_does_not_show_another_one(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    store.branches.show(b.id)
    late = exchange(store, "late", "LATE", session_id=a.session_id)
    store.branches.switch(b.id)
    end = store.messages.before(a.session_id, None, 1)[0]
    trashed = store.trash.delete_message(end.id)
    assert said(store, a.session_id) == ["a", "A", "c"]
    store.undo.undo(trashed.token)
    assert said(store, a.session_id) == ["a", "A", "c", "C"]
    assert late.key > end.key


def test_a_fork_is_a_conversation_of_its_own(store: Store) -> None:
    a, reply, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    store.conversations.set_setting(a.session_id, "model", "acme/large")
    used = store.usage.daily_totals() if hasattr(store.usage, "daily_totals") else None
    fork = store.branches.fork(b.id)
    assert said(store, fork.id) == ["a", "A", "b"]
    assert fork.title == "a (fork)"
    assert fork.message_count == 3
    assert store.conversations.settings(fork.id) == {"model": "acme/large"}
    copies = store.messages.after(fork.id, None, 9)
    assert copies[1].user_message_id == copies[0].id
    assert {m.id for m in copies}.isdisjoint({a.id, reply.id, b.id})
    assert {("c", fork.id, "put"), *(("m", m.id, "put") for m in copies)} <= outbox(store)
    assert said(store, a.session_id) == ["a", "A", "c", "C"]
    assert used is None or store.usage.daily_totals() == used


def test_a_fork_of_a_private_conversation_is_private(store: Store) -> None:
    a, _ = talk(store, "a")
    store.privacy.set_private(a.session_id, True)
    before = outbox(store)
    fork = store.branches.fork(a.id)
    assert store.sync_metadata.is_private(fork.id)
    assert outbox(store) == before


@pytest.mark.parametrize(
    "ending", [Settled("stopped", "half"), Settled("done", "half", metadata={"finish_reason": "length"})]
)
def test_a_cut_reply_is_continued_and_keeps_its_words(store: Store, ending: Settled) -> None:
    begun = store.live_replies.begin_turn(None, "a", model="acme/small")
    reply = store.live_replies.settle(begun.reply.id, ending)
    rest = store.live_replies.begin_continue(reply.id)
    assert rest.reply.continues == reply.id
    store.live_replies.save(rest.reply.id, " and", "")
    assert said(store, reply.session_id) == ["a", "half"]
    whole = store.live_replies.settle(rest.reply.id, Settled("done", " and half", output_tokens=2))
    assert (whole.id, whole.content, whole.finish) == (reply.id, "half and half", "done")
    assert "finish_reason" not in whole.metadata
    with pytest.raises(Invalid, match="complete"):
        store.live_replies.begin_continue(reply.id)
    trashed = store.trash.latest()
    assert trashed is not None
    store.undo.undo(trashed.token)
    assert store.messages.get(reply.id) == reply


def test_a_reply_that_something_follows_is_not_continued(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "a", model=None)
    reply = store.live_replies.settle(begun.reply.id, Settled("stopped", "half"))
    exchange(store, "b", session_id=reply.session_id)
    with pytest.raises(Invalid, match="last reply"):
        store.live_replies.begin_continue(reply.id)


def test_a_reply_that_could_not_be_continued_stays_as_it_was(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "a", model=None)
    reply = store.live_replies.settle(begun.reply.id, Settled("stopped", "half"))
    rest = store.live_replies.begin_continue(reply.id)
    store.live_replies.settle(rest.reply.id, Settled("failed", "", error_message="down"))
    assert store.messages.get(reply.id) == reply
    assert said(store, reply.session_id) == ["a", "half"]


def test_a_message_whose_parent_is_missing_is_shown_in_the_line(store: Store) -> None:
    a, _ = talk(store, "a")
    for id_, at, parent in (("x", "2030-01-01", "never"), ("y", "2030-01-02", "y"), ("z", "2030-01-03", "w")):
        with store.db.write():
            store.db.execute(
                """insert into chat_messages (id, session_id, role, content, message_timestamp, parent_id)
                values (:id, :session, 'user', :id, :at || 'T00:00:00.000000Z', :parent)""",
                {"id": id_, "session": a.session_id, "at": at, "parent": parent},
            )
    with store.db.write():  # and one that says that it follows what comes after it
        store.db.execute(
            """insert into chat_messages (id, session_id, role, content, message_timestamp, parent_id)
            values ('w', :session, 'user', 'w', '2030-01-04T00:00:00.000000Z', 'z')""",
            {"session": a.session_id},
        )
    assert said(store, a.session_id) == ["a", "A", "x", "y", "z", "w"]


def test_a_parent_that_comes_later_puts_a_message_where_it_belongs(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    rows = [("p", "2030-01-01", a.id), ("q", "2030-01-02", "p")]
    for id_, at, parent in reversed(rows):
        with store.db.write():
            store.db.execute(
                """insert into chat_messages (id, session_id, role, content, message_timestamp, parent_id)
                values (:id, :session, 'user', :id, :at || 'T00:00:00.000000Z', :parent)""",
                {"id": id_, "session": a.session_id, "at": at, "parent": parent},
            )
    assert said(store, a.session_id) == ["a", "p", "q"]
    store.branches.show(b.id)
    assert said(store, a.session_id) == ["a", "A", "b", "B"]


def test_another_program_that_writes_to_the_file_is_followed(store: Store, clock: Ticking) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    store.db.execute("delete from session_settings where key = 'leaf'")
    store.db.execute(
        """insert into chat_messages (id, session_id, role, content, message_timestamp)
        values ('n', :id, 'user', 'n', '2031-01-01T00:00:00.000000Z')""",
        {"id": a.session_id},
    )
    assert said(store, a.session_id) == ["a", "A", "b", "B", "n"]


def test_what_follows_a_line_by_name_is_not_part_of_the_line(store: Store) -> None:
    a, _, b, reply = talk(store, "a", "b")
    edited(store, b, "c")
    store.branches.show(b.id)
    for id_, at, parent in (("n", "2030-01-01", reply.id), ("o", "2030-01-02", None)):
        with store.db.write():
            store.db.execute(
                """insert into chat_messages (id, session_id, role, content, message_timestamp, parent_id)
                values (:id, :session, 'user', :id, :at || 'T00:00:00.000000Z', :parent)""",
                {"id": id_, "session": a.session_id, "at": at, "parent": parent},
            )
        assert said(store, a.session_id) == ["a", "A", "b", "B", id_]
    assert store.branches.siblings("n").ids == ("n", "o")


def test_a_deleted_conversation_comes_back_with_its_branches(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    edited(store, b, "c")
    store.branches.show(b.id)
    trashed = store.trash.delete_conversation(a.session_id)
    store.undo.undo(trashed.token)
    assert said(store, a.session_id) == ["a", "A", "b", "B"]
    assert store.branches.siblings(b.id).total == 2


def test_a_conversation_without_branches_has_no_parents(store: Store) -> None:
    talk(store, "a", "b", "c")
    assert store.db.rows("select 1 from chat_messages where parent_id is not null") == []
    assert store.db.rows("select 1 from branched_conversations") == []


def test_switching_is_queued_for_other_devices(store: Store) -> None:
    a, _, b, _ = talk(store, "a", "b")
    new = edited(store, b, "c")
    with store.db.write():
        store.db.execute("delete from sync_outbox")
    store.branches.show(b.id)
    assert outbox(store) == {("s", f"{a.session_id}/leaf", "put")}
    with store.db.write():
        store.db.execute("delete from sync_outbox")
    store.trash.delete_message(b.id)
    assert new.parent_id is not None


def test_an_import_brings_its_branches_and_the_one_that_was_shown(store: Store) -> None:
    def message(id_: str, parent: str | None, second: int, role: str = "user") -> dict[str, object]:
        at = f"2026-03-01T10:00:0{second}.000Z"
        return {"id": id_, "role": role, "content": id_, "timestamp": at, "parent_id": parent}

    messages = [message("a", "", 1), message("b", "a", 1), message("c", "a", 5), message("d", "b", 0)]
    item = {"id": "s", "title": "T", "messages": messages, "leaf": "b"}
    assert store.bulk_import.import_conversations([item])["synced"] == 1
    assert said(store, "s") == ["a", "b", "d"]
    assert ("s", "s/leaf", "put") in outbox(store)
    assert store.branches.switch("b").id == "c"
    assert store.bulk_import.import_conversations([{**item, "leaf": None}])["synced"] == 1
    assert said(store, "s") == ["a", "c"]


def test_an_import_without_branches_names_no_parents(store: Store) -> None:
    messages = [
        {"id": id_, "role": "user", "content": id_, "timestamp": "2026-03-01T10:00:00.000Z", "parent_id": parent}
        for id_, parent in (("b", ""), ("a", "b"), ("c", "a"))
    ]
    store.bulk_import.import_conversations([{"id": "s", "title": "T", "messages": messages}])
    assert said(store, "s") == ["b", "a", "c"]
    assert store.db.rows("select 1 from chat_messages where parent_id is not null") == []


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_written_the_shown_branch_is_that_of_the_whole_tree(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    session_id = store.conversations.create("T").id
    ids = [f"m{number}" for number in range(12)]

    def insert() -> None:
        row = {"id": draw.choice(ids), "session": session_id, "second": draw.randrange(30)}
        store.db.execute(
            """insert or ignore into chat_messages (id, session_id, role, content, message_timestamp, parent_id)
            values (:id, :session, 'user', :id, '2026-03-01T10:00:' || printf('%02d', :second) || '.000000Z',
                :parent)""",
            row | {"parent": draw.choice([None, None, "", store.branches.leaf(session_id), *ids])},
        )

    def go_on() -> None:
        exchange(store, "more", session_id=session_id)

    def change() -> None:
        values = {"id": draw.choice(ids), "new": draw.choice([None, "", *ids]), "second": draw.randrange(30)}
        store.db.execute("update chat_messages set parent_id = :new where id = :id", values)
        if draw.random() < 0.3:
            store.db.execute(
                """update chat_messages set message_timestamp
                = '2026-03-01T10:00:' || printf('%02d', :second) || '.000000Z' where id = :id""",
                values,
            )

    def choose() -> None:
        store.shown_branch.set_leaf(session_id, draw.choice([None, *ids]))

    def delete() -> None:
        store.db.execute("delete from chat_messages where id = :id", {"id": draw.choice(ids)})

    for _ in range(40):
        act = draw.choice([insert, insert, insert, go_on, change, choose, delete])
        if draw.random() < 0.5:
            act()  # as another program does it
        else:
            with store.db.write():
                act()
        tree = store.shown_branch.tree(session_id)
        leaf = tree.newest_beneath(store.shown_branch.chosen_leaf(session_id))
        path = tree.path(leaf)[::-1]
        assert [m.id for m in store.messages.before(session_id, None, 99)] == path
        assert store.branches.leaf(session_id) == (leaf or None)
        assert [m.id for m in store.messages.ancestors(store.messages.get(leaf))][::-1] == path if leaf else True
        shown = store.messages.before(session_id, None, 99)
        siblings = {
            id_: tuple(other for other in tree.parents if tree.parents[other] == tree.parents[id_]) for id_ in path
        }
        assert {id_: store.branches.siblings(id_).ids for id_ in path} == siblings
        versions = store.branches.versions(session_id, shown)
        assert {id_: version.ids for id_, version in versions.items()} == {
            id_: ids for id_, ids in siblings.items() if len(ids) > 1
        }
        follows = store.shown_branch.next_parent(session_id)
        assert follows == (None if leaf == tree.trunk_end else leaf)
