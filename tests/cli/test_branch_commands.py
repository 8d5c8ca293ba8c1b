"""``sterna edit`` and ``fork``, and branches in ``show`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Server

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture
def asked(run: Run) -> list[dict[str, Any]]:
    """Two prompts with replies; their messages."""
    run("ask", "first")
    run("ask", "-c", "last", "second")
    messages: list[dict[str, Any]] = shown(run)
    return messages


def shown(run: Run, *options: str) -> Any:
    return run("show", "--json", *options).json()["messages"]


def prompts(run: Run, *options: str) -> list[str]:
    return [message["content"] for message in shown(run, *options) if message["role"] == "user"]


def test_an_edited_message_is_sent_again_and_the_old_one_stays(run: Run, asked: list[dict[str, Any]]) -> None:
    result = run("edit", "last", "third")
    assert (result.code, result.err) == (0, "")
    assert result.out.strip()
    assert prompts(run) == ["first", "third"]
    branches = run("show", "--branches", "--json").lines()
    assert [(branch["branch"], branch["shown"]) for branch in branches] == [(1, True), (2, False)]
    assert branches[1]["message_id"] == asked[-1]["id"]
    assert prompts(run, "--branch", "2") == ["first", "second"]
    assert [line[0] for line in run("show", "--branches").out.splitlines()] == ["*", " "]
    assert "third" not in run("show", "--branch", "2").out
    missing = run("show", "--branch", "3")
    assert (missing.code, missing.err) == (
        1,
        "sterna: This conversation has 2 branches. See: sterna show --branches\n",
    )


def test_any_message_of_ones_own_can_be_edited_and_undo_shows_the_old_one(
    run: Run, asked: list[dict[str, Any]]
) -> None:
    result = run("edit", "last", "--message", asked[0]["id"], "--json", stdin=b"other\n").json()
    assert (result["finish"], bool(result["content"])) == ("done", True)
    assert prompts(run) == ["other"]
    run("undo")
    assert prompts(run) == ["first", "second"]


def test_an_edited_message_takes_further_files_or_none(run: Run, server: Server, tmp_path: Path) -> None:
    for name in ("terns.txt", "gulls.txt"):
        (tmp_path / name).write_text(f"about {name}")
    run("ask", "-a", str(tmp_path / "terns.txt"), "What is this?")
    run("edit", "last", "-a", str(tmp_path / "gulls.txt"), "Compare")
    run("edit", "last", "--no-attachments", "Nothing")
    sent = [request["messages"][-1]["content"] for request in server.fake.requests]
    named = [[name for name in ("terns.txt", "gulls.txt") if name in str(content)] for content in sent]
    assert named == [["terns.txt"], ["terns.txt", "gulls.txt"], []]
    assert run("edit", "last", "-a", "-", "text").code == 2


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (1, "Only your own messages can be edited and sent again."),
        (None, "That message is not here any more."),
    ],
)
def test_what_cannot_be_edited_is_said(run: Run, asked: list[dict[str, Any]], which: int | None, words: str) -> None:
    name = "none" if which is None else asked[which]["id"]
    result = run("edit", "last", "--message", name, "text")
    assert (result.code, result.err) == (1, f"sterna: {words}\n")
    assert run("edit", "last", " ").code == 2
    assert shown(run) == asked


def test_a_fork_has_the_messages_up_to_one(run: Run, asked: list[dict[str, Any]]) -> None:
    made = run("fork", "last", "--message", asked[1]["id"], "--json").json()
    assert (made["title"], made["messages"]) == ("first (fork)", 2)
    assert [m["content"] for m in run("show", made["id"], "--json").json()["messages"]] == [
        message["content"] for message in asked[:2]
    ]
    assert run("fork", made["id"]).out.endswith(": first (fork) (fork)\n")
    assert len(run("list", "--json").lines()) == 3
    assert run("undo").out == "Removed the fork of first (fork)\n"
    assert run("undo").out == "Removed the fork of first\n"
    assert len(run("list", "--json").lines()) == 1


def test_an_export_has_the_shown_branch_and_all_where_that_is_wanted(run: Run) -> None:
    run("ask", "first")
    run("ask", "-c", "last", "second")
    run("edit", "last", "third")
    markdown = run("export", "last", "--format", "markdown").out
    assert ("second" in markdown, "third" in markdown) == (False, True)
    whole = run("export", "last", "--format", "markdown", "--branches").out
    assert whole.startswith(markdown.rstrip("\n"))
    assert "*Another branch, after “" in whole
    assert whole.count("second") == 2  # the prompt, and the reply that repeats it
    by_id = {message["id"]: message for message in run("export", "last", "--branches").json()["messages"]}
    assert len(by_id) == 6
    assert [m["content"] for m in run("export", "last").json()["messages"] if m["role"] == "user"] == ["first", "third"]
    (edited,) = [message for message in by_id.values() if message["content"] == "third"]
    assert by_id[edited["parent_id"]]["role"] == "assistant"
