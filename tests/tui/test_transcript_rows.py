"""Rows of a message are drawn once, and drawn again when anything that they show changes."""

from __future__ import annotations

from collections.abc import Callable

from textual.strip import Strip

from sterna.tui.markdown import Block, blocks
from sterna.tui.transcript.row_cache import LARGEST, RowCache


class Pen:
    """Draws rows and counts them."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def __call__(self, text: str) -> Callable[[], Strip]:
        def draw() -> Strip:
            self.drawn.append(text)
            return Strip.blank(len(text))

        return draw


def one_block(text: str) -> Block:
    return blocks(text)[0]


def test_a_block_that_did_not_change_is_drawn_once_wherever_it_moves() -> None:
    cache, pen, block = RowCache(), Pen(), one_block("text")
    first = cache.strip("state", block, 0, 3, pen("a"))
    assert cache.strip("state", block, 0, 3, pen("again")) is first
    assert pen.drawn == ["a"]


def test_a_row_whose_text_begins_on_another_line_is_drawn_again() -> None:
    cache, pen, block = RowCache(), Pen(), one_block("text")
    for line in (3, 4, 4):
        cache.strip("state", block, 0, line, pen(f"line {line}"))
    assert pen.drawn == ["line 3", "line 4"]


def test_another_width_theme_or_selection_draws_everything_again() -> None:
    cache, pen, block = RowCache(), Pen(), one_block("text")
    for state in ("narrow", "wide", "wide", "narrow"):
        cache.strip(state, block, 0, 0, pen(state))
    assert pen.drawn == ["narrow", "wide", "narrow"]


def test_another_block_is_never_taken_for_one_that_is_gone() -> None:
    cache, pen = RowCache(), Pen()
    for number in range(50):
        cache.strip("state", one_block("text"), 0, 0, pen(str(number)))
    assert len(pen.drawn) == 50


def test_its_memory_is_bounded() -> None:
    cache, pen, block = RowCache(), Pen(), one_block("text")
    for row in range(3 * LARGEST):
        cache.strip("state", block, row, 0, pen(""))
    assert len(cache) <= LARGEST + 1
