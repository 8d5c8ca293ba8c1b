"""``sterna pin``, ``archive``, ``tag``, ``tags``, and ``list`` and ``search`` with their conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna.storage import Settled, Store, open_account
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _history(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    store = Store.open(open_account(home / "data"))
    for prompt, reply in (("What is a tern?", "A seabird."), ("Count to three", "1 2 3"), ("Sing", "La la")):
        begun = store.live_replies.begin_turn(None, prompt, model="test/model")
        store.live_replies.settle(begun.reply.id, Settled("done", reply, model="test/model"))
    store.close()


def names(run: Run, *arguments: str) -> list[str]:
    return [row["title"] for row in run("list", "--json", *arguments).lines()]


def name_of(run: Run, title: str) -> str:
    return str(next(row["name"] for row in run("list", "--json", title).lines()))


def test_a_pinned_conversation_is_on_top_and_an_archived_one_is_asked_for(run: Run) -> None:
    tern, count = name_of(run, "tern"), name_of(run, "Count")
    assert run("pin", tern).out == f"Pinned: {tern}  What is a tern?\n"
    assert run("archive", count).out == f"Archived: {count}  Count to three\n"
    assert names(run) == ["What is a tern?", "Sing"]
    assert run("list").out.splitlines()[0].endswith("What is a tern?  (pinned)")
    assert names(run, "--pinned") == ["What is a tern?"]
    assert names(run, "--archived") == names(run, "is:archived") == ["Count to three"]
    assert run("search", "count", "--json").lines()[0]["title"] == "Count to three"
    assert run("export", "--format", "markdown").out.count("# Count to three") == 1
    run("unarchive", count)
    run("unpin", tern)
    assert names(run) == ["Sing", "Count to three", "What is a tern?"]
    assert run("pin", tern, "last", "--json").lines() == [
        {"id": row["id"], "pinned": True, "archived": False, "tags": []}
        for row in sorted(run("list", "--json", "is:pinned").lines(), key=lambda row: row["title"], reverse=True)
    ]
    run("undo")
    assert names(run, "--pinned") == []


def test_tags_are_added_taken_away_and_listed(run: Run) -> None:
    assert run("tag", "last").out == "No tags.\n"
    assert run("tag", "last", "+Birds", "+song", "+help").out == "#birds #help #song\n"
    assert run("tag", "last", "-song", "-help", "-h").out == "#birds\n"
    assert run("tag", name_of(run, "Count"), "+birds", "--json").json()["tags"] == ["birds"]
    assert run("tags").out == "#birds  2 conversations\n"
    assert run("tags", "--json").lines() == [{"tag": "birds", "conversations": 2}]
    assert (
        names(run, "--tag", "birds") == names(run, "-t", "#Birds") == names(run, "#birds") == ["Sing", "Count to three"]
    )
    assert names(run, "--untagged") == names(run, "--", "-#birds") == ["What is a tern?"]
    assert run("list", "--tag", "birds").out.splitlines()[0].endswith("Sing  #birds")
    shown = run("show", "--json").json()
    assert (shown["tags"], shown["pinned"], shown["archived"]) == (["birds"], False, False)
    assert [row["title"] for row in run("search", "--json", "la", "#birds").lines()] == ["Sing"]
    assert run("undo").out == "Labels as before: Count to three\n"
    assert names(run, "--tag", "birds") == ["Sing"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("tag", "last", "work"), 2, "Write +work to add this tag, or -work to take it away."),
        (("tag", "last", "+two words"), 1, "A tag is one word"),
        (("tag", "last", "+a", "-a"), 1, "#a cannot be added and removed at once."),
        (("tag", "nowhere", "+a"), 1, "There is no conversation nowhere."),
        (("list", "--tag", "none"), 1, "No conversation has the tag #none. `sterna tags` lists all tags."),
        (("pin",), 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    result = run(*arguments)
    assert (result.code, sentence in result.err) == (code, True)


def test_json_of_labels_has_the_documented_keys(run: Run) -> None:
    row = run("list", "--json").lines()[0]
    assert all(key in run("list", "--help").out for key in row)
    assert {"pinned", "archived", "tags"} <= row.keys()
    for command in ("pin", "tag"):
        assert all(key in run(command, "--help").out for key in ("pinned", "archived", "tags"))
