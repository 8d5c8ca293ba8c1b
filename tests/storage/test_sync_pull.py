"""Pages of a server's history: what is taken, what is kept, and that nothing typed disappears."""

from __future__ import annotations

import pytest
from builders import exchange, outbox, table
from fake_server import AT, FakeServer, conversation, message, setting

from sterna.storage import Invalid, NotFound, Settled, Store

LATER = "2026-03-01T10:00:00.000000Z"


@pytest.fixture
def server(store: Store) -> FakeServer:
    return FakeServer(store)


def contents(store: Store, session_id: str) -> list[str]:
    return [one.content for one in store.messages.before(session_id, None, 99)]


# What comes


def test_what_came_is_listed_read_found_and_not_sent_back(store: Store, server: FakeServer) -> None:
    assert server.tell(
        conversation("c", 1, "Terns", cls=1, time=5, tie="r"),
        message("m", "c", 2, "They fly far.", model="a/b", total_tokens=7),
        setting("c", "model", 3, "a/b"),
    )
    (row,) = store.conversations.page(0, 9)
    assert (row.title, row.preview, row.model, row.at, row.unsynced) == ("Terns", "They fly far.", "a/b", AT, False)
    assert contents(store, "c") == ["They fly far."]
    assert store.conversations.settings("c") == {"model": "a/b"}
    assert {hit.message_id for hit in store.search.search("far")} == {"m"}
    assert {hit.session_id for hit in store.search.search("terns")} == {"c"}
    assert outbox(store) == set()


def test_times_are_kept_as_they_came_and_nothing_counts_as_use(store: Store, server: FakeServer) -> None:
    before = table(store, "profiles"), table(store, "user_usage_daily"), table(store, "user_activity_log")
    server.tell(
        conversation("c", 1),
        message("m", "c", 2, role="assistant", model="a/b", output_tokens=9, total_tokens=9, message_timestamp=LATER),
    )
    session = store.conversations.get("c")
    assert (session.created_at, session.updated_at, session.last_activity) == (AT, LATER, LATER)
    assert (session.message_count, session.total_tokens, session.last_model) == (1, 9, "a/b")
    assert store.messages.get("m").message_timestamp == LATER
    assert (table(store, "profiles"), table(store, "user_usage_daily"), table(store, "user_activity_log")) == before


def test_a_later_value_replaces_an_earlier_one_and_the_statistics_follow(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2, "one", total_tokens=3), setting("c", "model", 3, "a"))
    server.tell(
        conversation("c", 5, "Other", created=1),
        message("m", "c", 6, "two words", created=2, total_tokens=5),
        setting("c", "model", 7, None),
    )
    session = store.conversations.get("c")
    assert (session.title, session.last_message_preview, session.total_tokens) == ("Other", "two words", 5)
    assert store.conversations.settings("c") == {}
    assert store.search.search("one") == []


def test_what_died_goes(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2, "one"), message("n", "c", 3, "two"), conversation("d", 4))
    server.tell(message("n", "c", 5, deleted=True), conversation("d", 6, deleted=True))
    assert contents(store, "c") == ["one"]
    assert store.conversations.get("c").message_count == 1
    assert store.conversations.count() == 1
    server.tell(conversation("c", 7, deleted=True))
    assert store.conversations.count() == 0
    assert store.search.search("one") == []
    assert outbox(store) == set()


def test_a_conversation_is_there_before_its_messages_whatever_their_order(store: Store, server: FakeServer) -> None:
    server.tell(message("m", "c", 2), conversation("c", 9, "Renamed since"), upto=2, more=True)
    assert contents(store, "c") == ["text"]
    assert server.tell(conversation("c", 9, "Renamed since"))
    assert store.conversations.page(0, 9)[0].title == "Renamed since"


