"""Mounted messages, the live replies among them, and the hints over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from time import monotonic, process_time

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.await_remove import AwaitRemove
from textual.content import Content
from textual.events import Mount
from textual.getters import query_one
from textual.message import Message as Event
from textual.reactive import reactive, var
from textual.timer import Timer
from textual.widget import AwaitMount, Widget
from textual.widgets import Static
from textual.worker import Worker

from sterna.storage import KEPT_REPLY, Clock, LiveReply, Message, StoreThread, utc_now

from .call_states import call_states
from .message_list import MessageList
from .message_view import MessageView
from .parts import MessageOptions
from .source import Page, Reply
from .thumbnails import Thumbnails

FRAMES = 12
"""Drawings of a live reply per second."""
REST = 4
"""Seconds without drawing after a drawing that took a second."""
MARK_FRAMES = 4
"""Frames between two movements of the mark."""
EMPTY = "No messages yet.\nWrite below, then press Enter to send."
NEW, NEWEST = " ↓ new messages ", " ↓ newest message "


class Hint(Static, can_focus=False):
    """Line over the messages, or in place of them."""

    ALLOW_SELECT = False


class Column(Widget):
    """Mounts, updates and removes messages; draws the live ones."""

    BLANK = True  # only its children are visible
    DEFAULT_CSS = """
    Column {
        layers: messages hints;
        & MessageList {
            layer: messages;
            scrollbar-size-vertical: 1;
            scrollbar-gutter: stable;
        }
        & MessageView {
            width: 1fr;
            margin: 1 0;
        }
        & MessageView.-user {
            background: $surface;
            max-width: 108;
        }
        & MessageView.-flash {
            background: $primary 15%;
        }
        & Hint {
            layer: hints;
            display: none;
        }
        & #transcript-new {
            dock: bottom;
            width: 1fr;
            height: 1;
            margin: 0 1 0 0;
            padding: 0 1;
            background: $panel;
            color: $primary;
            text-style: bold;
        }
        & #transcript-empty {
            width: 100%;
            height: 100%;
            content-align: center middle;
            text-align: center;
            color: $text-muted;
        }
    }
    """

    class ReplyDropped(Event):
        """A reply is no message of its own: it was deleted while it arrived, was no better than the one that it was to
        replace, or continued one.
        """

    conversation_id: var[str | None] = var(None)
    """Conversation on the screen; None for one that does not exist yet."""
    options: reactive[MessageOptions] = reactive(MessageOptions(), init=False)
    """Settings of how messages are drawn."""
    unseen: var[bool] = var(False)
    """True when there is something new below the screen."""
    empty_hint: var[str] = var(EMPTY)
    """Text of a conversation without messages."""

    search_pattern: var[re.Pattern[str] | None] = var(None)
    """Words to be highlighted in the messages."""

    selected: var[str | None] = var(None)
    """Id of the message under the cursor."""

    messages = query_one(MessageList)

    def __init__(self, store: StoreThread, *, clock: Clock = utc_now, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._clock = clock
        self._views: list[MessageView] = []
        self._replies: dict[str, Reply] = {}
        self._versions: dict[str, int] = {}
        self._frame = self._next_frame = 0
        self._ticker: Timer | None = None
        self._thumbnails = Thumbnails(store)

    def compose(self) -> ComposeResult:
        yield MessageList()
        yield Hint(Content(EMPTY), id="transcript-empty")
        yield Hint(Content(NEW), id="transcript-new")

    @on(Mount)
    def _start_ticker(self) -> None:
        self.watch(self.messages, "follow", self._show_newest_hint, init=False)
        self._ticker = self.set_interval(1 / FRAMES, self._draw_live, pause=True)
        self._show_hints()

    # The mounted messages

    def _set_views(self, views: Sequence[MessageView]) -> AwaitComplete:
        """Mount exactly ``views``; those that stay are not touched. May be awaited."""
        remaining = set(views)
        self.messages.keep(remaining)
        awaits: list[AwaitMount | AwaitRemove] = []
        for removed in [view for view in self._views if view not in remaining]:
            removed.display = False  # it takes no space from now on, though removing takes a moment
            awaits.append(removed.remove())
        present = set(self._views)
        run: list[MessageView] = []
        for view in views:
            if view not in present:
                run.append(view)
            elif run:
                awaits.append(self.messages.mount_all(run, before=view))
                run = []
        if run:
            awaits.append(self.messages.mount_all(run))
        self._views = list(views)
        self._show_hints()
        self._resume_ticker()

        async def done() -> None:
            for waiting in awaits:
                await waiting

        return AwaitComplete(done())

    @property
    def loaded(self) -> list[MessageView]:
        """Messages that are mounted, oldest first."""
        return list(self._views)

    @property
    def selected_message(self) -> MessageView | None:
        """Message under the cursor."""
        return self.view_of(self.selected)

    @property
    def live_views(self) -> list[MessageView]:
        """Replies that are arriving."""
        return [view for view in self._views if view.is_live]

    def view_of(self, message_id: str | None) -> MessageView | None:
        """Return the view of a message; None where it is not mounted."""
        return next((view for view in self._views if view.message_id == message_id), None)

    def _view(self, message: Message | LiveReply) -> MessageView:
        view = MessageView(message, self.options, self._clock())
        view.search_pattern = self.search_pattern
        return view

    def _message_views(self, page: Page, known: dict[str, MessageView]) -> list[MessageView]:
        """Return the views of a page's messages, brought up to date."""
        views = []
        for message in page.messages:
            view = known.get(message.id) or self._view(message)
            view.show_message(message)
            if message.attachments and self.options.images:
                self._show_pictures(view, message)
            view.show_version(page.versions.get(message.id))
            view.show_end(message is page.messages[-1] and not page.newer)
            views.append(view)
        return views

    def _show_pictures(self, view: MessageView, message: Message) -> None:
        """Show the pictures of a message: those that are drawn already at once, others later."""
        view.show_pictures(self._thumbnails.of(message))
        if self._thumbnails.wanted(message):
            _: Worker[None] = self.run_worker(partial(self._draw_pictures, view, message), group="transcript.pictures")

    async def _draw_pictures(self, view: MessageView, message: Message) -> None:
        if await self._thumbnails.draw(message) and view.is_attached:
            view.show_pictures(self._thumbnails.of(message))

    def _live_views(self, page: Page, known: dict[str, MessageView]) -> list[MessageView]:
        """Return the views of live replies: this process's are drawn from memory, others' from the store."""
        views = []
        for row in page.live:
            if (view := known.get(row.id)) is None:
                view = self._view(row)
                self._versions.pop(row.id, None)  # nothing of the reply in memory is drawn in this one yet
            if row.id not in self._replies:
                view.show_live(row.content, row.reasoning, row.metadata, waits_for=row.waiting or "", is_mine=row.mine)
            views.append(view)
        begun = {row.id for row in page.live} | page.live_elsewhere
        views += [view for id, view in known.items() if view.is_live and self._is_running(id) and id not in begun]
        for view in views:
            self._draw(view)
        return views

    def _is_running(self, reply_id: str) -> bool:
        return reply_id in self._replies and self._replies[reply_id].running

    # Live replies

    def _resume_ticker(self) -> None:
        if self._ticker is not None and any(view.is_live for view in self._views):
            self._ticker.resume()

    def _draw_live(self) -> None:
        live = [view for view in self._views if view.is_live]
        self._frame += 1
        if self._frame < self._next_frame:
            return
        began = process_time()
        for view in live:
            self._draw(view)
            if view.is_live and self._frame % MARK_FRAMES == 0:
                view.move_mark()
        # A reply that is one endless list costs more and more: it is drawn less often, so that keys are never delayed.
        self._next_frame = self._frame + 1 + int((process_time() - began) * FRAMES * REST)
        if not live and self._ticker is not None:
            self._ticker.pause()

    def _draw(self, view: MessageView) -> None:
        if (reply := self._replies.get(view.message_id)) is None:
            return
        if reply.message is not None:
            self._settle(reply)
            return
        if not reply.running:
            self._replies.pop(reply.id)
            self.post_message(self.ReplyDropped())
            return
        states = call_states(reply, monotonic())
        if states or self._versions.get(reply.id) != reply.version:
            view.show_live(reply.content, reply.reasoning, reply.details, states, waits_for=reply.waits_for)
        if self._versions.get(reply.id) != reply.version:
            self._versions[reply.id] = reply.version
            self._mark_unseen()

    def _settle(self, reply: Reply) -> None:
        """Show a reply that has become a message in the same widget."""
        self._replies.pop(reply.id, None)
        self._versions.pop(reply.id, None)
        if reply.message is not None and (KEPT_REPLY in reply.message.metadata or reply.message.id != reply.id):
            self.post_message(self.ReplyDropped())  # another reply is shown in its place, or has its text
        elif reply.message is not None and (view := self.view_of(reply.id)) is not None:
            view.show_message(reply.message)
            self._mark_unseen()

    # Hints

    def _mark_unseen(self) -> None:
        """Show that something was added at the end, unless the end is in view."""
        self.unseen = self.unseen or not self.messages.follow

    def _show_hints(self) -> None:
        for hint in self.query("#transcript-empty"):  # none once the transcript is being removed
            hint.display = not self._views

    def _watch_unseen(self) -> None:
        self._show_newest_hint()

    def _show_newest_hint(self) -> None:
        """Show the way to the newest message while it is out of view."""
        for hint in self.query("#transcript-new").results(Hint):
            hint.display = bool(self._views) and (self.unseen or not self.messages.follow)
            hint.update(Content(f"{NEW if self.unseen else NEWEST} {self.options.end_key} "))

    def _watch_empty_hint(self, text: str) -> None:
        for hint in self.query("#transcript-empty").results(Hint):
            hint.update(Content(text))

    def _watch_search_pattern(self, pattern: re.Pattern[str] | None) -> None:
        for view in self._views:
            view.search_pattern = pattern
            view.refresh()

    def _watch_options(self, options: MessageOptions) -> None:
        for view in self._views:
            view.show_options(options)
