"""Window of mounted messages, paged by key, so that ten thousand messages open like forty.

It reads only through the store's thread; what comes back after another conversation was opened is dropped.
"""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from textual import on, work
from textual.events import Click

from sterna.storage import Change, Clock, StoreError, StoreThread, utc_now

from ..markdown import Position
from . import source
from .column import Column
from .message_list import TOP, MessageList
from .message_view import MessageView
from .source import WINDOW, Key, Page, Reply

Result = TypeVar("Result")

NEAR = 2
"""Distance from the end of the window, in screens, at which the next page is read."""


class Window(Column):
    """Reads the conversation and keeps the mounted messages up to date."""

    def __init__(self, store: StoreThread, *, clock: Clock = utc_now, id: str | None = None) -> None:
        super().__init__(store, clock=clock, id=id)
        self._opening = 0
        self._older = self._newer = False
        self._end: Key | None = None
        self._lock = Lock()
        self._positions: dict[str, tuple[str, Position, int]] = {}
        """Message, position and rows above the top, of conversations that were left."""

    # Interface of the main screen

    async def show(self, conversation_id: str | None, *, at: str | None = None) -> None:
        """Show a conversation at message ``at``, else where it was left, else at its end."""
        self._opening += 1
        opening = self._opening
        if (
            conversation_id is not None
            and conversation_id == self.conversation_id
            and (at is None or self.view_of(at) is not None)
        ):
            await self._read_again(opening)
            if opening == self._opening and at is not None:
                self._go_to(at)
            return
        self._remember_position()
        async with self._lock:
            if opening == self._opening:
                await self._open(conversation_id, at, opening)

    def row_of(self, message_id: str) -> int:
        """Return the row of the screen on which a message begins."""
        view = self.view_of(message_id)
        span = self.messages.span(view) if view is not None else None
        return span[0] - self.messages.scroll_offset.y if span is not None else self._lead

    async def show_at_row(self, message_id: str, row: int) -> None:
        """Show a message of the same conversation, where possible on that row of the screen."""
        self._opening += 1
        opening = self._opening
        async with self._lock:
            if opening == self._opening:
                await self._open(self.conversation_id, message_id, opening, row=row)

    async def _open(self, conversation_id: str | None, at: str | None, opening: int, *, row: int | None = None) -> None:
        left = self._positions.get(conversation_id or "") if at is None else None
        page = await self._read_first(conversation_id, at or (left[0] if left else None))
        if opening != self._opening:
            return
        self._positions.pop(conversation_id or "", None)
        is_same = conversation_id == self.conversation_id
        known = {view.message_id: view for view in self._views} if is_same else {}
        self.conversation_id = conversation_id
        self._older, self._newer, self._end = page.older, page.newer, page.end
        self.messages.complete = self.messages.follow = not page.newer
        self.unseen = False
        with self.app.batch_update():
            live = [] if page.newer else self._live_views(page, known)
            mounted = self._set_views(self._message_views(page, known) + live)
            if at is not None and (view := self.view_of(at)) is not None:
                self.messages.pin(view, TOP, -(self._lead if row is None else max(0, min(row, self._last_row))))
            elif left is not None and (view := self.view_of(left[0])) is not None:
                self.messages.pin(view, left[1], left[2])
            await mounted
        self._page_ahead_soon()

    def refresh_session(self, change: Change) -> None:
        """Read again what a commit may have changed."""
        if self.conversation_id is not None and (change.elsewhere or self.conversation_id in change.sessions):
            self._reread(self._opening)

    def attach(self, reply: Reply) -> None:
        """Draw a reply of this process while it arrives, whenever its conversation is shown. Scroll to a new one."""
        is_new = reply.id not in self._replies
        if reply.message is not None:
            self._replies.pop(reply.id, None)
            self._settle(reply)
            return
        self._replies[reply.id] = reply
        if is_new and reply.session_id == self.conversation_id:
            if self._newer:
                self.to_end()
            else:
                self.messages.follow = True
                self._reread(self._opening)

    def to_end(self) -> None:
        """Scroll to the end of the conversation and stay there."""
        if self._newer:
            self._show_page(source.newest, self._opening, end=True)
        else:
            self.messages.to_end()

    def to_start(self) -> None:
        """Scroll to the beginning of the conversation."""
        if self._older:
            self._show_page(source.oldest, self._opening, end=False)
        else:
            self.messages.jump(0)

    # Reading

    async def _read_first(self, conversation_id: str | None, at: str | None) -> Page:
        if conversation_id is None:
            return Page([])
        if at is None:
            return await self._store.run(source.newest, conversation_id)
        return await self._store.run(source.around, conversation_id, at)

    @work(exclusive=True, group="transcript.reread")
    async def _reread(self, opening: int) -> None:
        await self._read_again(opening)

    async def _read_again(self, opening: int) -> None:
        """Bring the window up to date."""
        async with self._lock:
            if (conversation_id := self.conversation_id) is None:
                return
            settled = self._settled()
            if settled:
                last = settled[-1].key if self._newer else None
                page = await self.read(source.between, conversation_id, settled[0].key, last)
            else:
                page = await self.read(source.newest, conversation_id)
            if page is None or opening != self._opening:
                return
            messages = page.messages
            self._older = self._older or page.older
            self._newer = self._newer or page.newer
            if len(messages) > WINDOW:
                # Messages are dropped at the end that is not in view.
                at_end = self.messages.follow
                messages = messages[-WINDOW:] if at_end else messages[:WINDOW]
                self._older, self._newer = self._older or at_end, self._newer or not at_end
            known = {view.message_id: view for view in self._views}
            views = self._message_views(replace(page, messages=messages), known)
            if page.end != self._end:
                self._end = page.end
                self._mark_unseen()
            self.messages.complete = not self._newer
            self._set_views(views + ([] if self._newer else self._live_views(page, known)))
        self._page_ahead_soon()

    @work(exclusive=True, group="transcript.page")
    async def _show_page(self, read: Callable[..., Page], opening: int, *, end: bool) -> None:
        """Replace the window by one end of the same conversation."""
        async with self._lock:
            if (conversation_id := self.conversation_id) is None:
                return
            page = await self.read(read, conversation_id)
            if page is None or opening != self._opening:
                return
            self._older, self._newer = page.older, page.newer
            self.messages.complete = not page.newer
            known = {view.message_id: view for view in self._views}
            views = self._message_views(page, known)
            with self.app.batch_update():
                mounted = self._set_views(views + ([] if page.newer else self._live_views(page, known)))
                if end:
                    self.messages.follow = True
                elif views:
                    self.messages.pin(views[0], TOP, -1)
                await mounted
        self._page_ahead_soon()

    @work(exclusive=True, group="transcript.page")
    async def _page(self, opening: int, *, older: bool) -> None:
        """Add a page at one end, and remove what is too far beyond the other."""
        async with self._lock:
            settled = self._settled()
            if (conversation_id := self.conversation_id) is None or not settled:
                return
            read, key = (source.before, settled[0].key) if older else (source.after, settled[-1].key)
            page = await self.read(read, conversation_id, key)
            if page is None or opening != self._opening:
                return
            more = self._message_views(page, {})
            every = more + settled if older else settled + more
            is_cut = len(every) > WINDOW
            if older:
                self._older, self._newer = page.older, self._newer or is_cut
                views = every[:WINDOW] + ([] if self._newer else [view for view in self._views if view.is_live])
            else:
                self._older, self._newer = self._older or is_cut, page.newer
                views = every[-WINDOW:]
            self.messages.complete = not self._newer
            with self.app.batch_update():
                await self._set_views(views)
        self._page_ahead_soon()
        if not older and not self._newer:
            self._reread(opening)  # the end is here, and so are live replies

    def _settled(self) -> list[MessageView]:
        return [view for view in self._views if not view.is_live]

    async def read(self, read: Callable[..., Result], *args: object) -> Result | None:
        """Return what ``read`` returns; None, after a notice, when the store cannot be read, and at the end."""
        try:
            result = await self._store.run(read, *args)
        except StoreError as error:
            self.notify(str(error), severity="error", markup=False)
            return None
        return result if self.query(MessageList) else None  # its parts may have been removed meanwhile

    @on(Column.ReplyDropped)
    def _reread_dropped(self) -> None:
        self._reread(self._opening)

    # Moving

    @on(MessageList.Scrolled)
    def _follow_scrolling(self) -> None:
        """Read on when an end of the window comes near."""
        if self.messages.follow:
            self.unseen = False
        self._page_ahead()

    @on(Click, "#transcript-new")
    def _show_newest(self) -> None:
        self.to_end()

    @property
    def _lead(self) -> int:
        """Rows above a message that was jumped to: what led to it stays in view."""
        return self.messages.size.height // 4

    @property
    def _last_row(self) -> int:
        return max(0, self.messages.size.height - 1)

    def _go_to(self, message_id: str) -> None:
        """Scroll a mounted message into view."""
        column, view = self.messages, self.view_of(message_id)
        span = column.span(view) if view is not None else None
        if span is not None and not (column.scroll_y <= span[0] and span[1] <= column.scroll_y + column.size.height):
            column.jump(max(0, span[0] - self._lead))

    def reveal(self, view: MessageView, position: Position) -> None:
        """Scroll a position of a message into view, with some rows above it, unless it is there."""
        column, span = self.messages, self.messages.span(view)
        if span is None:  # it has just been mounted
            column.pin(view, position, -self._lead)
            return
        row = span[0] + view.row_of(position, view.size.width)
        if not column.scroll_y <= row < column.scroll_y + column.size.height - 1:
            column.jump(max(0, row - self._lead))

    def further(self, step: int) -> Key | None:
        """Return the key from which more messages can be read, after the loaded ones or with -1 before them."""
        settled = self._settled()
        if not settled or not (self._newer if step > 0 else self._older):
            return None
        return settled[-1 if step > 0 else 0].key

    def _page_ahead_soon(self) -> None:
        self.call_after_refresh(self._page_ahead)

    def _page_ahead(self) -> None:
        column = self.messages
        near = NEAR * column.size.height
        if self._lock.locked() or not column.size.height:
            return
        if self._older and column.scroll_y < near:
            self._page(self._opening, older=True)
        elif self._newer and column.max_scroll_y - column.scroll_y < near:
            self._page(self._opening, older=False)

    def _remember_position(self) -> None:
        """Remember where this conversation is left, unless that is its end."""
        pin = self.messages.pinned
        if (
            self.conversation_id is not None
            and pin is not None
            and not self.messages.follow
            and pin.view in self._views
        ):
            self._positions[self.conversation_id] = (pin.view.message_id, pin.position, pin.delta)
