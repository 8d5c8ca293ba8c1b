"""Sync as people see it: the conflict log, private conversations, and undo in every phase of a deletion."""

from __future__ import annotations

import pytest
from builders import exchange, outbox, table
from fake_server import FakeServer, conversation, message, setting

from sterna.storage import Invalid, NotFound, Store


@pytest.fixture
def server(store: Store) -> FakeServer:
    return FakeServer(store)


# The conflict log


def lost(server: FakeServer) -> None:
    """A title, a text and a system prompt that lost."""
    server.tell(conversation("c", 1, "Trip"), message("m", "c", 2, "hello"), setting("c", "system_prompt", 3, "x"))
    server.store.conversations.rename("c", "Mine")
    server.store.messages.edit("m", "Mine.")
    server.store.conversations.set_setting("c", "system_prompt", "My prompt")
    server.freeze()
    theirs = {
        "c": conversation("c", 11, "Theirs", cls=1),
        "m": message("m", "c", 12, "Theirs."),
        "c/system_prompt": setting("c", "system_prompt", 13, "Their prompt"),
    }
    server.settle(**{one.id: server.answer(one, "lost", theirs[one.id]) for one in server.sent})


def test_the_other_one_can_be_used_and_the_one_it_replaces_is_filed(store: Store, server: FakeServer) -> None:
    lost(server)
    for one in store.conflicts.list_open():
        store.conflicts.use(one.id)
    assert store.conversations.get("c").title == "Mine"
    assert store.messages.get("m").content == "Mine."
    assert store.conversations.settings("c") == {"system_prompt": "My prompt"}
    assert {one.mine for one in store.conflicts.list_open()} == {"Theirs", "Theirs.", "Their prompt"}
    assert outbox(store) == {("c", "c", "put"), ("m", "m", "put"), ("s", "c/system_prompt", "put")}
    server.freeze()
    assert {one.base for one in server.sent} == {11, 12, 13}
    assert next(one.cls for one in server.sent if one.kind == "c") == 1


def test_a_filed_value_can_be_let_go(store: Store, server: FakeServer) -> None:
    lost(server)
    assert store.sync_metadata.counts().conflicts == 3
    first = store.conflicts.list_open()[0]
    store.conflicts.dismiss(first.id)
    assert first.id not in {one.id for one in store.conflicts.list_open()}
    with pytest.raises(NotFound):
        store.conflicts.use(first.id)


def test_the_log_says_where_it_was_and_what_stands_there(store: Store, server: FakeServer) -> None:
    lost(server)
    filed = {one.kind: one for one in store.conflicts.list_open()}
    assert (filed["m"].title, filed["m"].mine, filed["m"].theirs) == ("Theirs", "Mine.", "Theirs.")
    assert (filed["c"].thing, filed["c"].session_id, filed["s"].theirs) == ("c", "c", "Their prompt")
    assert [one.id for one in store.conflicts.list_open(2)] == sorted((one.id for one in filed.values()), reverse=True)[
        :2
    ]


def test_the_text_of_what_is_gone_stays_in_the_log(store: Store, server: FakeServer) -> None:
    lost(server)
    server.tell(conversation("c", 20, deleted=True))
    filed = {one.kind: one for one in store.conflicts.list_open()}
    assert filed["m"].theirs is None
    assert filed["m"].title == "Theirs"
    with pytest.raises(Invalid, match="copied"):
        store.conflicts.use(filed["m"].id)
    assert len(store.conflicts.list_open()) == 3


# Private


def test_a_conversation_becomes_private_its_copy_is_deleted_there_and_it_stays_here(
    store: Store, server: FakeServer
) -> None:
    reply = exchange(store, "secret")
    server.sync()
    store.messages.edit(reply.id, "More secret.")
    store.privacy.set_private(reply.session_id, True)
    assert server.ops() == [("c", reply.session_id, "del")]
    server.settle()
    server.tell(conversation(reply.session_id, server.seq, deleted=True))
    assert store.messages.count(reply.session_id) == 2
    exchange(store, "again", session_id=reply.session_id)
    store.conversations.rename(reply.session_id, "Other")
    assert server.freeze() is None
    assert [one.title for one in store.sync_metadata.private_conversations()] == ["Other"]
    assert store.sync_metadata.counts().private == 1


