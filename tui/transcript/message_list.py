"""Scrolling column of messages that keeps its position.

Whatever changes above the first row on the screen (a page of older messages, a reply that grows, a window that gets
narrower), that row stays where it is. This is done in the layout itself, before the first frame with the new positions
is drawn: correcting ``scroll_y`` afterwards shows one frame out of place. While ``follow`` is set the end stays in view
instead.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.layout import DockArrangeResult, WidgetPlacement
from textual.message import Message as Event
from textual.reactive import var
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from ..markdown import Position
from .message_view import MessageView

TOP = Position(0, 0, 0, 0)
"""First row of a message."""


class Pin(NamedTuple):
    """Row that stays at the top of the screen."""

    view: MessageView
    position: Position
    delta: int
    """Rows between the position and the top."""


class MessageList(VerticalScroll, can_focus=False):
    """Messages, oldest first."""

    BLANK = True  # only what lies on it is seen
    BINDINGS = []

    follow: var[bool] = var(True)
    """Keep the end in view."""
    complete: var[bool] = var(True)
    """True when the end of the column is the end of the conversation, so that there is an end to follow."""

    @dataclass
    class Scrolled(Event):
        """The user scrolled, or a layout moved the column."""

        def can_replace(self, message: Event) -> bool:
            return isinstance(message, MessageList.Scrolled)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tops: list[tuple[int, int, int, MessageView]] = []
        self._pin: Pin | None = None
        self._arranged = False

    def on_screen(self) -> list[MessageView]:
        """Return the messages of which a row is on the screen."""
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        return [view for y, height, _, view in self._tops if y < bottom and y + height > top]

    def span(self, view: MessageView) -> tuple[int, int] | None:
        """Return the first row of ``view`` and the row after its last, counted from the top of the column."""
        return next(((y, y + height) for y, height, _, other in self._tops if other is view), None)

    def pin(self, view: MessageView, position: Position, delta: int = 0) -> None:
        """Put ``position`` of ``view`` so many rows above the top at the next layout (a negative delta: below)."""
        self.follow = False
        self._pin = Pin(view, position, delta)

    def pin_here(self) -> None:
        """Keep the top row where it is at the next layout, even if the end goes out of view."""
        self._remember(self.scroll_offset.y)
        self.follow = False

    def keep(self, views: Collection[MessageView]) -> None:
        """Keep the top row where it is although only these messages stay, as far as one of them can hold it."""
        if self._pin is None or self._pin.view in views:
            return
        top = self.scroll_offset.y
        staying = [(y, view) for y, _, _, view in self._tops if view in views]
        above = [(y, view) for y, view in staying if y <= top]
        if staying:
            y, view = above[-1] if above else staying[0]
            self._pin = Pin(view, TOP, top - y)

    @property
    def pinned(self) -> Pin | None:
        """Row at the top of the screen, to come back to."""
        return self._pin

    def jump(self, y: int) -> None:
        """Scroll row ``y`` of the column to the top, as far as there is one."""
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def to_end(self) -> None:
        """Scroll to the end and follow it."""
        self.follow = True
        self.jump(self.max_scroll_y)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.follow = self.complete and new_value >= self.max_scroll_y
        self._remember(round(new_value))
        self.post_message(self.Scrolled())

    def process_layout(self, placements: list[WidgetPlacement]) -> list[WidgetPlacement]:
        self._tops = [
            (placement.region.y, placement.region.height, placement.region.width, placement.widget)
            for placement in placements
            if isinstance(placement.widget, MessageView)
        ]
        self._arranged = True
        return placements

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        result = super().arrange(size, optimal)
        if self._arranged and not optimal:
            self._arranged = False
            self._keep_position(size.height, result.spatial_map.total_region.bottom)
        return result

    def _keep_position(self, height: int, bottom: int) -> None:
        last = max(0, bottom - height)
        if self.follow:
            y = last
        elif (row := self._pinned_row()) is not None:
            y = min(max(0, row), last)
            self.follow = self.complete and y >= last
        else:
            return
        if y != self.scroll_y:
            # Not by scroll_to: that would draw, and tell watchers that the user scrolled.
            self.set_reactive(Widget.scroll_y, float(y))
            self.set_reactive(Widget.scroll_target_y, float(y))
            self.vertical_scrollbar.set_reactive(ScrollBar.position, float(y))
            self.post_message(self.Scrolled())

    def _pinned_row(self) -> int | None:
        if self._pin is None:
            return None
        for y, _, width, view in self._tops:
            if view is self._pin.view:
                return y + view.row_of(self._pin.position, width) + self._pin.delta
        return None

    def _remember(self, top: int) -> None:
        for y, height, width, view in self._tops:
            if y + height > top or view is self._tops[-1][3]:
                row = min(max(0, top - y), max(0, height - 1))
                self._pin = Pin(view, view.position(row, width), top - y - row)
                return
