"""The rows of the list: drawn line by line from pages of rows that are read when they come into view.

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

from sterna.storage import Conversations, SessionRow, StoreError, StoreThread

from .days import when
from .drawing import AFTER, ASCII, BEFORE, SIGNS, State, cut, preview_line, title_line
from .line_map import ROW_LINES, Lines
from .queries import PAGE, Anchor, Ask, View, pages_of, read_view, revealed

PAGES_KEPT = 12
"""Pages of rows in memory: enough for the tallest terminal and the way back."""


class Rows(ScrollView, can_focus=True, inherit_bindings=False):
    """A virtual list of conversations. What keys and clicks on it mean is the sidebar's to say."""

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
        & > .rows--opened { background: $foreground 7%; }
        & > .rows--hover { background: $foreground 4%; }
        & > .rows--cursor { background: $block-cursor-background; }
    }
    """

    opened: reactive[str | None] = reactive(None)
    """The conversation that is open."""
    signed_in: reactive[bool] = reactive(False)
    """Whether a change can wait for a server at all."""
    ascii: reactive[bool] = reactive(False)
    """Draw with ASCII only."""
    attended: reactive[bool] = reactive(False)
    """The keys go to the list, or to its filter: the cursor is shown."""
    cursor: var[int] = var(0, init=False)
    hover: var[int | None] = var(None, init=False)

    @dataclass
    class Clicked(Message):
        """A row was clicked."""

        row: int

    @dataclass
    class Moved(Message):
        """Rows are elsewhere on the screen than before."""

    def __init__(
        self, store: StoreThread, *, clock: Callable[[], datetime], zone: tzinfo | None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.store = store
        self.clock = clock
        self.zone = zone
        self.view: View | None = None
        """What is shown; None before the first reading."""
        self.cursor_id: str | None = None
        """The conversation under the cursor; None while its row is not read."""
        self.pages: dict[int, list[SessionRow]] = {}
        """Rows in memory, by the number of their page."""
        self._fetching = False
        self._fitted = Size(0, 0)
        self._looks: dict[tuple[str, str], Style] = {}

    # What there is

    @property
    def lines(self) -> Lines:
        """Which line shows what."""
        return self.view.lines if self.view else Lines([])

    @property
    def top(self) -> int:
        """The first line in view."""
        return self.scroll_offset.y

    def row(self, index: int) -> SessionRow | None:
        """The row of that number, if it is in memory."""
        page = self.pages.get(index // PAGE, [])
        return page[index % PAGE] if index >= 0 and index % PAGE < len(page) else None

    async def read_row(self, index: int) -> SessionRow | None:
        """The row of that number."""
        if (row := self.row(index)) is not None or self.view is None or not 0 <= index < self.lines.rows:
            return row
        if not self.store.is_open:
            return None
        rows = await self.store.run(Conversations.page, index, 1, self.view.text)
        return rows[0] if rows else None

    # Reading

    def ask(self, text: str, *, cursor_id: str | None = None, reveal: bool = False) -> Ask:
        """The question for what the list should show now. Another filter starts at the top."""
        height = self.scrollable_content_region.height or self.size.height
        ask = Ask(text, self.clock(), self.zone, height, self.top, reveal=reveal)
        if self.view is None or text != self.view.text:
            return replace(ask, top=0, reveal=True, cursor_id=cursor_id if cursor_id or text else self.opened)
        minded = self.attended or self.hover is not None
        seen = self.lines.within(self.top, height)
        reveal = reveal or (not minded and self.cursor in seen)
        anchors = self._anchors(seen) if self.top or minded else ()
        cursor_id = cursor_id or self.cursor_id
        return replace(ask, anchors=anchors, cursor_id=cursor_id, cursor=self.cursor, reveal=reveal)

    async def read(self, ask: Ask) -> None:
        """Read and show; the rows in view keep their place on the screen."""
        view = await self.store.run(read_view, ask)
        if not self.is_attached:
            return
        moved = self.view is None or view.lines.height != self.lines.height or view.top != self.top
        self.view, self.pages = view, view.pages
        self.set_reactive(Rows.cursor, view.cursor)
        self._know_cursor()
        if self.cursor_id is None and view.cursor_found:
            self.cursor_id = ask.cursor_id
        self.virtual_size = Size(self.scrollable_content_region.width, view.lines.height)
        self.jump_to(view.top)
        self.refresh()
        self._fetch_missing()
        if moved:
            self.post_message(self.Moved())

    def jump_to(self, top: int) -> None:
        """Scroll at once, in the same frame as what changed."""
        self.scroll_target_y = top
        self.scroll_y = top

    def retitle(self, session_id: str, title: str) -> None:
        """Show a new title before it is read again."""
        for page in self.pages.values():
            for place, row in enumerate(page):
                if row.id == session_id:
                    page[place] = replace(row, title=title)
        self.refresh()

    def _anchors(self, seen: range) -> tuple[Anchor, ...]:
        """Rows in view that are in memory, the cursor's first."""
        order = ([self.cursor] if self.cursor in seen else []) + [index for index in seen if index != self.cursor]
        return tuple(
            Anchor(row.id, row.at, self.lines.line_of(index) - self.top)
            for index in order
            if (row := self.row(index)) is not None
        )

    def _know_cursor(self) -> None:
        row = self.row(self.cursor)
        self.cursor_id = row.id if row else None

    def _missing(self) -> int | None:
        """A page that is wanted and not in memory: of what is in view, else of its neighbourhood."""
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
        """Read pages, always those for where the view is by then, so that a dragged scrollbar leaves none behind."""
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
                    self._know_cursor()
                self.refresh()
        except StoreError as error:
            self.app.notify(str(error), severity="error", markup=False)
        finally:
            self._fetching = False

    # Moving

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it in view."""
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
        self._know_cursor()
        self._refresh_row(old)
        self._refresh_row(new)

    def watch_hover(self, old: int | None, new: int | None) -> None:
        """Draw both rows."""
        self._refresh_row(old)
        self._refresh_row(new)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw what came into view, and read what of it is missing."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._fetch_missing()
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the lines as wide as the list, and a cursor that is used in view."""
        hidden_before, self._fitted = not self._fitted, self.size
        self.virtual_size = Size(self.scrollable_content_region.width, self.lines.height)
        if self.lines.rows and (self.attended or hidden_before):
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
        """Nothing is under the pointer."""
        self.hover = None

    def on_click(self, event: events.Click) -> None:
        """Tell which row was clicked."""
        if (row := self.lines.row_at(event.y + self.top)) is not None:
            event.stop()
            self.post_message(self.Clicked(row))

    # Drawing

    def region_of_title(self, index: int) -> Region:
        """Where the title of a row stands, from the top left of the list; outside of it when the row is not in view."""
        width = self.scrollable_content_region.width
        return Region(BEFORE, self.lines.line_of(index) - self.top, max(1, width - BEFORE - AFTER), 1)

    def notify_style_update(self) -> None:
        """Forget colours of the old theme."""
        super().notify_style_update()
        self._looks.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of the list."""
        if self._fitted != self.size:  # Textual sends no Resize to a widget that scrolled while it was hidden
            self.call_later(self.on_resize)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the list."""
        width = self.scrollable_content_region.width
        line = y + self.top
        plain = self._look("rows--title", "")
        if self.view is None:
            return Strip.blank(width, plain)
        index = self.lines.row_at(line)
        if index is None:
            text = self.lines.heading_at(line) or (self._nothing(y) if not self.lines.rows else "")
            kind = "rows--heading" if self.lines.rows else "rows--quiet"
            signs = ASCII if self.ascii else SIGNS
            padded = " " * BEFORE + cut(text, width - BEFORE - AFTER, signs.more) + " " * AFTER
            return Strip([Segment(padded, self._look(kind, ""))]).adjust_cell_length(width, plain)
        row = self.row(index)
        if row is None:
            return Strip.blank(width, plain)
        return self._draw(index, row, line - self.lines.line_of(index), width)

    def _draw(self, index: int, row: SessionRow, part: int, width: int) -> Strip:
        signs = ASCII if self.ascii else SIGNS
        state = State(row.id == self.opened, self.attended and index == self.cursor, self.signed_in)
        if state.cursor:
            behind = "rows--cursor"
        elif state.opened:
            behind = "rows--opened"
        else:
            behind = "rows--hover" if index == self.hover else ""

        def style(part: str) -> Style:
            return self._look(f"rows--{part}", behind)

        if part:
            return preview_line(row, width, state, signs, style)
        assert self.view is not None
        time = when(row.at, self.clock(), self.zone, under_heading=not self.view.text)
        return title_line(row, time, width, state, signs, style)

    def _nothing(self, y: int) -> str:
        """What an empty list says."""
        assert self.view is not None
        if y != 0:
            return ""
        return "No matches." if self.view.text else "No conversations yet."

    def _look(self, front: str, behind: str) -> Style:
        """The colours of a part on its background, worked out once a theme."""
        if (look := self._looks.get((front, behind))) is None:
            background: Color = self.background_colors[1]
            if behind:
                background = background + self.get_component_styles(behind).background
            styles = self.get_component_styles(front)
            colour = (background + styles.color).rich_color
            look = styles.text_style + Style(color=colour, bgcolor=background.rich_color)
            self._looks[front, behind] = look
        return look