def test_of_what_no_server_ever_had_nothing_is_said(store: Store, server: FakeServer) -> None:
    session = exchange(store, "secret").session_id
    store.privacy.set_private(session, True)
    assert server.freeze() is None
    store.privacy.set_private(session, True)
    assert store.sync_metadata.is_private(session)


def test_a_copy_that_a_twin_of_this_file_sent_of_what_is_private_is_deleted_there(
    store: Store, server: FakeServer
) -> None:
    reply = exchange(store, "secret")
    store.privacy.set_private(reply.session_id, True)
    server.tell(conversation(reply.session_id, 1), message(reply.id, reply.session_id, 2, "Yes."))
    assert server.ops() == [("c", reply.session_id, "del")]
    assert store.messages.count(reply.session_id) == 2


def test_words_on_their_way_are_not_sent_once_more(store: Store, server: FakeServer) -> None:
    session = exchange(store, "secret").session_id
    other = exchange(store, "open").session_id
    there = server.freeze()
    assert there is not None
    store.privacy.set_private(session, True)
    assert server.freeze() != there
    assert {one.session_id for one in server.sent if one.value is not None} == {other}
    assert ("c", session, "del") in {(one.kind, one.id, one.op) for one in server.sent}


def test_a_private_conversation_is_shown_again_as_it_is_now(store: Store, server: FakeServer) -> None:
    reply = exchange(store, "secret")
    session = reply.session_id
    store.conversations.set_setting(session, "model", "a")
    server.sync()
    store.privacy.set_private(session, True)
    server.sync()
    store.trash.delete_message(reply.id)
    store.conversations.set_setting(session, "model", None)
    store.conversations.rename(session, "Open")
    more = exchange(store, "more", session_id=session)
    store.privacy.set_private(session, False)
    ops = server.ops()
    assert ops[0] == ("c", session, "restore")
    assert {("m", reply.id, "del"), ("m", more.id, "put"), ("s", f"{session}/model", "del")} <= set(ops)
    server.settle()
    assert server.ops() == [("c", session, "put")]
    assert server.sent[0].value is not None
    assert server.sent[0].value["title"] == "Open"


def test_a_conversation_that_was_never_sent_is_sent_whole_when_it_is_shown(store: Store, server: FakeServer) -> None:
    session = exchange(store, "secret").session_id
    store.privacy.set_private(session, True)
    store.privacy.set_private(session, False)
    assert len(server.ops()) == 3
    assert server.sent[0].op == "put"


def test_rows_of_a_private_conversation_change_nothing_here(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, "Trip"), message("m", "c", 2, "mine"))
    store.privacy.set_private("c", True)
    server.tell(
        conversation("c", 5, "Theirs", created=1), message("m", "c", 6, "theirs"), message("n", "c", 7),
        setting("c", "model", 8, "x"),
    )  # fmt: skip
    server.tell(message("m", "c", 9, deleted=True), conversation("c", 10, deleted=True))
    assert store.conversations.get("c").title == "Trip"
    assert [one.content for one in store.messages.before("c", None, 9)] == ["mine"]


def test_a_rescued_conversation_can_be_shown_to_the_server_under_ids_of_its_own(
    store: Store, server: FakeServer
) -> None:
    server.tell(conversation("c", 1, "Trip"))
    reply = exchange(store, "hello", session_id="c")
    server.tell(conversation("c", 2, created=1, deleted=True))
    (row,) = store.conversations.page(0, 9)
    store.privacy.set_private(row.id, False)
    ops = server.ops()
    assert ops[0] == ("c", row.id, "put")
    assert reply.id not in {id_ for _, id_, _ in ops}
    first, second = store.messages.before(row.id, None, 9)
    assert second.user_message_id == first.id


# Undo


