"""Pinned, archived and tagged conversations: the list, its filter, the search, undo, and other programs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from builders import CONTENT, exchange, outbox, tables
from ticking import Ticking

from sterna.storage import Invalid, LabelChange, NotFound, Store, Tag
from sterna.storage.database.migrations import migrate, steps


@pytest.fixture
def ids(store: Store) -> dict[str, str]:
    """Conversations by their titles, the oldest first."""
    names = ("Trip to Lisbon", "Tern migration", "Invoice", "Recipe")
    return {name: exchange(store, name, f"About {name}.").session_id for name in names}


def shown(store: Store, text: str = "") -> list[str]:
    rows = store.conversations.page(0, 100, text)
    assert len(rows) == store.conversations.count(text)
    assert [store.conversations.position(row.id, text) for row in rows] == list(range(len(rows)))
    assert store.conversations.ids(0, 100, text) == [row.id for row in rows]
    assert set(store.conversations.listed([row.id for row in rows], text)) == {row.id for row in rows}
    return [row.title for row in rows]


def label(store: Store, *ids: str, **change: object) -> None:
    store.labels.change(ids, LabelChange(**change))  # type: ignore[arg-type]


def test_pinned_conversations_stand_on_top_and_archived_ones_leave_the_list(store: Store, ids: dict[str, str]) -> None:
    label(store, ids["Trip to Lisbon"], pinned=True)
    label(store, ids["Invoice"], archived=True)
    assert shown(store) == ["Trip to Lisbon", "Recipe", "Tern migration"]
    exchange(store, "more", session_id=ids["Tern migration"])
    assert shown(store) == ["Trip to Lisbon", "Tern migration", "Recipe"]
    assert shown(store, "is:archived") == ["Invoice"]
    assert store.conversations.position(ids["Invoice"]) is None
    assert store.conversations.total() == 4
    assert store.conversations.groups([""]) == [2]  # the pinned one stands under a heading of its own
    first = store.conversations.page(0, 1)[0]
    assert (first.pinned, first.archived, first.tags) == (True, False, ())
    label(store, ids["Trip to Lisbon"], pinned=False)
    assert shown(store)[-1] == "Trip to Lisbon"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#birds", ["Tern migration", "Trip to Lisbon"]),
        ("#BIRDS", ["Tern migration", "Trip to Lisbon"]),
        ("#bir", ["Tern migration", "Trip to Lisbon"]),
        ("-#birds", ["Recipe"]),
        ("#birds #travel", ["Trip to Lisbon"]),
        ("#birds lisbon", ["Trip to Lisbon"]),
        ("is:pinned", ["Tern migration"]),
        ("-is:pinned", ["Recipe", "Trip to Lisbon"]),
        ("is:untagged", ["Recipe"]),
        ("is:archived #travel", ["Invoice"]),
        ("IS:Archived", ["Invoice"]),
        ("-is:archived is:untagged", ["Recipe"]),
        ("#birds is:pin", ["Tern migration", "Trip to Lisbon"]),
        ("#", ["Tern migration", "Recipe", "Trip to Lisbon"]),
        ("#nothing", []),
        ('"#birds"', []),
    ],
)
def test_the_filter_knows_tags_and_states(store: Store, ids: dict[str, str], text: str, expected: list[str]) -> None:
    label(store, ids["Tern migration"], ids["Trip to Lisbon"], add=("birds",))
    label(store, ids["Tern migration"], pinned=True)
    label(store, ids["Trip to Lisbon"], ids["Invoice"], add=("travel",))
    label(store, ids["Invoice"], archived=True)
    assert shown(store, text) == expected


def test_a_hash_that_begins_no_tag_is_text(store: Store) -> None:
    exchange(store, "#include is missing")
    exchange(store, "other")
    assert shown(store, "#include") == ["#include is missing"]
    assert [hit.session_title for hit in store.search.search("#include")][:1] == ["#include is missing"]
    label(store, store.conversations.ids(0, 1)[0], add=("include",))
    assert shown(store, "#include") == ["other"]
    assert shown(store, '"#include"') == ["#include is missing"]


def test_tags_are_listed_with_the_conversations_that_have_them(store: Store, ids: dict[str, str]) -> None:
    label(store, *ids.values(), add=("#All", "ünï", "c++"))
    label(store, ids["Recipe"], remove=("all",))
    assert store.tags.all() == [Tag("all", 3), Tag("c++", 4), Tag("ünï", 4)]
    assert store.tags.of([ids["Recipe"], ids["Invoice"]]) == [Tag("all", 1), Tag("c++", 2), Tag("ünï", 2)]
    assert store.labels.of(ids["Recipe"]).tags == ("c++", "ünï")
    assert store.conversations.page(0, 1)[0].tags == ("c++", "ünï")


@pytest.mark.parametrize("name", ["", "#", "two words", "a/b", "-x", "x" * 51, "a\x1b[31m", "a,b", "a#b"])
def test_what_is_no_tag_is_refused_and_changes_nothing(store: Store, ids: dict[str, str], name: str) -> None:
    with pytest.raises(Invalid, match="A tag is one word"):
        label(store, ids["Recipe"], pinned=True, add=(name,))
    assert store.labels.of(ids["Recipe"]).pinned is False


def test_a_tag_cannot_be_added_and_removed_at_once_and_there_are_not_too_many(
    store: Store, ids: dict[str, str]
) -> None:
    with pytest.raises(Invalid, match="#x cannot be"):
        label(store, ids["Recipe"], add=("x",), remove=("X",))
    label(store, ids["Recipe"], add=tuple(f"t{number}" for number in range(50)))
    with pytest.raises(Invalid, match="at most 50"):
        label(store, ids["Recipe"], add=("one-more",))
    with pytest.raises(NotFound):
        label(store, "gone", pinned=True)


def test_one_undo_takes_back_what_was_done_to_several(store: Store, ids: dict[str, str]) -> None:
    label(store, ids["Recipe"], add=("kept", "old"))
    before = tables(store, "session_settings")
    changed = store.labels.change(list(ids.values()), LabelChange(archived=True, add=("kept", "new"), remove=("old",)))
    assert changed is not None
    assert (changed.kind, changed.sessions, changed.title) == ("labels", 4, "Recipe")
    assert shown(store) == []
    assert store.labels.change(list(ids.values()), LabelChange(archived=True)) is None  # nothing to undo for nothing
    assert store.trash.latest() == changed
    assert sorted(store.undo.undo(changed.token)) == sorted(ids.values())
    assert tables(store, "session_settings") == before
    assert len(shown(store)) == 4


def test_undo_goes_back_through_labels_and_deletions_in_their_order(store: Store, ids: dict[str, str]) -> None:
    label(store, ids["Recipe"], pinned=True)
    store.trash.delete_conversation(ids["Recipe"])
    label(store, ids["Invoice"], archived=True)
    for kind in ("labels", "session", "labels"):
        latest = store.trash.latest()
        assert latest is not None
        assert latest.kind == kind
        store.undo.undo(latest.token)
    assert store.trash.latest() is None
    assert shown(store) == ["Recipe", "Invoice", "Tern migration", "Trip to Lisbon"]
    assert not store.labels.of(ids["Recipe"]).pinned


def test_several_are_deleted_at_once_and_come_back_with_one_undo(store: Store, ids: dict[str, str]) -> None:
    label(store, ids["Recipe"], pinned=True, add=("food",))
    store.drafts.save(ids["Invoice"], "unsent")
    before = tables(store, *CONTENT)
    some = [ids["Recipe"], "gone", ids["Invoice"], ids["Trip to Lisbon"], ids["Recipe"]]
    trashed = store.trash.delete_conversations(some)
    assert (trashed.sessions, trashed.messages, trashed.title) == (3, 6, "Recipe")
    assert shown(store) == ["Tern migration"]
    assert store.tags.all() == []
    assert set(store.undo.undo(trashed.token)) == {ids["Recipe"], ids["Invoice"], ids["Trip to Lisbon"]}
    after = tables(store, *CONTENT)
    assert {name: sorted(map(repr, rows)) for name, rows in after.items()} == {
        name: sorted(map(repr, rows)) for name, rows in before.items()
    }
    assert [hit.session_title for hit in store.search.search("recipe")][:1] == ["Recipe"]
    with pytest.raises(NotFound):
        store.trash.delete_conversations(["gone"])


def test_toggling_sets_what_some_lack_and_takes_away_what_all_have(store: Store, ids: dict[str, str]) -> None:
    some = [ids["Recipe"], ids["Invoice"]]
    label(store, ids["Recipe"], pinned=True)
    assert store.labels.toggle_pinned(some)[0]
    assert all(store.labels.of(each).pinned for each in some)
    assert not store.labels.toggle_pinned(some)[0]
    assert not any(store.labels.of(each).pinned for each in some)
    assert store.labels.toggle_archived(some)[0]
    assert not store.labels.toggle_archived(some)[0]


def test_labels_are_told_one_by_one_and_are_no_activity(store: Store, clock: Ticking, ids: dict[str, str]) -> None:
    before = store.conversations.get(ids["Recipe"])
    with store.db.write():
        store.db.execute("delete from sync_outbox")
    clock.move(days=1)
    label(store, ids["Recipe"], pinned=True, add=("food",))
    label(store, ids["Recipe"], remove=("food",))
    assert outbox(store) == {("s", f"{ids['Recipe']}/pinned", "put"), ("s", f"{ids['Recipe']}/tag:food", "del")}
    assert store.conversations.get(ids["Recipe"]) == before


def test_another_program_that_writes_settings_is_seen_by_the_list(store: Store, ids: dict[str, str]) -> None:
    before = store.conversations.get(ids["Recipe"])
    other = sqlite3.connect(store.db.path, isolation_level=None)
    key = {"id": ids["Recipe"]}
    other.execute("insert into session_settings values (:id, 'pinned', 'true'), (:id, 'tag:food', 'true')", key)
    assert shown(store, "is:pinned #food") == ["Recipe"]
    other.execute("update session_settings set value = 'false' where session_id = :id", key)
    assert shown(store, "is:pinned") == shown(store, "#food") == []
    other.execute("update session_settings set key = 'archived', value = '1' where key = 'pinned'")
    assert shown(store, "is:archived") == ["Recipe"]
    other.execute("insert or replace into session_settings values (:id, 'pinned', 'true')", key)
    other.execute("delete from session_settings where key = 'archived'")
    assert shown(store, "is:pinned is:untagged") == ["Recipe"]
    other.close()
    assert store.conversations.get(ids["Recipe"]) == before


def test_the_search_understands_the_filter(store: Store, ids: dict[str, str]) -> None:
    exchange(store, "A song about lisbon", session_id=ids["Invoice"])
    label(store, ids["Invoice"], archived=True, add=("music",))
    label(store, ids["Trip to Lisbon"], add=("travel",))

    def found(text: str) -> set[str]:
        return {hit.session_id for hit in store.search.search(text)}

    assert found("lisbon") == {ids["Invoice"], ids["Trip to Lisbon"]}
    assert found("lisbon #music") == found("#music lisb") == found("is:archived lisbon") == {ids["Invoice"]}
    assert found("lisbon -#music") == found("#travel li") == {ids["Trip to Lisbon"]}
    assert found("#travel") == {ids["Trip to Lisbon"]}
    assert found("is:untagged") == {ids["Recipe"], ids["Tern migration"]}
    assert found("lisbon #music #travel") == set()
    hits = store.search.search("about #music", session_id=ids["Invoice"])
    assert {hit.session_id for hit in hits} == {ids["Invoice"]}


def test_a_search_with_a_tag_finds_the_same_whichever_way_it_takes(
    store: Store, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sterna.storage.conversations import search

    label(store, ids["Recipe"], ids["Invoice"], add=("x",))
    texts = ("about #x", "abou #x", "about -#x", "recipe. is:untagged", "about #x c++")
    few = [store.search.search(text) for text in texts]
    monkeypatch.setattr(search, "FEW", -1)
    assert [store.search.search(text) for text in texts] == few
    assert len(few[0]) == 2


def test_the_plain_list_is_read_from_its_index_alone(store: Store, ids: dict[str, str]) -> None:
    seen: list[str] = []
    store.db.connection.set_trace_callback(seen.append)
    store.conversations.ids(50_000, 50)
    store.conversations.count()
    store.conversations.count("is:pinned")
    store.conversations.pinned()
    store.conversations.position(ids["Recipe"])
    store.conversations.groups(["x"])
    store.db.connection.set_trace_callback(None)
    for query in seen:
        plan = " ".join(row["detail"] for row in store.db.rows(f"explain query plan {query}"))
        assert "B-TREE" not in plan, query
        assert "chat_sessions_listed (archived=" in plan or "(id=?)" in plan, (query, plan)


def test_a_file_from_before_keeps_what_was_pinned(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=[step for step in steps() if step.stem < "30"])
    db.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
    for name in ("a", "b", "c"):
        db.execute("insert into chat_sessions (id, user_id, title) values (:id, 'u', :id)", {"id": name})
    db.execute("insert into session_settings values ('b', 'pinned', 'true'), ('c', 'pinned', 'false')")
    db.execute("insert into session_settings values ('a', 'archived', 'true'), ('c', 'tag:x', 'true')")
    times = db.execute("select updated_at, last_activity from chat_sessions").fetchall()
    db.close()
    store = Store.open(path)
    assert shown(store) == ["b", "c"]
    assert shown(store, "#x") == ["c"]
    assert [tuple(row) for row in store.db.rows("select updated_at, last_activity from chat_sessions")] == times
    store.close()


def test_the_list_is_filtered_by_program_and_project(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    for title, source, project in (
        ("one", "copilot", "/home/ana/src/app"),
        ("two", "copilot-cli", "/home/ana/src/app/web"),
        ("three", "copilot", "/home/ana/src/application"),
        ("four", "codex", "/home/ana/my notes"),
    ):
        session = store.conversations.create(title)
        store.conversations.set_settings(session.id, {"source": source, "project": project})
    store.conversations.create("ours")

    def found(text: str) -> set[str]:
        return {row.title for row in store.conversations.page(0, 10, text)}

    assert found("from:copilot") == {"one", "three"}
    assert found("from:cop") == {"one", "two", "three"}
    assert found("from:sterna") == {"ours"}
    assert found("-from:copilot from:copilot-cli") == {"two"}
    assert found("in:~/src/app") == {"one", "two"}
    assert found("in:app") == {"one"}
    assert found("in:~/src") == {"one", "two", "three"}
    assert found('in:"~/my notes"') == {"four"}
    assert found("FROM:codex in:") == {"four"}
    assert found("from:nowhere") == found("in:title") == set()  # text, as nothing comes from there
    rows = {row.title: row.origin for row in store.conversations.page(0, 10)}
    assert (rows["two"], rows["ours"]) == ("copilot-cli · web", "")
