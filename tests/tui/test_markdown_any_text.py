"""Whatever a model sends can be shown, at any width."""

from __future__ import annotations

import time
import unicodedata

import pytest
from drawn import PLAIN, rows
from hypothesis import given
from hypothesis import strategies as st

from sterna.tui import markdown
from tests.generated import examples

BLOCKS = ["# ", "> ", "- ", "1. ", "```", "```py\n", "~~~", "| a | b |\n|---|--:|\n", "---", "\n", "\n\n", "    ", "\t"]
INLINES = ["**", "*", "`", "[x](", ")", "$", "\\", "](http://e.org)", "![", "<b>", "&#27;", "&lt;"]
ODD = ["\x1b[31m", "\x9b", "\u202e", "日本", "👩‍👩‍👧", "é", "\ud800"]
MARKS = st.sampled_from([*BLOCKS, *INLINES, *ODD])
TEXT = st.lists(st.one_of(MARKS, st.text(max_size=12)), max_size=25).map("".join)
WIDTH = st.integers(10, 120)

HOSTILE = {
    "one line of 10 MB": "word " * 2_000_000,
    "one word of 10 MB": "x" * 10_000_000,
    "ten thousand quotes": ">" * 10_000,
    "ten thousand lists": "- " * 10_000 + "end",
    "lists ever deeper": "".join(f"{'  ' * n}- level {n}\n" for n in range(300)),
    "five thousand columns": "|a" * 5_000 + "|\n" + "|-" * 5_000 + "|\n" + "|x" * 5_000 + "|\n",
    "brackets": "[" * 50_000,
    "stars": "*a " * 20_000,
    "ticks": "`a``b" * 10_000,
    "links": "[a](" * 10_000,
    "ampersands": "&" * 50_000,
    "underscores": "_a_" * 15_000,
    "rows of a table": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 5_000,
    "code of one long line": "```js\n" + "x=1;" * 40_000 + "\n```",
    "zero width": "\u0301" * 50_000,
    "new lines": "\n" * 150_000,
}


def drawable(document: markdown.Document, width: int, limit: int = 10_000) -> list[str]:
    """The rows, after a look at every one of them."""
    shown = []
    for y in range(min(limit, document.height(width))):
        strip = document.strip(width, y, PLAIN)
        assert strip.cell_length == width
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in strip.text), repr(strip.text)
        shown.append(strip.text)
    return shown


@examples(80)
@given(text=TEXT, width=WIDTH)
def test_any_text_can_be_shown_at_any_width(text: str, width: int) -> None:
    document = markdown.render(text)
    for y in range(len(drawable(document, width))):
        assert document.row_of(width, document.position(width, y)) == y


@examples(40)
@given(text=TEXT, width=WIDTH, cut=st.integers(1, 40))
def test_any_text_can_be_shown_while_it_arrives(text: str, width: int, cut: int) -> None:
    growing = markdown.LiveDocument()
    for end in range(0, len(text), cut):
        drawable(markdown.Document(growing.update(text[:end])), width)


@examples(40)
@given(text=TEXT, width=WIDTH)
def test_plain_text_can_be_shown_at_any_width(text: str, width: int) -> None:
    drawable(markdown.plain(text), width)


@examples(40)
@given(words=st.lists(st.text("abcdeé日", min_size=1, max_size=30), min_size=1, max_size=40), width=WIDTH)
def test_no_word_of_a_paragraph_is_hidden(words: list[str], width: int) -> None:
    shown = "".join(row.replace(" ", "") for row in drawable(markdown.render(" ".join(words)), width))
    assert shown == "".join(words)


@examples(40)
@given(lines=st.lists(st.text("ab c(é日", max_size=60), min_size=1, max_size=10), width=WIDTH)
def test_no_character_of_code_is_hidden(lines: list[str], width: int) -> None:
    code = "\n".join(line.rstrip() or "x" for line in lines)
    document = markdown.render(f"```\n{code}\n```")
    shown = "".join(row for row in drawable(document, width))
    assert shown.replace(" ", "") == code.replace(" ", "").replace("\n", "")
    assert document.text == code


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_neither_hangs_nor_is_lost(name: str) -> None:
    began = time.process_time()
    document = markdown.render(HOSTILE[name])
    drawable(document, 80, limit=100)
    if height := document.height(80):
        document.position(80, height - 1)
    growing = markdown.LiveDocument()
    drawable(markdown.Document(growing.update(HOSTILE[name])), 40, limit=100)
    assert time.process_time() - began < 10


def test_nesting_too_deep_for_the_parser_is_shown_as_it_was_written() -> None:
    assert "end" in "".join(rows(markdown.render("- " * 200 + "end"), 60))
    assert "level 250" in "\n".join(rows(markdown.render(HOSTILE["lists ever deeper"]), 600))


def test_a_table_of_thousands_of_columns_is_shown_as_it_was_written() -> None:
    assert rows(markdown.render(HOSTILE["five thousand columns"]), 60)[0].startswith("|a|a|a")