def test_undo_before_the_server_was_told_says_nothing(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    store.undo.undo(store.trash.delete_conversation("c").token)
    store.undo.undo(store.trash.delete_message("m").token)
    store.undo.undo(store.trash.clear_all().token)
    assert outbox(store) == set()
    assert table(store, "sync_tombstones") == []


@pytest.mark.parametrize("answered", ["before", "after"])
def test_undo_of_what_is_on_its_way_or_was_taken_is_said(store: Store, server: FakeServer, answered: str) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    trashed = store.trash.delete_conversation("c")
    server.freeze()
    if answered == "before":
        server.settle()
    store.undo.undo(trashed.token)
    if answered == "after":
        server.settle()
    assert server.ops() == [("c", "c", "restore")]
    server.settle()
    assert outbox(store) == set()
    assert store.messages.get("m").content == "text"


def test_undo_of_a_clear_that_was_taken_brings_back_each(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), conversation("d", 2))
    trashed = store.trash.clear_all()
    server.sync()
    store.undo.undo(trashed.token)
    assert set(server.ops()) == {("c", "c", "restore"), ("c", "d", "restore")}


def test_undo_of_what_died_elsewhere_too_brings_it_back_there(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    trashed = store.trash.delete_conversation("c")
    server.tell(conversation("c", 5, created=1, deleted=True))
    assert outbox(store) == set()
    store.undo.undo(trashed.token)
    assert server.ops() == [("c", "c", "restore")]
    server.tell(conversation("c", 5, created=1, deleted=True))
    assert store.messages.get("m").content == "text"


@pytest.mark.parametrize("how", ["conversation", "message", "clear"])
def test_undo_of_what_others_brought_back_and_deleted_again_brings_it_back_there(
    store: Store, server: FakeServer, how: str
) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), setting("c", "model", 3, "x"))
    store.conversations.set_setting("c", "model", "mine")
    trashed = {
        "conversation": lambda: store.trash.delete_conversation("c"),
        "message": lambda: store.trash.delete_message("m"),
        "clear": store.trash.clear_all,
    }[how]()
    server.sync()
    if how == "clear":
        server.tell(conversation("c", 10, created=1, deleted=True))
    if how == "message":
        server.tell(message("m", "c", 20, "again", created=20))
        assert store.messages.get("m").content == "again"
        server.tell(message("m", "c", 21, created=20, deleted=True))
    else:
        server.tell(conversation("c", 20, created=20), message("m", "c", 21, created=21))
        assert store.messages.get("m").content == "text"
        server.tell(conversation("c", 22, created=20, deleted=True))
    store.undo.undo(trashed.token)
    assert store.messages.get("m").content == "text"
    thing = ("m", "m") if how == "message" else ("c", "c")
    assert (*thing, "restore") in server.ops()


@pytest.mark.parametrize("how", ["conversation", "message", "clear"])
def test_undo_of_what_others_brought_back_meanwhile_changes_nothing_and_says_so(
    store: Store, server: FakeServer, how: str
) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    trashed = {
        "conversation": lambda: store.trash.delete_conversation("c"),
        "message": lambda: store.trash.delete_message("m"),
        "clear": store.trash.clear_all,
    }[how]()
    server.sync()
    if how == "clear":
        server.tell(conversation("c", 10, created=1, deleted=True))
    server.tell(
        conversation("c", 20, created=1 if how == "message" else 20), message("m", "c", 21, "again", created=21)
    )
    with pytest.raises(Invalid, match="already back"):
        store.undo.undo(trashed.token)
    assert store.messages.get("m").content == "again"
    assert outbox(store) == set()


@pytest.mark.parametrize("how", ["conversation", "clear"])
def test_undo_brings_back_messages_that_a_conversation_lacks_since_others_brought_it_back(
    store: Store, server: FakeServer, how: str
) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), message("n", "c", 3))
    trashed = store.trash.delete_conversation("c") if how == "conversation" else store.trash.clear_all()
    server.sync()
    if how == "clear":
        server.tell(conversation("c", 10, created=1, deleted=True))
    server.tell(conversation("c", 20, created=20), message("m", "c", 21, "again", created=21))
    assert store.undo.undo(trashed.token) == ["c"]
    assert store.messages.get("m").content == "again"
    assert store.messages.get("n").content == "text"
    assert ("m", "n", "put") in server.ops()
    assert [hit.message_id for hit in store.search.search("text")] == ["n"]
    assert store.conversations.get("c").message_count == 2


