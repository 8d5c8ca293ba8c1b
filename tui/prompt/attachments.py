"""Row above the prompt: what is attached to it, each with its size. A click removes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from ..attachment_names import chip_text, short_name

if TYPE_CHECKING:
    from sterna.storage import Attachment

GAP = 2
"""Cells between two chips."""
_META = "attachment"


class AttachmentRow(Widget):
    """Chips of attachments, on as many lines as they need; hidden while there are none."""

    ALLOW_SELECT = False

    @dataclass
    class RemoveRequested(Message):
        """A chip was clicked."""

        attachment_id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chips: list[Content] = []

    def show(self, attachments: Sequence[Attachment], pending: Sequence[str], *, ascii_only: bool = False) -> None:
        """Show attachments, and behind them the names of files that are still being read."""
        cross = "x" if ascii_only else "✕"
        self._chips = [_chip(item, cross) for item in attachments]
        self._chips += [Content.styled(f"{short_name(name)} …", "$text-muted") for name in pending]
        self.display = bool(self._chips)
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that the chips need."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Draw the chips, none of them broken over two lines."""
        return Content("\n").join(self._lines(self.content_size.width))

    def on_click(self, event: events.Click) -> None:
        """Ask for the end of the chip under the pointer."""
        attachment_id = event.style.meta.get(_META)
        if isinstance(attachment_id, str):
            event.stop()
            self.post_message(self.RemoveRequested(attachment_id))

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for chip in self._chips:
            if lines and lines[-1].cell_length + GAP + chip.cell_length <= width:
                lines[-1] = Content.assemble(lines[-1], " " * GAP, chip)
            else:
                lines.append(chip)
        return lines


def _chip(attachment: Attachment, cross: str) -> Content:
    chip = Content.assemble((chip_text(attachment), "$foreground"), (f" {cross}", "$text-error"))
    return chip.stylize(Style.from_meta({_META: attachment.id}))
