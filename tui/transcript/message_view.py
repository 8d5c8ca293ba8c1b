"""One message on the screen: settled, or still arriving. One widget, which stays when a live reply settles."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message as Event
from textual.strip import Strip

from sterna.storage import LiveReply, Message

from ..markdown import Block, CodeBlock, Document, DocumentView, LiveDocument, Place, blocks, plain_blocks
from ..markdown.styles import MUTED
from .parts import MARKS, Look, endings, fold, header, versions, when
from .row_cache import RowCache

BAR = "▌ "
GUTTER = len(BAR)
MARGIN = 1


class MessageView(DocumentView):
    """A message, drawn. Its bar at the left shows that it is the selected one."""

    ALLOW_MAXIMIZE = False

    @dataclass
    class Clicked(Event):
        """The message was clicked."""

        view: MessageView
        on_fold: bool
        """The click was on the line that stands for the reasoning."""

    def __init__(self, source: Message | LiveReply, look: Look, now: datetime) -> None:
        super().__init__(Document(()))
        self.message_id = source.id
        self.key = (source.message_timestamp, source.id)
        self.role = source.role if isinstance(source, Message) else "assistant"
        self.message: Message | None = None
        """The settled message; None while it arrives."""
        self.content = ""
        """Its text as it was written."""
        self.reasoning = ""
        self.opened = look.reasoning
        """The reasoning is unfolded."""
        self._look = look
        self._now = now
        self._model = source.model
        self._live: LiveDocument | None = None
        self._versions = 1
        self._mark = 0
        self._body: Sequence[Block] = ()
        self._fold: Block | None = None
        """Line that stands for the reasoning; a click opens and closes it."""
        self._drawn = RowCache()
        self.set_class(self.role == "user", "-user")
        if isinstance(source, Message):
            self.show_message(source)
        else:
            self.show_live(source.content, source.reasoning)

    @property
    def live(self) -> bool:
        """True while it arrives."""
        return self.message is None

    @property
    def can_retry(self) -> bool:
        """True for a settled reply."""
        return self.message is not None and self.role == "assistant"

    @property
    def code_blocks(self) -> list[CodeBlock]:
        """The blocks of code in its text."""
        return [block for block in self._body if isinstance(block, CodeBlock)]

    def show_message(self, message: Message) -> None:
        """Show it settled, as it is stored."""
        if message == self.message:
            return
        if self.message is None or message.content != self.message.content:
            self._body = plain_blocks(message.content) if message.role == "user" else blocks(message.content)
        self.message = message
        self._live = None
        self._model = message.model or self._model
        self.content, self.reasoning = message.content, message.reasoning or ""
        self.remove_class("-live")
        self.set_class(message.finish == "failed", "-failed")
        self._compose_document()

    def show_live(self, content: str, reasoning: str) -> None:
        """Show what has arrived."""
        if self._live is None:
            self._live = LiveDocument()
            self.message = None
            self.remove_class("-failed").add_class("-live")
        elif (content, reasoning) == (self.content, self.reasoning):
            return
        if content != self.content:
            self._body = self._live.update(content)
        self.content, self.reasoning = content, reasoning
        self._compose_document()

    def show_versions(self, count: int) -> None:
        """Say how many versions this reply has."""
        if count != self._versions:
            self._versions = count
            self._compose_document()

    def show_look(self, look: Look) -> None:
        """Draw it again in another way."""
        if look.reasoning != self._look.reasoning:
            self.opened = look.reasoning
        self._look = look
        self._compose_document()

    def beat(self) -> None:
        """Move the mark of a reply that arrives."""
        self._mark += 1
        self._compose_document()

    def toggle_reasoning(self) -> bool:
        """Fold or unfold the reasoning; False when there is none."""
        if not self.reasoning:
            return False
        self.opened = not self.opened
        self._compose_document()
        return True

    def _compose_document(self) -> None:
        live = self.message is None
        time = "" if live else when(self.key[0], self._now, self._look.zone)
        parts: list[Block] = [header(self.role, self._model, time, MARKS[self._mark % len(MARKS)] if live else "")]
        if self.reasoning:
            took = 0 if self.message is None else int(self.message.metadata.get("reasoning_ms") or 0)
            self._fold = fold(self.opened, live and not self.content, took)
            parts.append(self._fold)
            if self.opened:
                parts += plain_blocks(self.reasoning.strip(), f"{MUTED} italic")
        parts += self._body
        if self.message is not None:
            parts += endings(self.message, self._look)
            parts += versions(self._versions, self._look)
        self.document = Document(parts)

    # Drawing: the document stands between a gutter and a margin, which are not padding, because a drag that begins in a
    # widget's padding is given a wrong place by Textual.

    def text_width(self, width: int) -> int:
        """Cells that the document gets in a widget of ``width``."""
        return max(1, width - GUTTER - MARGIN)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._document.height(self.text_width(width)) if width else 0

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the rows of ``crop``; what was drawn before is used again. Nothing here has a border or padding."""
        if not self.is_attached:  # it is being removed, and the layout of before still has it
            return [Strip.blank(crop.width)] * crop.height
        if self.hover_style.link_id:
            return super().render_lines(crop)
        state = (self.size.width, self.drawing(), self.has_class("-selected"), self.app.theme)
        strips = [self._row(y, state) for y in crop.line_range]
        _, background = self.background_colors
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _row(self, y: int, state: Hashable) -> Strip:
        room = self.text_width(self.size.width)
        if not 0 <= y < self._document.height(room):
            return self.render_line(y)
        index, row = self._document.block_at(room, y)
        block, line = self._document.blocks[index], self._document.first_line(index)
        return self._drawn.strip(state, block, row, line, partial(self.render_line, y))

    def notify_style_update(self) -> None:
        self._drawn.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        room = self.text_width(width)
        base = self.visual_style.rich_style
        if not 0 <= y < self._document.height(room):
            return Strip.blank(width, base)
        style = self._get_style("$primary") if self.has_class("-selected") else self.visual_style
        bar = (
            Segment(BAR, (self.visual_style + style).rich_style) if self.has_class("-selected") else Segment("  ", base)
        )
        strip = self._document.strip(room, y, self.drawing())
        return Strip([bar, *strip]).adjust_cell_length(width, base)

    def place(self, row: int, width: int) -> Place:
        """The place that row ``row`` shows when the widget is ``width`` cells wide."""
        return self._document.place(self.text_width(width), row)

    def find(self, place: Place, width: int) -> int:
        """The row that shows ``place`` when the widget is ``width`` cells wide."""
        return self._document.find(self.text_width(width), place)

    def on_click(self, event: events.Click) -> None:
        index, _ = self._document.block_at(self.text_width(self.size.width), event.y)
        self.post_message(self.Clicked(self, self._document.blocks[index] is self._fold))