def test_undo_of_a_clear_brings_back_the_rest_where_others_brought_back_some(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, "One"), message("m", "c", 2), conversation("d", 3, "Two"), message("n", "d", 4))
    trashed = store.trash.clear_all()
    server.sync()
    server.tell(conversation("c", 10, created=1, deleted=True), conversation("d", 11, created=3, deleted=True))
    server.tell(conversation("d", 20, "Two", created=20), message("n", "d", 21, "newer", created=21))
    assert store.trash.latest() == trashed
    assert store.undo.undo(trashed.token) == ["c"]
    assert [store.messages.get(one).content for one in "mn"] == ["text", "newer"]
    assert server.ops() == [("c", "c", "restore")]


def test_what_is_back_is_not_offered_to_undo(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), conversation("d", 3), conversation("e", 4))
    first = store.trash.delete_conversation("e")
    store.trash.delete_message("m")
    store.trash.delete_conversation("d")
    server.sync()
    server.tell(message("m", "c", 20, created=20), conversation("d", 21, created=21))
    assert store.trash.latest() == first


def test_what_came_while_it_was_in_the_trash_is_there_after_an_undo(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2, "old"), message("n", "c", 3), message("o", "c", 4, "old"))
    one, all_ = store.trash.delete_message("o"), store.trash.delete_conversation("c")
    server.tell(
        conversation("c", 11, "Renamed", created=1), message("m", "c", 12, "new", created=2),
        message("n", "c", 13, created=3, deleted=True), message("p", "c", 14, "more"), setting("c", "model", 15, "x"),
        message("o", "c", 16, "new", created=4),
    )  # fmt: skip
    store.undo.undo(all_.token)
    store.undo.undo(one.token)
    assert store.conversations.get("c").title == "Renamed"
    assert {row.id: row.content for row in store.messages.before("c", None, 9)} == {"m": "new", "p": "more", "o": "new"}
    assert store.conversations.settings("c") == {"model": "x"}
    assert outbox(store) == set()


def test_an_edit_from_before_the_deletion_is_said_after_the_undo(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1, time=5), message("m", "c", 2, time=5))
    store.conversations.rename("c", "Mine")
    store.messages.edit("m", "Mine.")
    one, all_ = store.trash.delete_message("m"), store.trash.delete_conversation("c")
    server.sync()
    store.undo.undo(all_.token)
    store.undo.undo(one.token)
    server.sync()
    assert store.conversations.get("c").title == "Mine"
    assert store.messages.get("m").content == "Mine."


def test_messages_of_a_conversation_that_the_server_forgot_are_sent_again(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2), setting("c", "model", 3, "x"))
    trashed = store.trash.delete_conversation("c")
    server.sync()
    store.undo.undo(trashed.token)
    server.freeze()
    server.settle(c=server.answer(server.sent[0], row=conversation("c", 9), code="not_in_trash"))
    assert server.ops() == [("m", "m", "put"), ("s", "c/model", "put")]


def test_a_message_that_the_server_forgot_is_said_under_a_new_id(store: Store, server: FakeServer) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2, "words"))
    trashed = store.trash.delete_message("m")
    server.sync()
    store.undo.undo(trashed.token)
    server.freeze()
    server.settle(m=server.answer(server.sent[0], "rejected", code="gone"))
    ((kind, id_, op),) = server.ops()
    assert (kind, op) == ("m", "put")
    assert id_ != "m"
    assert store.messages.get(id_).content == "words"


def test_a_private_conversation_in_the_trash_and_out_of_it_is_nobodys_business(
    store: Store, server: FakeServer
) -> None:
    server.tell(conversation("c", 1), message("m", "c", 2))
    store.privacy.set_private("c", True)
    server.sync()
    store.undo.undo(store.trash.delete_conversation("c").token)
    store.undo.undo(store.trash.delete_message("m").token)
    store.undo.undo(store.trash.clear_all().token)
    assert {op for op in outbox(store) if op[0] != "x"} == set()
    assert store.sync_metadata.is_private("c")