def test_messages_that_came_before_their_conversation_are_there_once_it_comes(store: Store, server: FakeServer) -> None:
    server.tell(message("m", "c", 2), setting("c", "model", 3, "a"))
    server.tell(conversation("c", 4))
    assert contents(store, "c") == ["text"]
    assert store.conversations.settings("c") == {"model": "a"}
    assert table(store, "sync_deferred") == []


def test_a_page_told_again_changes_nothing(store: Store, server: FakeServer) -> None:
    page = (
        conversation("c", 1),
        message("m", "c", 2),
        setting("c", "model", 3, "a"),
        message("n", "c", 4, deleted=True),
    )
    server.tell(*page)
    names = [row["name"] for row in store.db.rows("select name from sqlite_master where type = 'table'")]
    before = {name: table(store, name) for name in names}
    assert store.sync_pull.apply(page, cursor=4, new_cursor=4, seen=(4, "n4"), more=False, fence=server.fence, now_ms=1)
    store.sync_pull.apply_extra(page, fence=server.fence, now_ms=1)
    assert {name: table(store, name) for name in names} == before


def test_listeners_hear_which_conversations_a_page_changed(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), conversation("d", 2))
    heard: set[str] = set()
    store.db.on_commit = lambda change: heard.update(change.sessions)
    server.tell(message("m", "d", 3), conversation("e", 4))
    assert heard == {"d", "e"}


# The cursor


def test_a_page_moves_the_cursor_with_it_or_not_at_all(store: Store, server: FakeServer) -> None:
    with pytest.raises(Invalid):
        server.tell(conversation("c", 1), message("m", "c", 2, role="nobody"))
    assert store.sync_metadata.state().cursor == 0
    assert store.conversations.count() == 0


def test_of_two_that_pull_the_same_page_one_moves_the_cursor(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1))
    assert not store.sync_pull.apply(
        [conversation("d", 2)], cursor=0, new_cursor=2, seen=None, more=False, fence=server.fence, now_ms=1
    )
    assert store.conversations.count() == 1
    assert store.sync_metadata.state().cursor == 1


def test_a_cursor_never_goes_back(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 5))
    with pytest.raises(ValueError, match="back"):
        server.tell(upto=4)
    assert store.sync_metadata.state().cursor == 5


def test_what_a_person_can_see_is_what_a_whole_pull_brought(store: Store, server: FakeServer) -> None:
    assert not store.sync_metadata.pull_is_complete()
    server.tell(conversation("c", 5), more=True)
    assert (store.sync_metadata.state().full_cursor, store.sync_metadata.pull_is_complete()) == (0, False)
    server.tell(conversation("d", 7))
    assert (store.sync_metadata.state().full_cursor, store.sync_metadata.pull_is_complete()) == (7, True)


# What waits here


def test_a_pending_edit_is_kept_and_its_base_does_not_move(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), setting("c", "model", 3, "a"))
    store.conversations.rename("c", "Mine")
    store.messages.edit("m", "Mine.")
    store.conversations.set_setting("c", "model", "mine")
    server.tell(
        conversation("c", 11, "Theirs", created=1),
        message("m", "c", 12, "Theirs.", created=2),
        setting("c", "model", 13, "theirs"),
    )
    assert (store.conversations.get("c").title, contents(store, "c")) == ("Mine", ["Mine."])
    assert store.conversations.settings("c") == {"model": "mine"}
    server.freeze()
    assert {(one.kind, one.base) for one in server.sent} == {("c", 1), ("m", 2), ("s", 3)}


def test_a_pending_edit_that_says_the_same_need_not_be_sent(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), setting("c", "model", 3, "a"))
    store.conversations.rename("c", "Same")
    store.messages.edit("m", "Same.")
    store.conversations.set_setting("c", "model", None)
    server.tell(
        conversation("c", 11, "Same", created=1),
        message("m", "c", 12, "Same.", created=2),
        setting("c", "model", 13, None),
    )
    assert outbox(store) == set()
    assert store.conflicts.list_open() == []


