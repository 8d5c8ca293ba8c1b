"""Sidebar: a filter, the list of conversations, and the field that edits a title in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import ClassVar, Literal

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from sterna.storage import Change, StoreError, StoreThread, utc_now

from ..actions.action import Move, Scope
from ..actions.bindings import bindings
from .drawing import title_of
from .fields import FilterInput, TitleInput
from .rows import Rows
from .selection import MOST_SELECTED, Selection

Label = Literal["pin", "archive", "tag", "export", "resume"]
"""Command on conversations that deletes nothing."""

FILTER_SECONDS = 0.06
"""Pause in typing after which the list is filtered."""
DAY_CHECK_SECONDS = 60
"""Time between two checks of the headings: midnight moves them all."""

FIELD_ACTIONS = frozenset(("move", "open", "delete", "select", "extend", "label"))
"""Actions whose keys belong to the field while a title is edited."""


class Sidebar(Widget):
    """Every conversation, newest first. It opens, renames and deletes nothing itself: it posts what was asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.SIDEBAR),
        Binding("escape", "clear_filter", "Clear the filter", show=False, id="sidebar.clear_filter"),
    ]

    DEFAULT_CSS = """
    Sidebar {
        width: 36;
        height: 100%;
        layers: base edit;

        & Rows {
            height: 1fr;
        }

        & #selection {
            display: none;
            padding: 0 1 0 3;
            color: $primary;
            text-style: bold;
        }
    }
    """

    selected: reactive[str | None] = reactive(None, init=False)
    """Conversation that is open. The parent sets it."""
    signed_in: reactive[bool] = reactive(False)
    """Mark conversations that are not synced yet."""
    ascii: reactive[bool] = reactive(False)
    """Draw with ASCII only."""

    rows = query_one(Rows)
    filter = query_one(FilterInput)
    title = query_one(TitleInput)

    @dataclass
    class Opened(Message):
        """A conversation was chosen."""

        conversation_id: str

    @dataclass
    class RenameSubmitted(Message):
        """A conversation was given a new title."""

        conversation_id: str
        title: str

    @dataclass
    class RenameEnded(Message):
        """The field for a title was closed."""

    @dataclass
    class DeleteRequested(Message):
        """Conversations are to be deleted."""

        conversation_ids: tuple[str, ...]

    @dataclass
    class LabelRequested(Message):
        """Conversations are to be pinned, archived, tagged or exported, or the command of one copied."""

        what: Label
        conversation_ids: tuple[str, ...]

    @dataclass
    class SelectionChanged(Message):
        """Conversations were selected, or no longer are."""

    def __init__(
        self,
        store: StoreThread,
        *,
        clock: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.store = store
        self.clock = clock
        self._zone = zone
        self._requested = 0
        self._served = 0
        self._reading = asyncio.Lock()
        self._goal: str | None = None
        self._filter_timer: Timer | None = None
        self._today: object = None
        self.selection = Selection(lambda: self.rows, self._show_selection)

    def compose(self) -> ComposeResult:
        """Compose the filter over the list; the field for a title lies on top, hidden."""
        yield FilterInput(self.store)
        yield Rows(self.store, clock=self.clock, zone=self._zone).data_bind(
            Sidebar.signed_in, Sidebar.ascii, opened=Sidebar.selected
        )
        yield Static(id="selection", markup=False)
        yield TitleInput()

    def on_mount(self) -> None:
        """Watch for midnight."""
        self.set_interval(DAY_CHECK_SECONDS, self.check_day)

    # Reading

    async def reload(self, change: Change | None = None) -> None:
        """Read the list again. Calls that come while it is read are served together by the next read."""
        self._requested += 1
        ticket = self._requested
        async with self._reading:
            if self._served >= ticket or not (self.is_attached and self.store.is_open):
                return
            self._served = self._requested
            await self.selection.drop_missing(self.filter.text)
            goal, self._goal = self._goal, None
            await self.rows.read(self.rows.current_query(self.filter.text, cursor_id=goal, reveal=goal is not None))
            self._today = self._day()
        self.filter.count = self.rows.lines.rows
        self._check_rename()

    @work(group="sidebar.reload")
    async def _reload_soon(self) -> None:
        try:
            await self.reload()
        except StoreError as error:
            self.app.notify(str(error), severity="error", markup=False)

    def watch_selected(self, selected: str | None) -> None:
        """Move the cursor to the conversation that was opened elsewhere."""
        if selected is not None and selected != self.rows.cursor_id and self.rows.view is not None:
            self._goal = selected
            self._reload_soon()

    def _day(self) -> object:
        return self.clock().astimezone(self._zone).date()

    def check_day(self) -> None:
        """Read the list again if its headings are of another day."""
        if self.rows.view is not None and self._day() != self._today:
            self._reload_soon()

    # Focus

    def focus(self, scroll_visible: bool = True) -> Sidebar:
        """Focus the list."""
        self.rows.focus(scroll_visible)
        return self

    def focus_filter(self) -> None:
        """Focus the filter."""
        self.filter.focus()

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _show_cursor(self) -> None:
        """Draw the cursor while it can be moved."""
        self.rows.is_active = self.has_focus_within

    # Filter

    @on(Input.Changed, "FilterInput")
    def _filter_soon(self, event: Input.Changed) -> None:
        """Filter once typing pauses."""
        event.stop()
        self.selection.clear()  # it would go on where nobody sees it
        if self._filter_timer is not None:
            self._filter_timer.stop()
        self._filter_timer = self.set_timer(FILTER_SECONDS, self._reload_soon)

    @on(Input.Submitted, "FilterInput")
    async def _open_match(self, event: Input.Submitted) -> None:
        """Open the row under the cursor, filtered by the current text."""
        event.stop()
        if self.rows.view is None or self.rows.view.text != self.filter.text:
            await self.reload()
        await self.action_open()

    def action_filter(self) -> None:
        """Focus the filter."""
        self.focus_filter()

    def action_clear_filter(self) -> None:
        """Clear the selection, else the filter; the cursor stays on its conversation."""
        if self.selection.ids and not self.filter.has_focus:
            self.selection.clear()
            return
        self._goal = self.rows.cursor_id
        self.filter.value = ""
        if self.filter.has_focus:
            self.filter.give_back_focus(self.rows)
        self._reload_soon()

    def drop_filter(self, goal: str | None = None) -> None:
        """Clear the filter if there is one: it has done its work, or is out of sight."""
        if self.filter.value:
            self._goal = goal
            self.filter.value = ""
            self._reload_soon()

    def on_hide(self) -> None:
        """Clear the filter: out of sight it would hide conversations unnoticed."""
        self.drop_filter(self.selected)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to the field while a title is edited, and escape to others while there is no filter."""
        if action in FIELD_ACTIONS:
            return not self.title.is_open
        if action == "clear_filter":
            return bool(self.filter.value or self.selection.ids) or self.filter.has_focus
        return True

    # Moving

    def action_move(self, move: Move) -> None:
        """Move the cursor."""
        self.selection.end_range()
        rows = self.rows
        match move:
            case "down" | "up":
                rows.move_to(rows.cursor + (1 if move == "down" else -1))
            case "first" | "last":
                rows.move_to(0 if move == "first" else rows.lines.rows - 1)
            case _:
                pages = 0.5 if move.startswith("half") else 1
                rows.move_by_page(pages if move.endswith("down") else -pages)

    # Requests

    @on(Rows.Clicked)
    async def _open_clicked(self, event: Rows.Clicked) -> None:
        """Open the row that was clicked, or select it."""
        event.stop()
        start, self.rows.cursor = self.rows.cursor, event.row
        if event.extends:
            await self.selection.extend_from(start)
        elif event.toggles:
            await self.selection.toggle()
        else:
            await self.action_open()

    async def action_open(self) -> None:
        """Open the conversation under the cursor."""
        if (row := await self.rows.read_row(self.rows.cursor)) is not None:
            self.post_message(self.Opened(row.id))
            self.drop_filter(row.id)

    async def action_delete(self) -> None:
        """Ask to delete the selected conversations, else the one under the cursor."""
        if ids := await self.selection.chosen():
            self.post_message(self.DeleteRequested(ids))

    async def action_label(self, what: Label) -> None:
        """Ask to pin, archive, tag or export the selected conversations, else the one under the cursor, or to copy the
        command that opens it in its own program.
        """
        if ids := await self.selection.chosen():
            self.post_message(self.LabelRequested(what, ids))

    # Selecting

    async def action_select(self) -> None:
        """Select the conversation under the cursor, or take it out of the selection."""
        await self.selection.toggle()

    async def action_extend(self, by: int) -> None:
        """Move the cursor, and select everything from where it was first moved so."""
        start = self.rows.cursor
        self.rows.move_to(start + by)
        await self.selection.extend_from(start)

    async def action_select_all(self) -> None:
        """Select every conversation of the list; when all are selected, none."""
        if not await self.selection.select_all():
            self.app.notify(f"The first {MOST_SELECTED:,} are selected.", markup=False)

    def _show_selection(self) -> None:
        """Say how many are selected."""
        line, count = self.query_one("#selection", Static), len(self.selection.ids)
        line.display = count > 0
        line.update(f"{count:,} selected, esc clears")
        self.post_message(self.SelectionChanged())

    # Renaming

    def action_rename(self) -> None:
        """Edit the title of the conversation under the cursor."""
        self._edit(None)

    def start_rename(self, conversation_id: str | None = None) -> None:
        """Edit the title of a conversation: by default the one under the cursor, without the focus the open one."""
        self._edit(conversation_id or (None if self.rows.has_focus else self.selected))

    @work(group="sidebar.rename", exclusive=True)
    async def _edit(self, conversation_id: str | None) -> None:
        if self.title.is_open:
            self.title.focus()
            return
        if conversation_id is not None and conversation_id != self.rows.cursor_id:
            self._goal = conversation_id
            await self.reload()
            if self.rows.cursor_id != conversation_id and self.filter.value:  # the filter hides it
                self.filter.value = ""
                self._goal = conversation_id
                await self.reload()
        if (row := await self.rows.read_row(self.rows.cursor)) is None or row.id != (conversation_id or row.id):
            return
        self.rows.move_to(self.rows.cursor)
        self.title.open(row.id, title_of(row))
        self._place_title()

    @on(Rows.Moved)
    def _place_title(self) -> None:
        """Keep the field over its row, at the nearest edge when the row is out of view."""
        if not self.title.is_open or not self.rows.lines.rows:
            return
        region = self.rows.region_of_title(self.rows.cursor)
        y = max(0, min(region.y, self.rows.size.height - 1))
        self.title.styles.width = region.width
        self.title.styles.offset = (region.x, self.rows.virtual_region.y + y)

    def _check_rename(self) -> None:
        """Close the field when its conversation is gone."""
        if self.title.is_open and self.rows.cursor_id not in (None, self.title.conversation_id):
            self._end_rename()
            self.app.notify("That conversation no longer exists.", severity="warning", markup=False)

    @on(Input.Submitted, "TitleInput")
    def _submit_title(self, event: Input.Submitted) -> None:
        """Post the new title, if it is one."""
        event.stop()
        self._finish_rename()

    @on(TitleInput.Left)
    def _leave_title(self, event: TitleInput.Left) -> None:
        """Keep what was typed when the focus goes elsewhere."""
        event.stop()
        self._finish_rename()

    @on(TitleInput.Cancelled)
    def _cancel_title(self, event: TitleInput.Cancelled) -> None:
        """Keep the old title."""
        event.stop()
        self._end_rename()

    def _finish_rename(self) -> None:
        conversation_id, title = self.title.conversation_id, self.title.value.strip(" ")
        changed = self.title.changed
        self._end_rename()
        if conversation_id is not None and title.strip() and changed:
            self.rows.retitle(conversation_id, title)
            self.post_message(self.RenameSubmitted(conversation_id, title))

    def _end_rename(self) -> None:
        if self.title.has_focus:
            self.title.give_back_focus(self.rows)
        self.title.close()
        self.post_message(self.RenameEnded())
