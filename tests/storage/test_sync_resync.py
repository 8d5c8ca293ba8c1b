"""Comparing with a history that went back: nothing accepted is lost, nothing deleted comes back."""

from __future__ import annotations

import pytest
from builders import exchange, outbox, table
from fake_server import FakeServer, conversation, message, setting

from sterna.storage import Store


@pytest.fixture
def server(store: Store) -> FakeServer:
    side = FakeServer(store)
    side.tell(
        conversation("c", 11, "Trip", cls=1, time=100, tie="a"),
        message("m", "c", 12, "hello", time=100, tie="a"),
        setting("c", "model", 13, "x", time=100, tie="a"),
    )
    return side


def again(server: FakeServer, *pages: list[object]) -> None:
    """Send everything anew, page by page."""
    server.store.sync_pull.start_resync(server.fence)
    server.seq = 0
    for n, page in enumerate(pages):
        assert server.tell(*page, more=n < len(pages) - 1)  # type: ignore[arg-type]


def stamps(server: FakeServer) -> dict[str, tuple[int, int, str] | None]:
    server.freeze()
    return {one.id: one.stamp for one in server.sent}


def test_it_begins_with_nothing_known_of_positions_and_nothing_on_its_way(store: Store, server: FakeServer) -> None:
    exchange(store, "hello")
    server.freeze()
    store.sync_pull.start_resync(server.fence)
    state = store.sync_metadata.state()
    assert (state.cursor, state.full_cursor, state.seen_seq, state.seen_nonce, state.resync) == (0, 0, 0, "", True)
    assert store.sync_push.inflight() is None
    assert server.freeze() is None
    assert not store.sync_metadata.pull_is_complete()


def test_it_ends_with_the_last_page_and_what_waited_is_sent(store: Store, server: FakeServer) -> None:
    session = exchange(store, "hello").session_id
    again(server, [conversation("c", 1, "Trip", cls=1, time=100, tie="a")], [message("m", "c", 2, "hello")])
    assert not store.sync_metadata.state().resync
    assert store.sync_metadata.pull_is_complete()
    assert table(store, "sync_seen") == []
    assert ("c", session, "put") in server.ops()


def test_what_the_server_lost_is_offered_again_with_its_own_stamp(store: Store, server: FakeServer) -> None:
    again(server, [])
    assert stamps(server) == {"c": (1, 100, "a"), "m": (0, 100, "a"), "c/model": (0, 100, "a")}
    assert {one.base for one in server.sent} == {0}
    assert server.sent[0].kind == "c"


def test_a_value_of_the_server_that_is_newer_is_taken_and_ours_is_filed(store: Store, server: FakeServer) -> None:
    again(
        server,
        [
            conversation("c", 1, "Later", cls=1, time=200, tie="b"),
            message("m", "c", 2, "later", time=200, tie="b"),
            setting("c", "model", 3, "y", time=200, tie="b"),
        ],
    )
    assert store.conversations.get("c").title == "Later"
    assert store.messages.get("m").content == "later"
    assert store.conversations.settings("c") == {"model": "y"}
    assert {(one.kind, one.mine) for one in store.conflicts.list_open()} == {("c", "Trip"), ("m", "hello")}
    assert outbox(store) == set()


def test_a_value_of_the_server_that_is_older_is_said_again_to_it(store: Store, server: FakeServer) -> None:
    again(
        server,
        [
            conversation("c", 1, "Before", time=50, tie="z"),
            message("m", "c", 2, "before", time=50, tie="z"),
            setting("c", "model", 3, "w", time=50, tie="z"),
        ],
    )
    assert store.conversations.get("c").title == "Trip"
    assert stamps(server) == {"c": (1, 100, "a"), "m": (0, 100, "a"), "c/model": (0, 100, "a")}
    assert store.conflicts.list_open() == []


def test_who_says_it_again_had_not_seen_the_older_value_so_that_is_kept_where_it_is_overtaken(
    store: Store, server: FakeServer
) -> None:
    older = [conversation("c", 1, "Before", time=50, tie="z"), message("m", "c", 2, "a stranger's", time=50, tie="z")]
    again(server, [*older, setting("c", "model", 3, "w", time=50, tie="z")])
    server.freeze()
    assert {one.id: one.base for one in server.sent} == {"c": 0, "m": 1, "c/model": 2}


