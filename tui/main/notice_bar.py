"""Line above the prompt: when the conversation was left, or that a similar question was asked before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.widget import Widget

from sterna.storage.text import one_line

from ..messages import ActionRequested

if TYPE_CHECKING:
    from sterna.storage import SimilarQuestion

OPEN, NEW = "conversation.before", "conversation.new"
LONGEST = 200
QUIET = "$foreground 75%"


class NoticeBar(Widget):
    """Hidden until there is something to say; a click runs the action that it names.

    Text that does not fit is cut, the key never.
    """

    earlier: SimilarQuestion | None = None
    """Question that would be opened."""
    _about: str | None = None
    """Conversation that the line belongs to; in another one it goes."""
    _action = ""
    _text = Content("")
    _key = Content("")

    def render(self) -> Content:
        """Return the line."""
        room = self.content_size.width - self._key.cell_length
        return Content.assemble(self._text.truncate(max(0, room), ellipsis=True), self._key)

    def show_earlier(self, earlier: SimilarQuestion, about: str, now: datetime, key: str) -> None:
        """Show an earlier question that is similar to one of conversation ``about``; ``key`` opens it."""
        question = (one_line(earlier.question, LONGEST), "$foreground 85%")
        self._show(Content.assemble((f"Asked before, {_day(earlier.at, now)}: ", QUIET), question), OPEN, key, "open")
        self.earlier, self._about = earlier, about

    def show_left_off(self, at: str, about: str, now: datetime, key: str) -> None:
        """Show that conversation ``about``, open last, was used at ``at``; ``key`` starts a new one."""
        self._show(Content.styled(f"Left off {_day(at, now)}", QUIET), NEW, key, "new")
        self.earlier, self._about = None, about

    def clear(self) -> None:
        """Hide the line."""
        self.earlier = self._about = None
        self.display = False

    def clear_unless_about(self, conversation_id: str | None) -> None:
        """Hide the line if it belongs to another conversation."""
        if conversation_id != self._about:
            self.clear()

    def on_mount(self) -> None:
        """Start hidden."""
        self.clear()

    def on_click(self, event: events.Click) -> None:
        """Run the action that the line names."""
        event.stop()
        self.post_message(ActionRequested(self._action))

    def _show(self, text: Content, action: str, key: str, word: str) -> None:
        self._action = action
        self._text, self._key = text, Content.assemble("   ", (key, "$primary"), (f" {word}", "$foreground 75%"))
        self.display = True
        self.refresh()


def _day(at: str, now: datetime) -> str:
    from sterna.storage import stored_time

    day, today = stored_time(at).astimezone(), now.astimezone()
    if day.date() == today.date():
        return f"today at {day:%H:%M}"
    date = f"{day.day} {day:%B}"
    return f"on {date}" if day.year == today.year else f"on {date} {day.year}"
