"""Blocks of code as things: selected by key and mouse, copied, saved, opened in an editor."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from home import SIZE, Home, frame, says, shown, until, write
from test_typeahead import in_conversation
from transcript_screen import Reading, reading

from sterna.tui.dialogs.save_file import SaveFile, suggested_name
from sterna.tui.markdown import blocks
from sterna.tui.markdown.code import ADDED, REMOVED
from sterna.tui.markdown.styles import CODE_FILL
from sterna.tui.transcript import Transcript

CODE = "First:\n\n```py\none = 1\n```\n\nthen\n\n```sh\ntwo\n```\n"


def selected(person: Reading) -> str:
    """The label of the selected block, as it stands on the screen."""
    return next((" ".join(row.split()) for row in person.rows if "▎" in row and "copy" in row), "")


async def test_brackets_go_from_block_to_block_through_messages_that_are_not_loaded(tmp_path: Path) -> None:
    pairs = [(f"q {n}", "text") for n in range(60)]
    pairs[2] = ("q 2", CODE)
    pairs[58] = ("q 58", "```rust\nthree\n```")
    async with reading(tmp_path) as person:
        await person.show((await person.talk(pairs)).id)
        person.transcript.focus()
        await person.press("[")
        assert selected(person) == "▌ ▎rust y copy s save E edit"
        await person.press("[")
        assert "▎sh" in selected(person)
        assert "two" in person.screen
        await person.press("[")
        assert "▎py" in selected(person)
        await person.press("[")
        await person.until(lambda: any("No more" in note.message for note in person.app._notifications))
        await person.press("]", "]")
        assert "▎rust" in selected(person)
        await person.press("k")
        assert selected(person) == ""


async def test_copying_takes_the_selected_block(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk([("q", CODE)])).id)
        person.transcript.focus()
        await person.press("[", "c")
        assert person.app.clipboard == "two"
        await person.press("[", "y")
        assert person.app.clipboard == "one = 1"
        await person.press("y")
        assert person.app.clipboard == "two"
        assert "▎sh" in selected(person)


async def test_a_click_selects_a_block_and_the_words_of_its_label_are_buttons(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show((await person.talk([("q", CODE)])).id)

        def at(text: str, word: str) -> tuple[int, int]:
            row = next(y for y, line in enumerate(person.rows) if text in line and word in line)
            return person.rows[row].rindex(word), row

        await person.pilot.click(offset=at("sh ", "copy"))
        await person.settled()
        assert person.app.clipboard == "two"
        await person.pilot.click(offset=at("one = 1", "one"))
        await person.settled()
        assert "▎py" in selected(person)
        await person.pilot.click(offset=at("py ", "save"))
        await person.settled()
        await person.until(lambda: person.posted_events(Transcript.CodeRequested))
        event = person.posted_events(Transcript.CodeRequested)[0]
        assert isinstance(event, Transcript.CodeRequested)
        assert (event.action, event.code, event.language) == ("save", "one = 1", "py")


async def test_the_label_leaves_out_what_does_not_fit(tmp_path: Path) -> None:
    async with reading(tmp_path, (30, 14)) as person:
        await person.show((await person.talk([("q", "```a-language-of-a-long-name\nx\n```")])).id)
        assert "a-language-of-a-long-name" in re.sub(r"…", "", person.screen) or "a-language" in person.screen
        person.transcript.focus()
        await person.press("[")
        assert all(len(row) <= 30 for row in person.rows)


async def test_wrapped_code_keeps_its_indentation_beside_the_bar(tmp_path: Path) -> None:
    async with reading(tmp_path, (40, 14)) as person:
        await person.show((await person.talk([("q", "```py\nif x:\n    value = " + "word " * 12 + "\n```")])).id)
        person.transcript.focus()
        await person.press("[")
        rows = [row for row in person.rows if "word" in row]
        assert len(rows) > 1
        assert all(re.match(r". ▎ {4}\S", row) for row in rows), rows


async def test_a_block_is_saved_where_one_says_and_nothing_is_replaced_unasked(home: Home) -> None:
    home.seed(("q", "```py\n# tool.py\nx = 1\n```"))
    folder = home.folder / "out"
    folder.mkdir()
    (folder / "tool.py").write_text("mine", "utf-8")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x", "c", "s")
        await until(pilot, lambda: isinstance(app.screen, SaveFile))
        await shown(pilot, app, "tool.py")
        field = app.screen.query_one("Field")
        setattr(field, "value", str(folder / "tool.py"))  # noqa: B010
        await pilot.press("enter")
        await shown(pilot, app, "Press enter again to replace it")
        assert (folder / "tool.py").read_text("utf-8") == "mine"
        setattr(field, "value", str(folder / "missing" / "tool.py"))  # noqa: B010
        await pilot.press("enter")
        await shown(pilot, app, "There is no folder")
        setattr(field, "value", str(folder / "tool.py"))  # noqa: B010
        await pilot.press("enter")
        await shown(pilot, app, "Press enter again")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        assert (folder / "tool.py").read_text("utf-8") == "# tool.py\nx = 1\n"


@pytest.mark.parametrize(
    ("code", "language", "name"),
    [
        ("x", "python", "code.py"),
        ("x", "rust", "code.rs"),
        ("x", "", "code.txt"),
        ("x", "no such language", "code.txt"),
        ("// src/main.rs\nfn main() {}", "rust", "main.rs"),
        ("# ../../etc/passwd.txt\n", "sh", "passwd.txt"),
        ("# about e.g. this", "py", "code.py"),
    ],
)
def test_the_suggested_name_is_the_one_in_the_code_or_one_for_its_language(code: str, language: str, name: str) -> None:
    assert suggested_name(code, language) == name


async def test_code_that_was_changed_in_the_editor_can_be_saved(home: Home) -> None:
    home.seed(("q", "```py\nx = 1\n```"))
    editor = home.folder / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "y = 2\\n" > "$1"\n', "utf-8")
    editor.chmod(editor.stat().st_mode | stat.S_IEXEC)
    home.environ.update(EDITOR=str(editor), PATH="/usr/bin:/bin")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x", "c", "E")
        await until(pilot, lambda: isinstance(app.screen, SaveFile))
        setattr(app.screen.query_one("Field"), "value", str(home.folder / "new.py"))  # noqa: B010
        await pilot.press("enter")
        await until(pilot, lambda: (home.folder / "new.py").exists() and app.screen is app.main)
        assert (home.folder / "new.py").read_text("utf-8") == "y = 2\n"


async def test_alt_c_copies_the_last_reply_from_the_prompt(home: Home) -> None:
    home.seed(("q", "The **last** reply."))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "half a prompt")
        await pilot.press("alt+c")
        await until(pilot, lambda: app.clipboard == "The **last** reply.")
        await says(pilot, app, "Copied the last reply")
        assert app.main.prompt.has_focus
        assert app.main.prompt.text == "half a prompt"
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.main.conversation.id is None)
        await pilot.press("ctrl+x", "y")
        await says(pilot, app, "No command on ctrl+x y")


async def test_alt_k_and_alt_j_go_from_message_to_message_while_one_writes(home: Home) -> None:
    home.seed(("the question", "\n\n".join(f"line {n}" for n in range(60))))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await shown(pilot, app, "line 59")
        await pilot.press("alt+k")
        await shown(pilot, app, "line 0")
        await pilot.press("alt+k")
        await shown(pilot, app, "the question")
        await pilot.press("alt+j", "alt+j")
        await shown(pilot, app, "line 59")
        assert app.main.prompt.has_focus
        assert "newest" not in frame(app)


@pytest.mark.parametrize("fence", ["diff", "patch", ""])
def test_a_diff_shows_what_was_added_and_removed(fence: str) -> None:
    code = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same"
    block = blocks(f"```{fence}\n{code}\n```")[0]
    fills = [block.row(60, index).fill for index in range(block.height(60))][-6:]
    assert fills == [CODE_FILL, CODE_FILL, CODE_FILL, REMOVED, ADDED, CODE_FILL]


def test_code_that_begins_with_signs_is_no_diff() -> None:
    block = blocks("```py\n-1\n+1\n```")[0]
    assert {block.row(60, index).fill for index in range(3)} == {CODE_FILL}
