"""The quiet line over the prompt: where one left off, or that a question like this one was asked before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.widget import Widget

from sterna.storage.text import one_line

from ..messages import ActionRequested

if TYPE_CHECKING:
    from sterna.storage import Earlier

OPEN, NEW = "conversation.before", "conversation.new"
LONGEST = 200
QUIET = "$foreground 75%"


class Before(Widget):
    """Nothing until something is told; a click does what its key does. What does not fit is cut, the key never."""

    earlier: Earlier | None = None
    """The question that would be opened."""
    about: str | None = None
    """The conversation in which the line is shown; in another one it goes."""
    _action = ""
    _told = Content("")
    _key = Content("")

    def render(self) -> Content:
        """The line."""
        room = self.content_size.width - self._key.cell_length
        return Content.assemble(self._told.truncate(max(0, room), ellipsis=True), self._key)

    def tell(self, earlier: Earlier, about: str, now: datetime, key: str) -> None:
        """A question of the conversation ``about`` is like this earlier one; ``key`` opens that."""
        asked = (one_line(earlier.question, LONGEST), "$foreground 85%")
        self._show(Content.assemble((f"Asked before, {_day(earlier.at, now)}: ", QUIET), asked), OPEN, key, "open")
        self.earlier, self.about = earlier, about

    def tell_left_off(self, at: str, about: str, now: datetime, key: str) -> None:
        """The conversation ``about`` was open last, and was used at ``at``; ``key`` begins another."""
        self._show(Content.styled(f"Left off {_day(at, now)}", QUIET), NEW, key, "new")
        self.earlier, self.about = None, about

    def clear_away(self) -> None:
        """Say nothing."""
        self.earlier = self.about = None
        self.display = False

    def on_mount(self) -> None:
        """There is nothing to say yet."""
        self.clear_away()

    def on_click(self, event: events.Click) -> None:
        """Do what the line names."""
        event.stop()
        self.post_message(ActionRequested(self._action))

    def _show(self, told: Content, action: str, key: str, word: str) -> None:
        self._action = action
        self._told, self._key = told, Content.assemble("   ", (key, "$primary"), (f" {word}", "$foreground 75%"))
        self.display = True
        self.refresh()


def _day(at: str, now: datetime) -> str:
    from sterna.storage import stored_time

    day, today = stored_time(at).astimezone(), now.astimezone()
    if day.date() == today.date():
        return f"today at {day:%H:%M}"
    named = f"{day.day} {day:%B}"
    return f"on {named}" if day.year == today.year else f"on {named} {day.year}"
