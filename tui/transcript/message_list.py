"""The scrolling column of messages. It keeps its place.

Whatever changes above the first row on the screen (a page of older messages, a reply that grows, a window that gets
narrower), that row stays where it is. The moment to see to it is the layout itself, before the first frame with the new
positions is drawn: correcting ``scroll_y`` afterwards shows one frame out of place. While ``follow`` is set the end
stays in view instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.layout import DockArrangeResult, WidgetPlacement
from textual.message import Message as Event
from textual.reactive import var
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from ..markdown import Place
from .message_view import MessageView


class Held(NamedTuple):
    """What stands at the top of the screen."""

    view: MessageView
    place: Place
    delta: int
    """Rows between the place and the top."""


class MessageList(VerticalScroll, can_focus=False):
    """Messages, oldest first."""

    BLANK = True  # only what lies on it is seen
    BINDINGS = []

    follow: var[bool] = var(True)
    """Keep the end in view."""
    complete: var[bool] = var(True)
    """The end of the column is the end of the conversation, so there is an end to follow."""

    @dataclass
    class Scrolled(Event):
        """The person moved, or a layout moved the column."""

        def can_replace(self, message: Event) -> bool:
            return isinstance(message, MessageList.Scrolled)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tops: list[tuple[int, int, int, MessageView]] = []
        self._held: Held | None = None
        self._arranged = False

    def on_screen(self) -> list[MessageView]:
        """The messages of which a row is on the screen."""
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        return [view for y, height, _, view in self._tops if y < bottom and y + height > top]

    def span(self, view: MessageView) -> tuple[int, int] | None:
        """The first row of ``view`` and the row after its last, counted from the top of the column."""
        return next(((y, y + height) for y, height, _, other in self._tops if other is view), None)

    def hold(self, view: MessageView, place: Place, delta: int = 0) -> None:
        """At the next layout, put ``place`` of ``view`` so many rows above the top (a negative delta: below)."""
        self.follow = False
        self._held = Held(view, place, delta)

    def hold_here(self) -> None:
        """Keep what is at the top there at the next layout, even if that lets the end go."""
        self._remember(self.scroll_offset.y)
        self.follow = False

    def held(self) -> Held | None:
        """What stands at the top of the screen, to come back to."""
        return self._held

    def jump(self, y: int) -> None:
        """Put row ``y`` of the column at the top, as far as there is one."""
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def to_end(self) -> None:
        """Follow the end from now on."""
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
            self._keep_place(size.height, result.spatial_map.total_region.bottom)
        return result

    def _keep_place(self, height: int, bottom: int) -> None:
        last = max(0, bottom - height)
        if self.follow:
            y = last
        elif (row := self._row_of_held()) is not None:
            y = min(max(0, row), last)
            self.follow = self.complete and y >= last
        else:
            return
        if y != self.scroll_y:
            # Not by scroll_to: that would draw, and tell watchers that the person moved.
            self.set_reactive(Widget.scroll_y, float(y))
            self.set_reactive(Widget.scroll_target_y, float(y))
            self.vertical_scrollbar.set_reactive(ScrollBar.position, float(y))
            self.post_message(self.Scrolled())

    def _row_of_held(self) -> int | None:
        if self._held is None:
            return None
        for y, _, width, view in self._tops:
            if view is self._held.view:
                return y + view.find(self._held.place, width) + self._held.delta
        return None

    def _remember(self, top: int) -> None:
        for y, height, width, view in self._tops:
            if y + height > top or view is self._tops[-1][3]:
                row = min(max(0, top - y), max(0, height - 1))
                place = view.place(row, width)
                self._held = Held(view, place, top - y - row)
                return
