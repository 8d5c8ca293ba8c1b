"""``sterna list``, ``show``, ``search`` and ``export``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sterna.storage import Settled, Store, open_account
from tests.cli.conftest import Run


@pytest.fixture
def store(home: Path) -> Store:
    """Create a history of three conversations; the second has the newest message."""
    (home / "data").mkdir(mode=0o700)
    store = Store.open(open_account(home / "data"))
    for prompt, reply in (("What is a tern?", "A seabird."), ("Count to three", "1 2 3"), ("Sing", "La la")):
        begun = store.live_replies.begin_turn(None, prompt, model="test/model")
        store.live_replies.settle(begun.reply.id, Settled("done", reply, "thinking of it", model="test/model"))
    second = store.conversations.page(1, 1)[0].id
    begun = store.live_replies.begin_turn(second, "And to four", model="test/model")
    store.live_replies.settle(
        begun.reply.id, Settled("failed", "1 2", model="test/model", error_message="The line broke.")
    )
    return store


@pytest.fixture(autouse=True)
def _closed(store: Store) -> None:
    store.close()


def test_the_list_is_newest_first_and_names_each(run: Run) -> None:
    lines = run("list").out.splitlines()
    assert [line[28:] for line in lines] == ["Count to three", "Sing", "What is a tern?"]
    assert all(re.match(r"[0-9a-z]{8}  \d{4}-\d\d-\d\d \d\d:\d\d  ", line) for line in lines)
    assert [row["title"] for row in run("list", "--json", "-n", "2").lines()] == ["Count to three", "Sing"]
    assert [row["title"] for row in run("list", "--json", "TERN").lines()] == ["What is a tern?"]


def test_json_lines_have_the_documented_keys(run: Run) -> None:
    row = run("list", "--json").lines()[0]
    assert set(row) == {
        "id",
        "name",
        "title",
        "at",
        "model",
        "preview",
        "live",
        "waiting",
        "unread",
        "failed",
        "pinned",
        "archived",
        "origin",
        "tags",
    }
    assert (row["failed"], row["live"], row["unread"]) == (True, False, True)
    hit = run("search", "--json", "seabird").lines()[0]
    assert set(hit) == {"session_id", "title", "message_id", "role", "at", "snippet", "attachment", "why", "similarity"}
    for command, keys in (("list", row), ("search", hit), ("show", run("show", "--json").json())):
        help_text = run(command, "--help").out
        assert all(key in help_text for key in keys)


def test_a_conversation_whose_message_waits_is_listed_by_that_message(run: Run, home: Path) -> None:
    store = Store.open(open_account(home / "data"))
    begun = store.live_replies.begin_turn(None, "Where to?", model="test/model")
    store.waiting_prompts.wait(begun.reply.id, "Waiting for test.")
    store.close()
    assert run("list").out.splitlines()[0].endswith("  Where to?  (waiting)")


def test_a_list_longer_than_a_page_is_whole_in_a_pipe(run: Run, home: Path) -> None:
    store = Store.open(open_account(home / "data"))
    with store.db.write():
        for number in range(450):
            store.conversations.create(f"number {number}")
    store.close()
    rows = run("list", "--json").lines()
    assert len({row["id"] for row in rows}) == len(rows) == 453


def test_a_conversation_is_shown_from_first_to_last_with_what_went_wrong(run: Run) -> None:
    out = run("show").out
    places = [out.index(text) for text in ("Count to three", "1 2 3", "And to four", "(The line broke.)")]
    assert places == sorted(places)
    assert "thinking" not in out
    assert "> thinking of it" in run("show", "--reasoning").out


def test_a_conversation_is_found_by_any_of_its_names(run: Run) -> None:
    row = run("list", "--json").lines()[2]
    for name in (row["id"], row["name"], row["name"][:5], row["id"][:-2]):
        assert run("show", name).out.startswith("# What is a tern?"), name
    ambiguous = run("show", "conv_")
    assert (ambiguous.code, ambiguous.out) == (1, "")
    assert "Several conversations begin with conv_" in ambiguous.err
    assert "There is no conversation" in run("show", "%").err
    assert run("show", "").code == 1


@pytest.mark.parametrize("command", ["show", "attachments", "pin"])
def test_a_name_of_bytes_that_are_no_text_is_not_found(run: Run, command: str) -> None:
    result = run(command, "\udcff")
    assert result.code == 1
    assert "There is no conversation \ufffd." in result.err


def test_a_search_finds_titles_and_words_as_they_are_typed(run: Run) -> None:
    out = run("search", "seab").out
    assert "What is a tern?" in out
    assert "A seabird." in out
    assert (run("search", "albatross").code, run("search", "albatross").out) == (1, "")
    session_id = run("list", "--json").lines()[0]["id"]
    assert run("search", "-c", session_id, "seabird").code == 1
    assert run("search", '"(AND* NEAR').code in (0, 1)
    assert "A seabird." in run("search", "seabird", "-gull", "-n", "5").out
    assert run("search", "seabird", "-climate").code == 0
    for excluded in ("-seabird", "-role:assistant"):
        assert "A seabird." not in run("search", "seabird", excluded).out


def test_a_reply_that_is_arriving_in_another_process_is_shown(run: Run, home: Path) -> None:
    other = Store.open(open_account(home / "data"))
    begun = other.live_replies.begin_turn(None, "Wait for it", model="test/model")
    other.live_replies.save(begun.reply.id, "so far", "")
    assert "so far" in run("show", begun.session.id).out
    assert run("show", begun.session.id, "--json").json()["live"] == [
        {"id": begun.reply.id, "model": "test/model", "content": "so far"}
    ]
    assert other.arriving_replies.of(begun.session.id)
    other.live_replies.settle(begun.reply.id, Settled("done", "so far and no further"))
    other.close()


def test_everything_leaves_as_one_json_object(run: Run, home: Path) -> None:
    whole = run("export").json()
    titles = [item["session"]["title"] for item in whole["conversations"]]
    assert titles == ["What is a tern?", "Count to three", "Sing"]
    assert whole["conversations"][0]["messages"][1]["content"] == "A seabird."
    target = home / "all.json"
    result = run("export", "-o", str(target))
    assert (result.out, "all.json" in result.err) == ("", True)
    assert target.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(target.read_text())["conversations"]) == 3
    again = run("export", "-o", str(target))
    assert (again.code, again.err) == (
        1,
        f"sterna: {target} already exists. Choose another file, or use --force to replace it.\n",
    )


def test_an_export_replaces_a_file_when_it_is_told_to(run: Run, home: Path) -> None:
    target, link = home / "all.json", home / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    assert run("export", "-o", str(link), "--force").code == 0
    assert link.is_symlink()
    assert len(json.loads(target.read_text())["conversations"]) == 3
    assert target.stat().st_mode & 0o777 == 0o600
    folder = home / "notes"
    folder.mkdir()
    (folder / "mine.md").write_text("mine")
    refused = run("export", "--format", "markdown", "-o", str(folder))
    assert (refused.code, "use --force to write into it" in refused.err) == (1, True)
    for _ in range(2):
        assert run("export", "--format", "markdown", "-o", str(folder), "--force").code == 0
        assert len(list(folder.iterdir())) == 4
    assert (folder / "mine.md").read_text() == "mine"
    assert (run("export", "-o", str(home), "--force").code, run("export", "--force").code) == (1, 2)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("form", ["json", "markdown"])
@pytest.mark.parametrize("force", [False, True])
def test_an_export_that_fails_leaves_nothing_half_done(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, form: str, force: bool
) -> None:
    def fails(*_: object) -> str:
        raise failure

    target = home / "out"
    if force and form == "json":
        target.write_text("old")

    broken = (
        "sterna.exporters.formats.json_lines.json_line"
        if form == "json"
        else "sterna.storage.conversations.documents.local_time"
    )
    monkeypatch.setattr(broken, fails)
    names = ["last"] if form == "json" else []
    result = run("export", *names, "--format", form, "-o", str(target), *(["--force"] if force else []))
    assert result.code != 0
    assert "Written" not in result.err
    if isinstance(failure, OSError):
        assert f"{target} cannot be written (No space left on device). Nothing was exported." in result.err
    assert {path for path in home.rglob("*") if path.suffix == ".part"} == set()
    assert target.exists() == (force and form == "json")
    assert not target.exists() or target.read_text() == "old"


def test_an_export_goes_to_what_is_not_a_file_too(run: Run, home: Path) -> None:
    assert run("export", "-o", "/dev/stdout").json()["conversations"]
    assert run("export", "-o", "/dev/null").code == 0
    full = run("export", "-o", "/dev/full")
    assert (full.code, "/dev/full cannot be written (No space left on device)" in full.err) == (1, True)
    folder = run("export", "-o", str(home))
    assert (folder.code, "already exists" in folder.err) == (1, True)


def test_some_conversations_leave_as_json_lines(run: Run) -> None:
    names = [row["name"] for row in run("list", "--json").lines()]
    assert [item["name"] for item in run("export", *names[:2]).lines()] == names[:2]


def test_everything_leaves_as_markdown_files(run: Run, home: Path) -> None:
    folder = home / "notes"
    assert run("export", "--format", "markdown", "-o", str(folder)).code == 0
    files = sorted(folder.iterdir(), key=lambda path: path.name.split("-", 3)[3])
    assert [path.name[11:-12] for path in files] == ["Count-to-three", "Sing", "What-is-a-tern"]
    assert "A seabird." in files[2].read_text()
    assert run("export", "--format", "markdown", "-o", str(folder)).code == 1
    assert run("export", "--format", "markdown", "last").out == files[0].read_text()


def test_the_profile_says_who_and_how_much(run: Run) -> None:
    output = run("profile").out
    assert "Local account, tier free" in output
    assert re.search(r"today: [1-9]\d* sent, [1-9]\d* received", output)
    assert "all time: 3 conversations," in output
    report = run("profile", "--json").json()
    assert set(report) == {"profile", "stats", "today", "days", "activity", "models"}
    assert (report["stats"]["total_conversations"], report["today"]["messages_sent"]) == (3, 4)
    assert all(key in run("profile", "--help").out for key in report)


def test_a_conversation_without_a_title_is_called_new(run: Run, home: Path) -> None:
    store = Store.open(open_account(home / "data"))
    store.conversations.create()
    store.conversations.create("New Chat")
    store.close()
    lines = run("list").out.splitlines()
    assert any(line.endswith("  New conversation") for line in lines)
    assert any(line.endswith("  New Chat") for line in lines)


def test_tool_calls_stand_at_their_place_and_whole_where_reasoning_does(run: Run, home: Path) -> None:
    call = {"name": "shell", "arguments": {"command": "ls\n-la"}, "result": "a\x1b[31m\nb", "is_error": True, "at": 7}
    store = Store.open(open_account(home / "data"))
    begun = store.live_replies.begin_turn(None, "Look", model="test/model")
    store.live_replies.settle(begun.reply.id, Settled("done", "I look.\n\nNothing.", metadata={"tool_calls": [call]}))
    store.close()
    shown = run("show", "last").out
    assert "I look.\n[shell: failed] ls -la\nNothing.\n" in shown
    assert "> a" not in shown
    whole = run("show", "last", "--reasoning").out
    assert "> command: ls\n> -la\n" in whole
    assert re.search("> a.*\n> b\n", whole)
    assert run("show", "last", "--json").json()["messages"][-1]["tool_calls"] == [call]