def test_of_a_thing_that_a_copy_of_this_file_sent_a_deletion_is_told(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "hello")
    server.tell(conversation(reply.session_id, 1, "hello"), message(reply.id, reply.session_id, 2, "Edited there."))
    store.trash.delete_message(reply.id)
    assert ("m", reply.id, "del") in outbox(store)


def test_an_edit_of_what_was_deleted_elsewhere_goes_to_the_log(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    store.messages.edit("m", "Mine.")
    server.tell(message("m", "c", 3, deleted=True))
    assert contents(store, "c") == []
    (filed,) = store.conflicts.list_open()
    assert (filed.mine, filed.theirs, filed.session_id) == ("Mine.", None, "c")
    assert outbox(store) == set()


# Conversations that die elsewhere


def test_unsent_words_move_to_a_conversation_that_is_told_to_nobody(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, "Trip"), message("m", "c", 2, "known"))
    exchange(store, "unsent", session_id="c")
    server.tell(conversation("c", 3, deleted=True))
    (row,) = store.conversations.page(0, 9)
    assert row.title == "Recovered: Trip"
    assert contents(store, row.id) == ["unsent", "Yes."]
    assert store.sync_metadata.is_private(row.id)
    assert outbox(store) == set()
    assert store.conversations.get(row.id).message_count == 2
    store.conversations.rename(row.id, "Mine")
    exchange(store, "more", session_id=row.id)
    assert outbox(store) == set()


def test_edits_of_a_conversation_that_dies_go_to_the_log(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, "Trip"), message("m", "c", 2, "known"), setting("c", "system_prompt", 3, "x"))
    store.conversations.rename("c", "My trip")
    store.messages.edit("m", "Known better.")
    store.conversations.set_setting("c", "system_prompt", "Be kind.")
    server.tell(conversation("c", 4, deleted=True))
    assert {(one.kind, one.mine) for one in store.conflicts.list_open()} == {
        ("c", "My trip"), ("m", "Known better."), ("s", "Be kind.")
    }  # fmt: skip
    assert store.conversations.count() == 0


def test_a_reply_that_is_arriving_moves_too_with_the_prompt_that_asked_for_it(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, "Trip"))
    begun = store.live_replies.begin_turn("c", "Where to?", model="a/b")
    server.sync()
    server.tell(conversation("c", server.seq + 1, deleted=True))
    (row,) = store.conversations.page(0, 9)
    assert row.live
    store.live_replies.settle(begun.reply.id, Settled("done", "South."))
    assert contents(store, row.id) == ["Where to?", "South."]
    assert outbox(store) == set()


def test_a_draft_is_not_lost(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, "Trip"))
    store.drafts.save("c", "I was about to")
    server.tell(conversation("c", 2, deleted=True))
    (row,) = store.conversations.page(0, 9)
    assert store.drafts.get(row.id) == "I was about to"


def test_nothing_is_recovered_where_nothing_would_be_lost(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    server.tell(conversation("c", 3, deleted=True))
    assert store.conversations.count() == 0


def test_a_rescued_message_gives_its_id_back_when_the_server_has_it_too(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1))
    reply = exchange(store, "hello", session_id="c")
    server.tell(conversation("c", 2, created=1, deleted=True))
    server.tell(conversation("c", 5), message(reply.id, "c", 6, "Yes."))
    assert contents(store, "c") == ["Yes."]
    recovered = next(row for row in store.conversations.page(0, 9) if row.id != "c")
    assert contents(store, recovered.id) == ["hello", "Yes."]


# Tombstones


def test_what_was_deleted_here_and_lives_there_is_deleted_there(store: Store, server: FakeServer) -> None:
    server.tell(conversation("d", 1))
    unsent = exchange(store, "hello").session_id
    reply = exchange(store, "there", session_id="d")
    store.trash.delete_conversation(unsent)
    store.trash.delete_message(reply.id)
    assert ("m", reply.id, "del") not in outbox(store)
    server.tell(conversation(unsent, 5), message("x", unsent, 6), message(reply.id, "d", 7))
    assert {("c", unsent, "del"), ("m", reply.id, "del")} <= outbox(store)
    assert store.conversations.count() == 1
    with pytest.raises(NotFound):
        store.messages.get(reply.id)


