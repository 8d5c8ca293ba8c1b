"""A widget that is as high as its content stays so, whenever its content changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from home import until
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from sterna.storage import LiveReply
from sterna.tui.main.welcome import Providers, Welcome
from sterna.tui.markdown import DocumentView, plain
from sterna.tui.prompt import Prompt
from sterna.tui.transcript import MessageOptions
from sterna.tui.transcript.message_view import MessageView

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
LIVE = LiveReply("msg_1", "conv_1", "msg_0", "test/small", "2026-03-14T12:00:00.000Z", "", "", True)
LINES = "one\n\ntwo\n\nthree"


@dataclass
class Kind:
    """A widget, a change of its content, and the rows that it must have afterwards."""

    make: Callable[[], Widget]
    change: Callable[[Any], object]
    rows: int


KINDS = {
    "reply": Kind(lambda: MessageView(LIVE, MessageOptions(), NOW), lambda view: view.show_live(LINES, ""), 6),
    "document": Kind(lambda: DocumentView(plain("")), lambda view: setattr(view, "document", plain(LINES)), 5),
    "static": Kind(lambda: Static("", markup=False), lambda view: view.update(Content(LINES)), 5),
    "prompt": Kind(Prompt, lambda view: view.put(LINES), 5),
    "welcome": Kind(Welcome, lambda view: setattr(view, "providers", Providers("test/small")), 4),
}


class Stage(App[None]):
    """An empty column in which widgets are put."""

    CSS = "Prompt, Welcome, Static { height: auto; border: none; padding: 0; }"

    def compose(self) -> ComposeResult:
        yield VerticalScroll()

    def lay_out(self) -> None:
        """Make a layout pass now, as one that another widget asked for would come."""
        self.screen._refresh_layout()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_content_that_changes_after_a_layout_and_before_the_mount_is_shown_whole(kind: Kind) -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        widget = kind.make()
        mounted = app.query_one(VerticalScroll).mount(widget)
        app.lay_out()
        kind.change(widget)
        await mounted
        await until(pilot, lambda: widget.size.height == kind.rows)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_content_that_changes_after_a_layout_and_before_the_first_idle_is_shown_whole(kind: Kind) -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        widget = kind.make()

        def on_mount(self: Widget) -> None:
            self.call_later(grow)  # comes once it is mounted, before it can be idle

        def grow() -> None:
            app.lay_out()
            kind.change(widget)

        widget.__class__ = type("Early", (type(widget),), {"on_mount": on_mount})
        await app.query_one(VerticalScroll).mount(widget)
        await until(pilot, lambda: widget.size.height == kind.rows)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_content_that_changes_twice_with_a_layout_between_is_shown_whole(kind: Kind) -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        widget = kind.make()
        await app.query_one(VerticalScroll).mount(widget)
        await pilot.pause()
        widget.refresh(layout=True)
        mounted = app.query_one(VerticalScroll).mount(Static("another", markup=False))
        app.lay_out()
        kind.change(widget)
        await mounted
        await until(pilot, lambda: widget.size.height == kind.rows)


async def test_the_height_is_compared_at_the_width_of_the_text() -> None:
    app = Stage()
    async with app.run_test(size=(80, 24)) as pilot:
        view = MessageView(LIVE, MessageOptions(), NOW)
        await app.query_one(VerticalScroll).mount(view)
        view.show_live("x" * view.text_width(80), "")
        await until(pilot, lambda: view.size.height == 2)
        view.show_live("x" * 80, "")
        await until(pilot, lambda: view.size.height == 3)