def test_a_setting_that_was_taken_away_since_is_taken_away_again(store: Store, server: FakeServer) -> None:
    server.tell(setting("c", "model", 20, None, time=300, tie="a"))
    again(server, [conversation("c", 1, "Trip", cls=1, time=100, tie="a"), message("m", "c", 2, "hello", time=100),
                setting("c", "model", 3, "x", time=100, tie="a")])  # fmt: skip
    assert store.conversations.settings("c") == {}
    assert server.ops() == [("s", "c/model", "del")]
    assert server.sent[0].stamp == (0, 300, "a")


def test_what_was_deleted_here_is_deleted_there_again(store: Store, server: FakeServer) -> None:
    server.tell(message("n", "c", 14, "other"), conversation("d", 15))
    store.trash.delete_message("n")
    store.trash.delete_conversation("d")
    server.sync()
    assert outbox(store) == set()
    again(
        server,
        [
            conversation("c", 1, "Trip", cls=1, time=100, tie="a"), message("m", "c", 2, "hello", time=100, tie="a"),
            setting("c", "model", 3, "x", time=100, tie="a"), message("n", "c", 4, "other"), conversation("d", 5),
            message("o", "d", 6),
        ],
    )  # fmt: skip
    assert outbox(store) == {("m", "n", "del"), ("c", "d", "del")}
    assert store.conversations.count() == 1


def test_what_died_there_dies_here(store: Store, server: FakeServer) -> None:
    exchange(store, "unsent", session_id="c")
    again(server, [conversation("c", 9, deleted=True)])
    assert [row.title for row in store.conversations.page(0, 9)] == ["Recovered: Trip"]
    assert outbox(store) == set()


def test_a_clear_that_waits_is_dropped_and_the_graves_say_what_it_meant(store: Store, server: FakeServer) -> None:
    store.trash.clear_all()
    assert ("x", "all", "clear") in outbox(store)
    again(server, [conversation("c", 1, "Trip"), conversation("unseen", 2)])
    assert outbox(store) == {("c", "c", "del")}
    assert [row.id for row in store.conversations.page(0, 9)] == ["unseen"]


def test_a_pending_edit_had_seen_the_very_value_it_replaced(store: Store, server: FakeServer) -> None:
    store.messages.edit("m", "Mine.")
    again(server, [conversation("c", 1, "Trip", cls=1, time=100, tie="a"),
                message("m", "c", 5, "hello", time=100, tie="a")])  # fmt: skip
    server.freeze()
    edit = next(one for one in server.sent if one.id == "m")
    assert (edit.base, edit.stamp) == (5, None)


def test_a_pending_edit_may_not_have_seen_an_older_value_which_a_stranger_wrote(
    store: Store, server: FakeServer
) -> None:
    store.messages.edit("m", "Mine.")
    again(server, [conversation("c", 1, "Trip", cls=1, time=100, tie="a"), message("m", "c", 5, "before", time=50)])
    server.freeze()
    edit = next(one for one in server.sent if one.id == "m")
    assert (edit.base, edit.stamp) == (4, None)
    assert store.messages.get("m").content == "Mine."


def test_a_pending_edit_had_not_seen_what_is_newer_there(store: Store, server: FakeServer) -> None:
    store.messages.edit("m", "Mine.")
    again(server, [conversation("c", 1, "Trip", cls=1, time=100, tie="a"), message("m", "c", 5, "later", time=500)])
    server.freeze()
    edit = next(one for one in server.sent if one.id == "m")
    assert edit.base != 5
    assert store.messages.get("m").content == "Mine."


def test_a_second_turn_back_begins_it_anew(store: Store, server: FakeServer) -> None:
    store.sync_pull.start_resync(server.fence)
    server.seq = 0
    server.tell(conversation("c", 1, "Trip", cls=1, time=100, tie="a"), more=True)
    again(server, [])
    assert stamps(server) == {"c": (1, 100, "a"), "m": (0, 100, "a"), "c/model": (0, 100, "a")}