def test_what_a_person_brought_back_elsewhere_is_back_here(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), message("n", "c", 3))
    store.trash.delete_message("n")
    server.sync()
    store.trash.delete_conversation("c")
    server.sync()
    deleted = server.seq
    server.tell(conversation("c", deleted + 1), message("m", "c", deleted + 2), message("n", "c", deleted + 3))
    assert contents(store, "c") == ["text", "text"]
    assert outbox(store) == set()
    assert table(store, "sync_tombstones") == []


def test_an_old_row_of_what_is_dead_says_nothing(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), message("n", "c", 3))
    old = (conversation("c", 1), message("m", "c", 2), message("n", "c", 3))
    server.tell(message("n", "c", 8, created=3, deleted=True))
    store.sync_pull.apply_extra(old, fence=server.fence, now_ms=1)
    assert contents(store, "c") == ["text"]
    server.tell(conversation("c", 9, created=1, deleted=True))
    store.sync_pull.apply_extra(old, fence=server.fence, now_ms=1)
    assert store.conversations.count() == 0


def test_a_clear_covers_what_the_person_could_see_and_names_the_rest(store: Store, server: FakeServer) -> None:
    server.tell(conversation("seen", 1))
    server.tell(conversation("half", 5), more=True)
    exchange(store, "unsent")
    store.trash.clear_all()
    assert server.ops() == [("c", "half", "del")]
    server.settle()
    assert server.ops() == [("x", "all", "clear")]
    assert server.sent[0].upto == 1
    server.settle()
    assert server.freeze() is None
    server.tell(conversation("made elsewhere", server.seq + 1))
    assert [row.id for row in store.conversations.page(0, 9)] == ["made elsewhere"]


# Out of turn


def test_the_newest_are_listed_before_their_messages_are_here(store: Store, server: FakeServer) -> None:
    row = conversation("c", 9, "Trip")
    assert row.value is not None
    summary = {
        "last_message_timestamp": LATER, "last_message_preview": "See you", "message_count": 40,
        "total_tokens": 400, "last_model": "a/b",
    }  # fmt: skip
    newest = type(row)("c", "c", "c", 9, 9, value={**row.value, **summary})
    store.sync_pull.apply_extra([newest], fence=server.fence, now_ms=1)
    (line,) = store.conversations.page(0, 9)
    assert (line.title, line.preview, line.at, line.model) == ("Trip", "See you", LATER, "a/b")
    assert store.sync_metadata.is_partial("c")
    assert store.sync_metadata.state().cursor == 0

    server.tell(conversation("c", 9, "Trip"), message("m", "c", 2, "first"), more=True, upto=2)
    (line,) = store.conversations.page(0, 9)
    assert (line.preview, line.at) == ("See you", LATER)
    assert store.conversations.get("c").message_count == 40

    server.tell(message("n", "c", 10, "See you all", message_timestamp=LATER))
    assert not store.sync_metadata.is_partial("c")
    assert store.conversations.get("c").message_count == 2
    assert store.conversations.get("c").last_message_preview == "See you all"


def test_the_messages_of_one_conversation_can_come_before_their_turn(store: Store, server: FakeServer) -> None:
    newest = conversation("c", 9)
    assert newest.value is not None
    listed = type(newest)("c", "c", "c", 9, 9, value={**newest.value, "message_count": 1})
    store.sync_pull.apply_extra([listed], fence=server.fence, now_ms=1)
    store.sync_pull.apply_extra([message("m", "c", 4)], fence=server.fence, now_ms=1, whole=("c",))
    assert not store.sync_metadata.is_partial("c")
    assert contents(store, "c") == ["text"]
    server.tell(conversation("c", 9), message("m", "c", 4))
    assert store.conversations.get("c").message_count == 1
