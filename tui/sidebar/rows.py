"""Rows of the list, drawn line by line from pages of rows that are read when they come into view.

An ``OptionList`` of 100,000 options needs seconds to fill and to rename one; this needs one page of 64 rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from rich.segment import Segment
from rich.style import Style
from textual import events, work
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sterna.storage import Conversations, ConversationSummary, StoreError, StoreThread

from .days import when
from .drawing import AFTER, ASCII, BEFORE, SIGNS, State, cut, empty_texts, preview_line, title_line
from .line_map import ROW_LINES, Lines
from .queries import PAGE, Anchor, Query, View, pages_of, read_view, revealed

PAGES_KEPT = 12
"""Pages of rows kept in memory: enough for the tallest terminal and for scrolling back."""


class Rows(ScrollView, can_focus=True, inherit_bindings=False):
    """Virtual list of conversations. The sidebar decides what keys and clicks do."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES = {
        "rows--title",
        "rows--strong",
        "rows--quiet",
        "rows--heading",
        "rows--bar",
        "rows--unread",
        "rows--live",
        "rows--failed",
        "rows--unsynced",
        "rows--draft",
        "rows--tag",
        "rows--selected-mark",
        "rows--selected",
        "rows--opened",
        "rows--hover",
        "rows--cursor",
    }

    DEFAULT_CSS = """
    Rows {
        width: 100%;
        background: transparent;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-background: transparent;
        scrollbar-background-hover: transparent;
        scrollbar-background-active: transparent;

        & > .rows--title { color: $foreground 90%; }
        & > .rows--strong { color: $foreground; text-style: bold; }
        & > .rows--quiet { color: $foreground 75%; }
        & > .rows--heading { color: $secondary; text-style: bold; }
        & > .rows--bar, & > .rows--unread { color: $primary; }
        & > .rows--live { color: $success; }
        & > .rows--failed { color: $error; }
        & > .rows--unsynced, & > .rows--draft { color: $warning; }
        & > .rows--tag { color: $foreground 85%; }
        & > .rows--selected-mark { color: $primary; text-style: bold; }
        & > .rows--selected { background: $primary 15%; }
        & > .rows--opened { background: $foreground 7%; }
        & > .rows--hover { background: $foreground 4%; }
        & > .rows--cursor { background: $block-cursor-background; }
    }
    """

    opened: reactive[str | None] = reactive(None)
    """Conversation that is open."""
    signed_in: reactive[bool] = reactive(False)
    """Mark conversations that are not synced yet."""
    ascii: reactive[bool] = reactive(False)
    """Draw with ASCII only."""
    is_active: reactive[bool] = reactive(False)
    """Keys go to the list or its filter: the cursor is drawn."""
    selected: reactive[frozenset[str]] = reactive(frozenset[str]())
    """Conversations that the next command is for, besides the one under the cursor."""
    asking: reactive[frozenset[str]] = reactive(frozenset[str]())
    """Conversations in which a question waits for its answer."""
    cursor: var[int] = var(0, init=False)
    hover: var[int | None] = var(None, init=False)

    @dataclass
    class Clicked(Message):
        """A row was clicked."""

        row: int
        toggles: bool = False
        """It is selected, or taken out of the selection."""
        extends: bool = False
        """Everything up to it is selected."""

    @dataclass
    class Moved(Message):
        """Rows have moved on the screen."""

    def __init__(
        self, store: StoreThread, *, clock: Callable[[], datetime], zone: tzinfo | None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.store = store
        self.clock = clock
        self.zone = zone
        self.view: View | None = None
        """Content of the list; None before it is read for the first time."""
        self.cursor_id: str | None = None
        """Conversation under the cursor; None while its row is not read."""
        self.pages: dict[int, list[ConversationSummary]] = {}
        """Rows in memory, by the number of their page."""
        self._fetching = False
        self._laid_out = Size(0, 0)
        self._styles: dict[tuple[str, str], Style] = {}

    # Content

    @property
    def lines(self) -> Lines:
        """Lines of the list."""
        return self.view.lines if self.view else Lines([])

    @property
    def top(self) -> int:
        """First line in view."""
        return self.scroll_offset.y

    def row(self, index: int) -> ConversationSummary | None:
        """Return the row of that number, if it is in memory."""
        page = self.pages.get(index // PAGE, [])
        return page[index % PAGE] if index >= 0 and index % PAGE < len(page) else None

    async def read_row(self, index: int) -> ConversationSummary | None:
        """Return the row of that number, read from the store if need be."""
        if (row := self.row(index)) is not None or self.view is None or not 0 <= index < self.lines.rows:
            return row
        if not self.store.is_open:
            return None
        rows = await self.store.run(Conversations.page, index, 1, self.view.text)
        return rows[0] if rows else None

    # Reading

    def current_query(self, text: str, *, cursor_id: str | None = None, reveal: bool = False) -> Query:
        """Return the query for what the list should show now. Another filter starts at the top."""
        height = self.scrollable_content_region.height or self.size.height
        query = Query(text, self.clock(), self.zone, height, self.top, reveal=reveal)
        if self.view is None or text != self.view.text:
            return replace(query, top=0, reveal=True, cursor_id=cursor_id if cursor_id or text else self.opened)
        is_used = self.is_active or self.hover is not None
        seen = self.lines.within(self.top, height)
        reveal = reveal or (not is_used and self.cursor in seen)
        anchors = self._anchors(seen) if self.top or is_used else ()
        cursor_id = cursor_id or self.cursor_id
        return replace(query, anchors=anchors, cursor_id=cursor_id, cursor=self.cursor, reveal=reveal)

    async def read(self, query: Query) -> None:
        """Read and draw the list; the rows in view keep their place on the screen."""
        view = await self.store.run(read_view, query)
        if not self.is_attached:
            return
        has_moved = self.view is None or view.lines.height != self.lines.height or view.top != self.top
        self.view, self.pages = view, view.pages
        self.set_reactive(Rows.cursor, view.cursor)
        self._find_cursor()
        if self.cursor_id is None and view.cursor_found:
            self.cursor_id = query.cursor_id
        self.virtual_size = Size(self.scrollable_content_region.width, view.lines.height)
        self.jump_to(view.top)
        self.refresh()
        self._fetch_missing()
        if has_moved:
            self.post_message(self.Moved())

    def jump_to(self, top: int) -> None:
        """Scroll in the same frame as the change."""
        self.scroll_target_y = top
        self.scroll_y = top

    def retitle(self, conversation_id: str, title: str) -> None:
        """Show a new title before it is read from the store."""
        for page in self.pages.values():
            for index, row in enumerate(page):
                if row.id == conversation_id:
                    page[index] = row._replace(title=title)
        self.refresh()

    def _anchors(self, seen: range) -> tuple[Anchor, ...]:
        """Return the rows in view that are in memory, the cursor's first."""
        order = ([self.cursor] if self.cursor in seen else []) + [index for index in seen if index != self.cursor]
        return tuple(
            Anchor(row.id, row.at, self.lines.line_of(index) - self.top)
            for index in order
            if (row := self.row(index)) is not None
        )

    def _find_cursor(self) -> None:
        row = self.row(self.cursor)
        self.cursor_id = row.id if row else None

    def _missing(self) -> int | None:
        """Return a page that is not in memory: of the rows in view, else of those around them."""
        height = self.size.height
        for margin in (0, height):
            wanted = pages_of(self.lines.within(max(0, self.top - margin), height + 2 * margin))
            if (page := next((page for page in wanted if page not in self.pages), None)) is not None:
                return page
        return None

    def _fetch_missing(self) -> None:
        if not self._fetching and self._missing() is not None:
            self._fetching = True
            self._fetch()

    @work(group="rows.pages")
    async def _fetch(self) -> None:
        """Read missing pages, always for the current view, so that a dragged scrollbar leaves no queue of reads."""
        try:
            while self.view is not None and self.store.is_open and (page := self._missing()) is not None:
                pages = self.pages
                rows = await self.store.run(Conversations.page, page * PAGE, PAGE, self.view.text)
                if pages is not self.pages:
                    continue  # everything was read again meanwhile
                pages[page] = rows
                while len(pages) > PAGES_KEPT:
                    del pages[next(iter(pages))]
                if self.cursor_id is None:
                    self._find_cursor()
                self.refresh()
        except StoreError as error:
            self.app.notify(str(error), severity="error", markup=False)
        finally:
            self._fetching = False

    # Moving

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not self.lines.rows:
            return
        self.cursor = max(0, min(index, self.lines.rows - 1))
        self._show_cursor()

    def _show_cursor(self) -> None:
        if self.size.height:  # none while the list is hidden
            self.jump_to(revealed(self.lines, self.cursor, self.top, self.size.height))

    def move_by_page(self, pages: float) -> None:
        """Move the cursor by a part of what is in view."""
        self.move_to(self.cursor + round(pages * max(1, self.size.height // ROW_LINES)))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw both rows."""
        self._find_cursor()
        self._refresh_row(old)
        self._refresh_row(new)

    def watch_hover(self, old: int | None, new: int | None) -> None:
        """Draw both rows."""
        self._refresh_row(old)
        self._refresh_row(new)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw what came into view, and read missing rows."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._fetch_missing()
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the lines as wide as the list, and the cursor in view while it is used."""
        was_hidden, self._laid_out = not self._laid_out, self.size
        self.virtual_size = Size(self.scrollable_content_region.width, self.lines.height)
        if self.lines.rows and (self.is_active or was_hidden):
            self._show_cursor()
        self._fetch_missing()
        self.post_message(self.Moved())

    def _refresh_row(self, index: int | None) -> None:
        if index is not None and 0 <= index < self.lines.rows:
            self.refresh_lines(self.lines.line_of(index), ROW_LINES)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Highlight the row under the pointer."""
        self.hover = self.lines.row_at(event.y + self.top) if event.widget is self else None

    def on_leave(self) -> None:
        """Highlight no row."""
        self.hover = None

    def on_click(self, event: events.Click) -> None:
        """Post which row was clicked."""
        if (row := self.lines.row_at(event.y + self.top)) is not None:
            event.stop()
            self.post_message(self.Clicked(row, toggles=event.ctrl or event.meta, extends=event.shift))

    # Drawing

    def region_of_title(self, index: int) -> Region:
        """Return the region of a row's title in the list; it lies outside when the row is not in view."""
        width = self.scrollable_content_region.width
        return Region(BEFORE, self.lines.line_of(index) - self.top, max(1, width - BEFORE - AFTER), 1)

    def notify_style_update(self) -> None:
        """Forget colours of the old theme."""
        super().notify_style_update()
        self._styles.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines of a part of the list."""
        if self._laid_out != self.size:  # Textual sends no Resize to a widget that scrolled while it was hidden
            self.call_later(self.on_resize)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the list."""
        width = self.scrollable_content_region.width
        line = y + self.top
        plain = self._style("rows--title", "")
        if self.view is None:
            return Strip.blank(width, plain)
        index = self.lines.row_at(line)
        if index is None:
            text = self.lines.heading_at(line) or (
                self._empty_text(y, width - BEFORE - AFTER) if not self.lines.rows else ""
            )
            kind = "rows--heading" if self.lines.rows else "rows--quiet"
            signs = ASCII if self.ascii else SIGNS
            padded = " " * BEFORE + cut(text, width - BEFORE - AFTER, signs.more) + " " * AFTER
            return Strip([Segment(padded, self._style(kind, ""))]).adjust_cell_length(width, plain)
        row = self.row(index)
        if row is None:
            return Strip.blank(width, plain)
        return self._draw(index, row, line - self.lines.line_of(index), width)

    def _draw(self, index: int, row: ConversationSummary, part: int, width: int) -> Strip:
        signs = ASCII if self.ascii else SIGNS
        is_selected = row.id in self.selected
        state = State(
            row.id == self.opened,
            self.is_active and index == self.cursor,
            is_selected,
            self.signed_in,
            row.id in self.asking,
        )
        if state.cursor:
            background = "rows--cursor"
        elif state.selected:
            background = "rows--selected"
        elif state.opened:
            background = "rows--opened"
        else:
            background = "rows--hover" if index == self.hover else ""

        def style(part: str) -> Style:
            return self._style(f"rows--{part}", background)

        if part:
            return preview_line(row, width, state, signs, style)
        assert self.view is not None
        time = when(row.at, self.clock(), self.zone, under_heading=not self.view.text)
        return title_line(row, time, width, state, signs, style)

    def _empty_text(self, y: int, width: int) -> str:
        """Return the text of an empty list."""
        assert self.view is not None
        texts = empty_texts(self.view.text, self.view.archived, self.view.problem, width)
        return texts[y] if y < len(texts) else ""

    def _style(self, part: str, background: str) -> Style:
        """Return the style of a part on its background, computed once a theme."""
        if (style := self._styles.get((part, background))) is None:
            colour: Color = self.background_colors[1]
            if background:
                colour = colour + self.get_component_styles(background).background
            styles = self.get_component_styles(part)
            text = (colour + styles.color).rich_color
            style = styles.text_style + Style(color=text, bgcolor=colour.rich_color)
            self._styles[part, background] = style
        return style