def test_an_offer_that_meets_a_newer_value_gives_way(store: Store, server: FakeServer) -> None:
    again(server, [])
    server.tell(
        conversation("c", 5, "Newer", cls=1, time=900, tie="b"), message("m", "c", 6, "newer", time=900, tie="b")
    )
    assert store.conversations.get("c").title == "Newer"
    assert store.messages.get("m").content == "newer"
    assert outbox(store) == {("s", "c/model", "put")}
    assert {one.mine for one in store.conflicts.list_open()} == {"Trip", "hello"}


def test_nothing_is_taken_out_of_turn_meanwhile(store: Store, server: FakeServer) -> None:
    store.sync_pull.start_resync(server.fence)
    store.sync_pull.apply_extra([conversation("d", 3)], fence=server.fence, now_ms=1)
    assert store.conversations.count() == 1


def test_what_is_private_stays_here_and_its_copy_there_is_deleted_again(store: Store, server: FakeServer) -> None:
    store.privacy.set_private("c", True)
    server.sync()
    assert outbox(store) == set()
    again(server, [conversation("c", 1, "Trip"), message("m", "c", 2, "hello")])
    assert outbox(store) == {("c", "c", "del")}
    assert store.messages.get("m").content == "hello"


def test_what_was_in_the_trash_meanwhile_is_sent_when_it_is_back(store: Store, server: FakeServer) -> None:
    trashed = store.trash.delete_conversation("c")
    server.sync()
    again(server, [])
    store.undo.undo(trashed.token)
    assert outbox(store) >= {("c", "c", "put")} or outbox(store) >= {("c", "c", "restore")}
    assert ("m", "m", "put") in outbox(store)


def test_a_setting_that_was_in_the_trash_meanwhile_is_offered_with_its_own_stamp(
    store: Store, server: FakeServer
) -> None:
    trashed = store.trash.delete_conversation("c")
    server.sync()
    again(server, [])
    store.undo.undo(trashed.token)
    assert {one: stamp for one, stamp in stamps(server).items() if one != "c"} == {
        "m": (0, 100, "a"),
        "c/model": (0, 100, "a"),
    }


@pytest.mark.parametrize("away", ["in the trash", "private"])
def test_a_deletion_that_was_acknowledged_before_holds_in_a_history_that_went_back(
    store: Store, server: FakeServer, away: str
) -> None:
    """Also when a restore of its conversation gives the message a later creation there."""
    store.trash.delete_message("m")
    server.sync()
    if away == "in the trash":
        store.trash.delete_conversation("c")
        server.sync()
    else:
        store.privacy.set_private("c", True)
        server.sync()
    live = [conversation("c", 1, "Trip", cls=1, time=100, tie="a"), message("m", "c", 2, "hello", time=100, tie="a")]
    again(server, live)
    server.seq = 50
    server.sync()
    if away == "private":
        store.privacy.set_private("c", False)
    server.tell(
        conversation("c", 80, "Trip", created=80), message("m", "c", 81, "hello", created=81, time=100, tie="a")
    )
    assert store.messages.before("c", None, 9) == []
    assert ("m", "m", "del") in outbox(store)


def test_an_edit_over_a_push_that_was_never_answered_counts_as_made_when_the_history_went_back(
    store: Store, server: FakeServer
) -> None:
    """The server may have dated the earlier text late, as where this clock was wrong, and others may hold it."""
    store.messages.edit("m", "Sent.")
    store.conversations.rename("c", "Sent and left alone")
    server.freeze()
    store.messages.edit("m", "Later.")
    edited = {row["id"]: row["edited_at"] for row in store.db.rows("select id, edited_at from sync_outbox")}
    again(
        server,
        [conversation("c", 1, "Trip", cls=1, time=100, tie="a"), message("m", "c", 2, "hello", time=100, tie="a")],
    )
    server.freeze()
    asked = {one.id: one.edited_at for one in server.sent}
    assert asked["m"] > edited["m"]
    assert asked["c"] == edited["c"]
