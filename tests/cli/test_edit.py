"""``sterna rename``, ``delete``, ``undo``."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest

from sterna.storage import Settled, Store, data_dir, open_account
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("configured")


def titles(run: Run) -> list[str]:
    return [row["title"] for row in run("list", "--json").lines()]


def test_a_title_given_here_stays(run: Run) -> None:
    run("ask", "first words")
    assert run("rename", "last", "Terns", "of", "the", "north").code == 0
    run("ask", "-c", "last", "more")
    assert titles(run) == ["Terns of the north"]
    result = run("rename", "--json", "last", "Again").json()
    assert (set(result), result["title"]) == ({"id", "title"}, "Again")


def test_a_title_of_nothing_is_refused(run: Run) -> None:
    run("ask", "first words")
    for title in ("", "  "):
        result = run("rename", "last", title)
        assert (result.code, result.err) == (1, "sterna: A title cannot be empty.\n")
    assert titles(run) == ["first words"]


def test_a_deletion_is_undone_with_all_that_was_said(run: Run) -> None:
    run("ask", "keep me")
    before = run("show", "--json").json()
    assert run("delete", "--yes", "last").code == 0
    assert titles(run) == []
    assert run("undo").code == 0
    assert run("show", "--json").json()["messages"] == before["messages"]
    nothing = run("undo")
    assert (nothing.code, nothing.err) == (1, "sterna: Nothing to undo.\n")


def test_deletions_are_undone_one_after_the_other_or_by_number(run: Run) -> None:
    tokens = []
    for text in ("one", "two", "three"):
        run("ask", text)
        gone = run("delete", "-y", "--json", "last").json()
        assert (gone["title"], gone["sessions"], gone["messages"]) == (text, 1, 2)
        tokens.append(gone["token"])
    assert "Restored: three" in run("undo").out
    assert run("undo", "--json", str(tokens[0])).json()["title"] == "one"
    assert "Restored: two" in run("undo").out
    assert sorted(titles(run)) == ["one", "three", "two"]


def test_undo_names_what_was_undone(run: Run) -> None:
    run("ask", "Where do terns go?")
    with closing(Store.open(open_account(data_dir()))) as store:
        session_id = store.conversations.page(0, 1)[0].id
        _, reply = store.messages.before(session_id, None, 9)
        begun = store.live_replies.begin_retry(reply.id)
        store.live_replies.settle(begun.reply.id, Settled("done", "Far away."))
    undone = run("undo")
    assert undone.out == "Undone: the earlier version is shown again in Where do terns go?\n"
    assert "You said: Where do terns go?" in run("show").out
    with closing(Store.open(open_account(data_dir()))) as store:
        token = store.trash.delete_message(reply.id).token
    assert run("undo", str(token)).out == "Message restored in Where do terns go?\n"
    run("delete", "-y", "last")
    assert run("undo").out == "Restored: Where do terns go?\n"


def test_nothing_is_deleted_where_nobody_can_be_asked(run: Run) -> None:
    run("ask", "keep me")
    result = run("delete", "last")
    assert (result.code, "--yes" in result.err) == (2, True)
    assert titles(run) == ["keep me"]


@pytest.mark.parametrize(("answer", "left", "code"), [(b"n\n", ["keep me"], 130), (b"y\n", [], 0)])
def test_a_person_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: bytes, left: list[str], code: int
) -> None:
    run("ask", "keep me")
    monkeypatch.setattr("sterna.cli.edit.is_interactive", lambda: True)
    result = run("delete", "last", stdin=answer)
    assert result.code == code
    assert "Delete “keep me” with 2 messages?" in result.err + result.out
    assert titles(run) == left
    assert sys.stdin is not None
