"""The formats of ``sterna export``, and what is chosen."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from sterna.exporters.formats.html_text import html_of
from sterna.storage import Attachment, LabelChange, Settled, Store, open_account
from tests.cli.conftest import Run

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "export.schema.json").read_text("utf-8"))
PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 30
ATTACK = (
    "<script>alert(1)</script> ![seen](https://example.org/seen.png) <img src=x onerror=alert(1)> [x](javascript:a)"
)


@pytest.fixture(autouse=True)
def history(home: Path) -> None:
    """Two conversations: one with a picture, a tool call and text that would be markup, one with a stopped reply."""
    (home / "data").mkdir(mode=0o700)
    with closing(Store.open(open_account(home / "data"))) as store:
        kept = store.attachment_files.add([PIXEL])
        picture = Attachment(kept.id, "tern.png", "image/png", kept.size)
        store.attachments.add(picture)
        turn = store.live_replies.begin_turn(None, f"Terns: {ATTACK}", model=None, attachments=[picture])
        calls = [{"name": "bash", "arguments": {"command": "ls"}, "result": "a\n</details>", "at": 5}]
        reply = Settled(
            "done", "Look:\n\n```python\nif x: pass\n```", "Hm.", "acme/small", metadata={"tool_calls": calls}
        )
        store.live_replies.settle(turn.reply.id, reply)
        store.conversations.rename(turn.session.id, f"Birds {ATTACK}"[:250])
        store.conversations.set_settings(turn.session.id, {"system_prompt": "Be brief."})
        store.labels.change([turn.session.id], LabelChange(add=("birds",)))
        turn = store.live_replies.begin_turn(None, "And fish?", model=None)
        store.live_replies.settle(turn.reply.id, Settled("stopped", "Fish are", model="acme/small"))


class Page(HTMLParser):
    """Tags and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts = 0
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.addresses += [value or "" for name, value in attrs if name == "src"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_a_page_contains_everything_and_runs_nothing_of_a_message(run: Run, home: Path) -> None:
    target = home / "all.html"
    assert run("export", "--format", "html", "-o", str(target)).code == 0
    text = target.read_text("utf-8")
    page = Page(text)
    assert (page.scripts, page.handlers) == (1, [])
    assert [address.partition(",")[0] for address in page.addresses] == ["data:image/png;base64"]
    assert "&lt;script&gt;alert(1)" in text
    assert 'href="javascript:' not in text
    assert "<details><summary>bash ls</summary>" in text
    assert "a\n&lt;/details&gt;" in text
    assert '<span class="k">if</span>' in text
    assert "default-src 'none'" in text


def test_text_of_a_page_runs_in_its_own_direction_and_addresses_are_links() -> None:
    text = html_of("See https://example.org/a\n\n- مرحبا\n\n| الاسم |\n|---|\n| tern |\n\njavascript:a example.org")
    assert '<p dir="ltr">See <a href="https://example.org/a" rel="noopener noreferrer">' in text
    assert '<ul dir="rtl">\n<li dir="rtl">' in text
    assert '<div class="table" dir="rtl"><table dir="rtl">' in text
    assert text.count("<a ") == 1
    assert html_of("Hi\n\n1. one") == "<p>Hi</p>\n<ol>\n<li>one</li>\n</ol>\n"


def test_fine_tuning_lines_have_the_system_prompt_and_whole_replies(run: Run) -> None:
    fish, birds = (line["messages"] for line in run("export", "--format", "jsonl").lines())
    assert [message["content"] for message in fish] == ["And fish?", "Fish are"]
    assert [message["role"] for message in birds] == ["system", "user", "assistant"]
    assert birds[0]["content"] == "Be brief."
    whole = run("export", "--format", "jsonl", "--only-complete").lines()
    assert [line["messages"] for line in whole] == [birds]
    assert run("export", "--only-complete").code == 2


def test_a_document_has_front_matter_and_quotes_tools(run: Run, home: Path) -> None:
    target = home / "notes.md"
    assert run("export", "--tag", "birds", "--format", "markdown", "-o", str(target)).code == 0
    lines = target.read_text("utf-8").splitlines()
    assert lines[0] == "---"
    assert 'tags: ["birds"]' in lines
    assert 'model: "acme/small"' in lines
    assert "> [!example]- Tool: bash" in lines
    assert "> </details>" in lines


def test_json_follows_its_schema(run: Run) -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    for arguments in ((), ("last",), ("last", "--branches"), ("--tag", "birds"), ("--everything",)):
        for value in (
            run("export", *arguments).lines()
            if arguments and arguments != ("--everything",)
            else [run("export", *arguments).json()]
        ):
            check.validate(value)
    assert not check.is_valid({"id": "x", "schema_version": 1})
    assert not check.is_valid(run("export").json() | {"schema_version": 2})


def test_a_copy_of_the_file_has_all_messages_and_no_account_of_a_server(run: Run, home: Path) -> None:
    with closing(Store.open(open_account(home / "data"))) as store, store.db.write():
        store.db.execute("insert into sync_account (one, origin, user_id) values (1, 'https://sync.example.net', 'u')")
    target = home / "copy.db"
    assert run("export", "--format", "sqlite", "-o", str(target)).code == 0
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("select count(*) from chat_messages").fetchone() == (4,)
        assert copy.execute("select count(*) from sync_account").fetchone() == (0,)
        assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
    assert target.stat().st_mode & 0o077 == 0
    assert b"sync.example.net" not in target.read_bytes()
    assert run("export", "--format", "sqlite", "-o", str(target)).code == 1
    assert run("export", "--format", "sqlite").code == 2
    assert run("export", "last", "--format", "sqlite", "-o", str(home / "other.db")).code == 2


def test_conversations_are_chosen_by_words_and_tags(run: Run, home: Path) -> None:
    def titles(*arguments: str) -> list[str]:
        return sorted(line["title"][:5] for line in run("export", *arguments).lines())

    assert titles("--search", "fish") == ["And f"]
    assert titles("--search", "role:user has:attachment") == ["Birds"]
    assert titles("--tag", "birds") == ["Birds"]
    assert titles("--search", "in:title Birds") == ["Birds"]
    nothing = run("export", "--tag", "birds", "--search", "fish", "-o", str(home / "none.json"))
    assert (nothing.code, "No conversation was found" in nothing.err) == (1, True)
    assert not (home / "none.json").exists()
    assert run("export", "last", "--tag", "birds").code == 2


def test_chatgpts_form_is_read_again_with_its_files(run: Run, home: Path) -> None:
    target = home / "chatgpt.zip"
    assert run("export", "--format", "chatgpt", "-o", str(target)).code == 0
    with zipfile.ZipFile(target) as archive:
        first, second = archive.namelist()
        assert (first.startswith("attachments/file-"), second) == (True, "conversations.json")
        assert archive.read(first) == PIXEL
    run("import", str(target))
    (again,) = run("export", "--search", "from:chatgpt terns").lines()
    assert [item["name"] for item in again["messages"][0]["attachments"]] == ["tern.png"]
    assert again["messages"][1]["tool_calls"][0]["result"] == "a\n</details>"


def test_conversations_of_other_programs_have_files_of_their_own(run: Run, home: Path, tmp_path: Path) -> None:
    """Their ids may begin alike, and may contain what separates folders or starts a new line."""
    ids = ["conversation-1", "conversation-2", "../a/b", "a/b", "two\nlines", "\x1b[2J", ".."]
    with closing(Store.open(open_account(home / "data"))) as store:
        for id_ in ids:
            store.db.execute(
                "insert into chat_sessions (user_id, id, title, created_at, updated_at)"
                " select user_id, ?, 'New Chat', created_at, updated_at from chat_sessions limit 1",
                (id_,),
            )
    target = tmp_path / "documents"
    done = run("export", "--format", "markdown", "-o", str(target))
    assert (done.code, len([*target.glob("*.md")])) == (0, 2 + len(ids)), done.err
    listed = run("list").out
    assert len(listed.splitlines()) == 2 + len(ids)
    assert "\x1b" not in listed
