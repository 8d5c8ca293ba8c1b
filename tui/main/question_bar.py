"""Lines above the prompt while a model waits for leave to call a tool. They take no key: typing goes on undisturbed."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from sterna.storage.text import one_line

from ..messages import ActionRequested

ANSWER = "tool.answer"
"""Action that opens the question."""
QUIET = "$foreground 75%"
LONGEST_NAME = 60
LONGEST = 300


class QuestionBar(Widget):
    """Hidden while there is no question; a click opens it."""

    DEFAULT_CSS = """
    QuestionBar {
        height: 2;
        padding: 0 1;
        background: $panel;
        border-left: outer $warning;
        text-wrap: nowrap;
        display: none;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tool = self._subject = self._key = ""
        self._more = 0

    def show(self, tool: str, subject: str, *, more: int, key: str) -> None:
        """Show the question about a tool, and ``more`` that wait behind it; ``key`` opens it."""
        self._tool, self._subject, self._more, self._key = tool, subject, more, key
        self.display = True
        self.refresh()

    def hide(self) -> None:
        """Show no question."""
        self.display = False

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return two lines: the question, and what the call is about."""
        return 2

    def render(self) -> Content:
        """Return the question and its key, and below them what the call is about."""
        width = self.content_size.width
        more = f"  and {self._more} more" if self._more else ""
        key = Content.assemble("  ", (self._key, "bold $primary"), (" answer", QUIET))
        room = max(0, width - key.cell_length - cell_len(more))
        asked = Content.assemble("Call ", (one_line(self._tool, LONGEST_NAME), "bold $warning"), "?")
        first = Content.assemble(asked.truncate(room, ellipsis=True), (more, QUIET), key)
        subject = Content.styled(one_line(self._subject, LONGEST), QUIET)
        return Content("\n").join((first.truncate(width), subject.truncate(width, ellipsis=True)))

    def on_click(self, event: events.Click) -> None:
        """Open the question."""
        event.stop()
        self.post_message(ActionRequested(ANSWER))
