"""The part of a conversation that is on the screen and around it: a window of messages, paged by key, so that ten
thousand open like forty. It reads only through the store's thread, and whatever comes back after the person has gone on
to another conversation is dropped.
"""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from textual import on, work
from textual.events import Click

from sterna.storage import Change, Clock, StoreError, StoreThread, utc_now

from ..markdown import Place
from . import source
from .column import Column
from .message_list import MessageList
from .message_view import MessageView
from .source import WINDOW, Key, Page, Reply

Found = TypeVar("Found")

NEAR = 2
"""Screens before the end of the window at which the next page is read."""
TOP = Place(0, 0, 0, 0)


class Window(Column):
    """Reads the conversation, and keeps what is mounted true."""

    def __init__(self, store: StoreThread, *, clock: Clock = utc_now, id: str | None = None) -> None:
        super().__init__(store, clock=clock, id=id)
        self._visit = 0
        self._older = self._newer = False
        self._end: Key | None = None
        self._lock = Lock()
        self._places: dict[str, tuple[str, Place, int]] = {}

    # What the screen tells

    async def show(self, session_id: str | None, *, at: str | None = None) -> None:
        """Show a conversation: at message ``at``, else where it was left, else at its end."""
        self._visit += 1
        visit = self._visit
        if session_id is not None and session_id == self.session_id and (at is None or self._find(at) is not None):
            await self._read_again(visit)
            if visit == self._visit and at is not None:
                self._go_to(at)
            return
        self._leave()
        async with self._lock:
            if visit == self._visit:
                await self._open(session_id, at, visit)

    async def _open(self, session_id: str | None, at: str | None, visit: int) -> None:
        left = self._places.get(session_id or "") if at is None else None
        page = await self._read_first(session_id, at or (left[0] if left else None))
        if visit != self._visit:
            return
        self._places.pop(session_id or "", None)
        self.session_id = session_id
        self._older, self._newer, self._end = page.older, page.newer, page.end
        self.messages.complete = self.messages.follow = not page.newer
        self.unseen = False
        with self.app.batch_update():
            mounted = self._put(self._shown(page, {}) + self._live_views(page, {}))
            if at is not None and (found := self._find(at)) is not None:
                self.messages.hold(found, TOP, -self._lead)
            elif left is not None and (found := self._find(left[0])) is not None:
                self.messages.hold(found, left[1], left[2])
            await mounted
        self._settle_down()

    def refresh_session(self, change: Change) -> None:
        """Read again what a commit may have changed."""
        if self.session_id is not None and (change.elsewhere or self.session_id in change.sessions):
            self._reread(self._visit)

    def attach(self, reply: Reply) -> None:
        """Draw a reply of this process while it arrives, whenever its conversation is shown. A new one is gone to."""
        new = reply.id not in self._replies
        if reply.message is not None:
            self._replies.pop(reply.id, None)
            self._settle(reply)
            return
        self._replies[reply.id] = reply
        if new and reply.session_id == self.session_id:
            if self._newer:
                self.to_end()
            else:
                self.messages.follow = True
                self._reread(self._visit)

    def to_end(self) -> None:
        """Go to the end of the conversation and stay there."""
        if self._newer:
            self._show_page(source.newest, self._visit, end=True)
        else:
            self.messages.to_end()

    def to_start(self) -> None:
        """Go to the beginning of the conversation."""
        if self._older:
            self._show_page(source.oldest, self._visit, end=False)
        else:
            self.messages.jump(0)

    # Reading

    async def _read_first(self, session_id: str | None, at: str | None) -> Page:
        if session_id is None:
            return Page([])
        if at is None:
            return await self._store.run(source.newest, session_id)
        return await self._store.run(source.around, session_id, at)

    @work(exclusive=True, group="transcript.reread")
    async def _reread(self, visit: int) -> None:
        await self._read_again(visit)

    async def _read_again(self, visit: int) -> None:
        """Bring the window up to date."""
        async with self._lock:
            if (session_id := self.session_id) is None:
                return
            settled = self._settled()
            if settled:
                last = settled[-1].key if self._newer else None
                page = await self._ask(source.again, session_id, settled[0].key, last)
            else:
                page = await self._ask(source.newest, session_id)
            if page is None or visit != self._visit:
                return
            messages = page.messages
            self._older = self._older or page.older
            self._newer = self._newer or page.newer
            if len(messages) > WINDOW:
                # What is let go of lies beyond the end that the person does not look at.
                end = self.messages.follow
                messages = messages[-WINDOW:] if end else messages[:WINDOW]
                self._older, self._newer = self._older or end, self._newer or not end
            known = {view.message_id: view for view in self._views}
            views = self._shown(replace(page, messages=messages), known)
            if page.end != self._end:
                self._end = page.end
                self._notice_below()
            self.messages.complete = not self._newer
            self._put(views + ([] if self._newer else self._live_views(page, known)))
        self._settle_down()

    @work(exclusive=True, group="transcript.page")
    async def _show_page(self, read: Callable[..., Page], visit: int, *, end: bool) -> None:
        """Replace the window by one end of the same conversation."""
        async with self._lock:
            if (session_id := self.session_id) is None:
                return
            page = await self._ask(read, session_id)
            if page is None or visit != self._visit:
                return
            self._older, self._newer = page.older, page.newer
            self.messages.complete = not page.newer
            known = {view.message_id: view for view in self._views}
            views = self._shown(page, known)
            with self.app.batch_update():
                mounted = self._put(views + ([] if page.newer else self._live_views(page, known)))
                if end:
                    self.messages.follow = True
                elif views:
                    self.messages.hold(views[0], TOP, -1)
                await mounted
        self._settle_down()

    @work(exclusive=True, group="transcript.page")
    async def _page(self, visit: int, *, older: bool) -> None:
        """Add a page at one end, and let go of what is too far beyond the other."""
        async with self._lock:
            settled = self._settled()
            if (session_id := self.session_id) is None or not settled:
                return
            read, key = (source.before, settled[0].key) if older else (source.after, settled[-1].key)
            page = await self._ask(read, session_id, key)
            if page is None or visit != self._visit:
                return
            more = self._shown(page, {})
            every = more + settled if older else settled + more
            dropped = len(every) > WINDOW
            if older:
                self._older, self._newer = page.older, self._newer or dropped
                views = every[:WINDOW] + ([] if self._newer else [view for view in self._views if view.live])
            else:
                self._older, self._newer = self._older or dropped, page.newer
                views = every[-WINDOW:]
            self.messages.complete = not self._newer
            with self.app.batch_update():
                await self._put(views)
        self._settle_down()
        if not older and not self._newer:
            self._reread(visit)  # the end is here: so are the replies that arrive

    def _settled(self) -> list[MessageView]:
        return [view for view in self._views if not view.live]

    async def _ask(self, read: Callable[..., Found], *args: object) -> Found | None:
        """What ``read`` finds; None, and a word to the person, when the file cannot be read."""
        try:
            return await self._store.run(read, *args)
        except StoreError as error:
            self.notify(str(error), severity="error", markup=False)
            return None

    @on(Column.Lost)
    def _drop_lost(self) -> None:
        self._reread(self._visit)

    # Moving

    @on(MessageList.Scrolled)
    def _follow_scrolling(self) -> None:
        """Read on when an end of the window comes near."""
        if self.messages.follow:
            self.unseen = False
        self._look_ahead()

    @on(Click, "#transcript-new")
    def _see_new(self) -> None:
        self.to_end()

    @property
    def _lead(self) -> int:
        """Rows above a message that was jumped to: what led to it stays in sight."""
        return self.messages.size.height // 4

    def _go_to(self, message_id: str) -> None:
        """Put a mounted message in view."""
        column, view = self.messages, self._find(message_id)
        span = column.span(view) if view is not None else None
        if span is not None and not (column.scroll_y <= span[0] and span[1] <= column.scroll_y + column.size.height):
            column.jump(max(0, span[0] - self._lead))

    def _settle_down(self) -> None:
        self.call_after_refresh(self._look_ahead)

    def _look_ahead(self) -> None:
        column = self.messages
        near = NEAR * column.size.height
        if self._lock.locked() or not column.size.height:
            return
        if self._older and column.scroll_y < near:
            self._page(self._visit, older=True)
        elif self._newer and column.max_scroll_y - column.scroll_y < near:
            self._page(self._visit, older=False)

    def _leave(self) -> None:
        """Remember where this conversation is left, unless that is its end."""
        held = self.messages.held()
        if self.session_id is not None and held is not None and not self.messages.follow and held.view in self._views:
            self._places[self.session_id] = (held.view.message_id, held.place, held.delta)
