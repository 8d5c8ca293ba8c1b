"""Faults of Textual that would end the program, each in its smallest case."""

from __future__ import annotations

import asyncio

from home import until
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from sterna.tui.markdown import Document, DocumentView, plain, render
from sterna.tui.terminal import textual_fixes as textual_fixes


class Question(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Label("?")


class Stage(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("under the mouse", id="under", markup=False)


async def test_a_dialog_that_is_answered_twice_closes_once_and_gives_its_first_answer() -> None:
    app, answers = Stage(), []
    async with app.run_test() as pilot:
        below, above = Question(), Question()
        await app.push_screen(below, answers.append)
        await app.push_screen(above, answers.append)
        above.dismiss("yes")
        above.dismiss("no")
        await pilot.pause()
        assert app.screen is below
        assert answers == ["yes"]


async def test_a_click_on_what_is_being_removed_does_nothing() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        under = app.query_one("#under")
        assert app.screen.get_widget_and_offset_at(1, 0)[0] is under
        parent, under._parent = under._parent, None
        assert app.screen.get_widget_and_offset_at(1, 0) == (None, None)
        under._parent = parent
        await pilot.pause()


class Box(Vertical):
    """Something that looks for its parts without end."""

    def compose(self) -> ComposeResult:
        yield Static("a part", id="part", markup=False)

    async def look(self) -> None:
        while True:
            self.query_one("#part")
            await asyncio.sleep(0)


async def test_what_a_widget_wanted_to_do_later_is_not_done_once_it_is_being_removed() -> None:
    app, done = Stage(), []
    async with app.run_test() as pilot:
        box = Box()
        await app.mount(box)
        box.call_after_refresh(lambda: done.append("there"))
        await until(pilot, lambda: done == ["there"])
        removing = box.remove()
        box.call_after_refresh(lambda: done.append("gone"))
        await removing
        await pilot.pause()
        assert done == ["there"]


async def test_the_work_of_a_widget_ends_before_its_parts_are_removed() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        box = Box()
        await app.mount(box)
        worker = box.run_worker(box.look())
        await pilot.pause()
        await box.remove()
        assert worker.is_cancelled


def test_a_row_behind_the_end_of_a_document_is_its_last() -> None:
    for document in (render("a\n\n```py\ncode\n```"), plain("one\ntwo"), render("- a\n- b")):
        last = document.height(40) - 1
        assert document.position(40, last + 7) == document.position(40, last)
    assert isinstance(DocumentView(plain("")).document, Document)
