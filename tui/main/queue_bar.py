"""Lines above the prompt: messages that wait until the reply has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from sterna.storage.text import one_line

GAP = "   "
"""Space before each key."""
MOST_LINES = 3
"""Messages that are shown, each on a line."""
LONGEST = 200
ROOM = 36
"""Cells that the text of the first message has at least; where they are not there, the keys stand on a line below."""
QUIET = "$foreground 75%"


class QueueBar(Widget):
    """Hidden while nothing waits; a click on a message takes it back into the prompt."""

    DEFAULT_CSS = """
    QueueBar {
        height: auto;
        padding: 0 2;
        display: none;
    }
    """

    @dataclass
    class Chosen(Message):
        """A message is to be taken back."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._queued: tuple[str, ...] = ()
        self._is_held = False
        self._keys: tuple[tuple[str, str], ...] = ()

    def show(self, queued: Sequence[str], *, is_held: bool, send_key: str, take_back_key: str) -> None:
        """Show the messages that wait, the next one first; with ``is_held`` they wait for the user."""
        self._queued, self._is_held = tuple(queued), is_held
        send = ((send_key, "send"),) if is_held else ()
        self._keys = (*send, (take_back_key, "take back"))
        self.display = bool(queued)
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines."""
        lines = min(len(self._queued), MOST_LINES) + (len(self._queued) > MOST_LINES)
        return lines + (not self._keys_fit(width))

    def _keys_fit(self, width: int) -> bool:
        """Return whether the keys leave enough of the first line for its text."""
        return width - self._key_hints().cell_length >= ROOM

    def render(self) -> Content:
        """Return a line for each message."""
        width, lines = self.content_size.width, []
        word = "Not sent: " if self._is_held else "Next: "
        fit = self._keys_fit(width)
        for number, text in enumerate(self._queued[:MOST_LINES]):
            line = Content.assemble((word if not number else " " * len(word), QUIET), one_line(text, LONGEST))
            keys = self._key_hints() if not number and fit else Content("")
            room = max(0, width - keys.cell_length)
            lines.append(Content.assemble(line.truncate(room, ellipsis=True), keys))
        if (more := len(self._queued) - MOST_LINES) > 0:
            lines.append(Content.styled(f"{' ' * len(word)}and {more} more", QUIET))
        if not fit:
            hints = self._key_hints()
            indent = max(0, min(len(word) - len(GAP), width - hints.cell_length))  # in line with the messages
            lines.append(Content.assemble(" " * indent, hints).truncate(width))
        return Content("\n").join(lines)

    def _key_hints(self) -> Content:
        parts: list[tuple[str, str]] = []
        for key, word in self._keys:
            parts += [(GAP, ""), (key, "$primary"), (f" {word}", QUIET)]
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Take back the message that was clicked; the line with the rest stands for the last one."""
        event.stop()
        line = event.get_content_offset(self)
        if line is not None and self._queued:
            index = line.y if line.y < MOST_LINES else len(self._queued) - 1
            self.post_message(self.Chosen(min(index, len(self._queued) - 1)))
