"""Saved searches: kept under a name, repeated, renamed, deleted and brought back, and filters of the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from sterna.cli.commands import sterna
from sterna.storage import Invalid, Store
from tests.cli.conftest import Run


@pytest.fixture
def history(home: Path) -> Path:
    (home / "config" / "config.toml").write_text("discover = false\n")
    return home


def test_a_search_is_saved_repeated_renamed_deleted_and_brought_back(run: Run, history: Path) -> None:
    birds = run("ask", "arctic terns fly far", "--json").json()["session_id"]
    run("ask", "lemon cake")
    assert "None is saved yet" in run("search", "--delete", "x").err
    assert run("search", "role:user", "terns", "--save", "birds").code == 0
    assert run("search", "--saved", "--json").lines() == [{"name": "birds", "text": "role:user terns"}]
    found = run("search", "@birds", "--json").lines()
    assert [(hit["session_id"], hit["role"]) for hit in found] == [(birds, "user")]
    assert run("search", "@BIRDS", "cake").code == 1
    assert run("search", '"@birds"').code == 1
    assert run("search", "--rename", "@birds", "terns").code == 0
    assert run("search", "@birds").code == 1
    assert "Deleted @terns" in run("search", "--delete", "TERNS").out
    assert run("search", "--saved").out == ""
    assert run("search", "--undo").code == 0
    assert run("search", "--undo").code == 0
    assert run("search", "--saved").out == "@birds  role:user terns\n"
    assert run("search", "--undo").code == 0
    assert "Nothing to undo" in run("search", "--undo").err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--save", "a b", "words"], 1, "letters, digits"),
        (["--save", "name"], 1, "nothing to save"),
        (["--saved", "--undo"], 2, "one of"),
        (["words", "--undo"], 2, "Remove them"),
        ([], 2, "Enter the words"),
        (["has:foo"], 2, "has: takes code"),
        (["#birds"], 1, "There is no tag #birds: there are no tags yet."),
        (["--rename", "one", "two"], 1, "no saved search @one"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, history: Path, options: list[str], code: int, said: str) -> None:
    result = run("search", *options)
    assert result.code == code
    assert said in result.err


def test_a_search_that_takes_the_place_of_another_says_so_and_never_stands_for_itself(run: Run, history: Path) -> None:
    run("search", "terns", "--save", "birds")
    said = run("search", "@birds", "role:user", "--save", "BIRDS").out
    assert "Saved in the place of “terns”; to take it back: sterna search --undo." in said
    assert run("search", "--saved").out == "@BIRDS  terns role:user\n"
    assert run("search", "--undo").code == 0
    assert run("search", "--saved").out == "@birds  terns\n"
    for command in ("search", "list"):
        assert "There is no saved search @bird. There are: @birds." in run(command, "@bird").err


def test_names_of_saved_searches_are_completed_where_they_can_stand(run: Run, history: Path) -> None:
    run("search", "terns", "--save", "Birds")
    complete = ShellComplete(sterna, {}, "sterna", "_STERNA_COMPLETE").get_completions
    for words, begun in (("search tern", "@b"), ("list", "@B"), ("search --delete", "b"), ("search --rename", "")):
        assert [(item.value, item.help) for item in complete(words.split(), begun)] == [("@Birds", "terns")], words
    assert complete(["search"], "b") == []


def test_saved_searches_wait_for_the_server_of_the_account(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "me.db")
    assert store.saved_searches.save("@work", " #work is:archived ") == ("work", "")
    assert store.server_profile.pending_profile() == {"ui": {"searches": {"work": "#work is:archived"}}}
    store.saved_searches.delete("Work")
    assert store.server_profile.pending_profile() == {"ui": {"searches": {"work": None}}}
    assert store.saved_searches.all() == {}
    store.close()


def test_a_saved_filter_is_part_of_the_filter_of_the_list(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "me.db")
    kept, old, other = (store.conversations.create(title).id for title in ("tern plan", "tern notes", "gull notes"))
    store.conversations.set_setting(old, "archived", True)
    store.conversations.set_setting(old, "tag:work", True)
    store.conversations.set_setting(kept, "tag:work", True)
    store.saved_searches.save("work", "#work")
    store.saved_searches.save("terns", "tern")
    store.saved_searches.save("away", "tern is:archived")
    listed = {text: [row.id for row in store.conversations.page(0, 9, text)] for text in ("@work", "@terns", "@away")}
    assert listed == {"@work": [kept], "@terns": [kept], "@away": [old]}
    assert [row.id for row in store.conversations.page(0, 9, "@work notes")] == []
    assert store.conversations.count("@nobody") == 0
    store.conversations.rename(other, "one more tern")
    assert {row.id for row in store.conversations.page(0, 9, "@terns")} == {kept, other}
    assert other in {row.id for row in store.conversations.page(0, 9, "more @terns")}
    store.close()


def test_no_more_is_saved_than_a_server_takes(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "me.db")
    for number in range(19):
        store.saved_searches.save(f"s{number}", "語" * 400)
    with pytest.raises(Invalid, match="No more searches"):
        store.saved_searches.save("one-more", "語" * 400)
    assert len(json.dumps(store.server_profile.pending_profile()["ui"])) < 64_000
    store.close()
