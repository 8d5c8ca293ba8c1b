"""The messages that are mounted, the replies among them that still arrive, and the hints over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import process_time

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

from sterna.storage import KEPT_REPLY, Clock, LiveReply, Message, StoreThread, utc_now

from .message_list import MessageList
from .message_view import MessageView
from .parts import Look
from .source import Page, Reply

FRAMES = 12
"""Drawings of a live reply a second."""
SHARE = 4
"""A drawing that takes a second is followed by this many seconds without one."""
BEAT = 4
"""Frames between two movements of its mark."""
EMPTY = "No messages yet.\nWrite below, then press Enter to send."
NEW, NEWEST = " ↓ new messages ", " ↓ newest message "


class Hint(Static, can_focus=False):
    """A line over or instead of the messages."""

    ALLOW_SELECT = False


class Column(Widget):
    """Mounts, updates and removes messages; draws the live ones."""

    BLANK = True  # only what lies on it is seen
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
            width: auto;
            height: 1;
            margin: 0 0 0 2;
            background: $primary;
            color: auto;
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

    class Lost(Event):
        """A reply was deleted while it arrived, or brought nothing better than the one that it was to replace."""

    session_id: var[str | None] = var(None)
    """The conversation shown; None for one that does not exist yet."""
    look: reactive[Look] = reactive(Look(), init=False)
    """How messages are drawn."""
    unseen: var[bool] = var(False)
    """Something new stands below the screen."""
    empty_hint: var[str] = var(EMPTY)
    """What a conversation without messages says."""

    found: var[re.Pattern[str] | None] = var(None)
    """Words to be marked in the messages, because a search found them."""

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

    def compose(self) -> ComposeResult:
        yield MessageList()
        yield Hint(Content(EMPTY), id="transcript-empty")
        yield Hint(Content(NEW), id="transcript-new")

    @on(Mount)
    def _start_ticker(self) -> None:
        self.watch(self.messages, "follow", self._show_way_back, init=False)
        self._ticker = self.set_interval(1 / FRAMES, self._draw_live, pause=True)
        self._show_hints()

    # The mounted messages

    def _put(self, views: Sequence[MessageView]) -> AwaitComplete:
        """Make the column show exactly ``views``, at once; those that stay are not touched. May be awaited."""
        kept = set(views)
        awaits: list[AwaitMount | AwaitRemove] = []
        for gone in [view for view in self._views if view not in kept]:
            gone.display = False  # it takes no room from now on, though removing takes a moment
            awaits.append(gone.remove())
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
        self._wake()

        async def done() -> None:
            for waiting in awaits:
                await waiting

        return AwaitComplete(done())

    def _find(self, message_id: str | None) -> MessageView | None:
        return next((view for view in self._views if view.message_id == message_id), None)

    def _view(self, message: Message | LiveReply) -> MessageView:
        view = MessageView(message, self.look, self._clock())
        view.found = self.found
        return view

    def _shown(self, page: Page, known: dict[str, MessageView]) -> list[MessageView]:
        """Return the views of a page's messages, with what they are now."""
        views = []
        for message in page.messages:
            view = known.get(message.id) or self._view(message)
            view.show_message(message)
            view.show_versions(page.versions.get(message.id, 1))
            views.append(view)
        return views

    def _live_views(self, page: Page, known: dict[str, MessageView]) -> list[MessageView]:
        """Views of the replies that arrive: this process's drawn from memory, others' from the file."""
        views = []
        for row in page.live:
            view = known.get(row.id) or self._view(row)
            if row.id not in self._replies:
                view.show_live(row.content, row.reasoning)
            views.append(view)
        begun = {row.id for row in page.live}
        views += [view for id, view in known.items() if view.live and self._is_running(id) and id not in begun]
        for view in views:
            self._draw(view)
        return views

    def _is_running(self, reply_id: str) -> bool:
        return reply_id in self._replies and self._replies[reply_id].running

    # Replies that arrive

    def _wake(self) -> None:
        if self._ticker is not None and any(view.live for view in self._views):
            self._ticker.resume()

    def _draw_live(self) -> None:
        live = [view for view in self._views if view.live]
        self._frame += 1
        if self._frame < self._next_frame:
            return
        began = process_time()
        for view in live:
            self._draw(view)
            if view.live and self._frame % BEAT == 0:
                view.beat()
        # A reply that is one endless list costs more and more: it is drawn less often, never at the cost of the keys.
        self._next_frame = self._frame + 1 + int((process_time() - began) * FRAMES * SHARE)
        if not live and self._ticker is not None:
            self._ticker.pause()

    def _draw(self, view: MessageView) -> None:
        if (reply := self._replies.get(view.message_id)) is None:
            return
        if reply.message is not None:
            self._settle(reply)
        elif not reply.running:
            self._replies.pop(reply.id)
            self.post_message(self.Lost())
        elif self._versions.get(reply.id) != reply.version:
            self._versions[reply.id] = reply.version
            view.show_live(reply.content, reply.reasoning)
            self._notice_below()

    def _settle(self, reply: Reply) -> None:
        """The reply has become a message: the same widget shows it."""
        self._replies.pop(reply.id, None)
        self._versions.pop(reply.id, None)
        if reply.message is not None and KEPT_REPLY in reply.message.metadata:
            self.post_message(self.Lost())  # another reply stays in its place
        elif reply.message is not None and (view := self._find(reply.id)) is not None:
            view.show_message(reply.message)
            self._notice_below()

    # Hints

    def _notice_below(self) -> None:
        """Something was added at the end: say so unless the end is in view."""
        self.unseen = self.unseen or not self.messages.follow

    def _show_hints(self) -> None:
        for hint in self.query("#transcript-empty"):  # none once the transcript is being taken away
            hint.display = not self._views

    def watch_unseen(self) -> None:
        self._show_way_back()

    def _show_way_back(self) -> None:
        """Show the way to the newest message while it is out of sight."""
        for hint in self.query("#transcript-new").results(Hint):
            hint.display = bool(self._views) and (self.unseen or not self.messages.follow)
            hint.update(Content(f"{NEW if self.unseen else NEWEST} {self.look.end_key} "))

    def watch_empty_hint(self, text: str) -> None:
        for hint in self.query("#transcript-empty").results(Hint):
            hint.update(Content(text))

    def watch_found(self, found: re.Pattern[str] | None) -> None:
        for view in self._views:
            view.found = found
            view.refresh()

    def watch_look(self, look: Look) -> None:
        for view in self._views:
            view.show_look(look)
