"""Column with one of the replies: its model, how it stands, and its text, which scrolls by itself."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Static

from sterna.storage import LiveReply, clean
from sterna.storage.text import one_line

from ..counts import counted
from ..transcript import MessageOptions
from ..transcript.call_states import call_states
from ..transcript.message_view import MessageView
from ..transcript.parts import usage_text

if TYPE_CHECKING:
    from sterna.chat import Reply

LONGEST_NAME = 80
MARKS = {"done": "✓", "failed": "✗", "stopped": "■", "interrupted": "■"}
"""Marks of replies that have ended."""
WORDS = {"done": "complete", "failed": "failed", "stopped": "stopped", "interrupted": "interrupted"}
STYLES = {"done": "$text-success", "failed": "$text-error"}


class ReplyScroll(VerticalScroll):
    """Text of the reply."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("space", "page_down", "A page down", show=False),
        Binding("g", "scroll_home", "To the beginning", show=False),
        Binding("G", "scroll_end", "To the end", show=False),
    ]


class ReplyColumn(Vertical):
    """One reply, as it arrives and once it is settled."""

    DEFAULT_CSS = """
    ReplyColumn {
        width: 1fr;
        height: 1fr;
        border: round $border-blurred;
        border-title-color: $foreground;
        &:focus-within {
            border: heavy $border;
            border-title-color: $primary;
            border-title-style: bold;
        }
        & > .state {
            height: auto;
            padding: 0 2;
        }
        & > ReplyScroll {
            scrollbar-size-vertical: 1;
            scrollbar-gutter: stable;
        }
        & MessageView {
            width: 1fr;
            margin: 1 0 0 0;
        }
        .-short & MessageView {
            margin: 0;
        }
    }
    """

    state = query_one(".state", Static)
    scroll = query_one(ReplyScroll)
    view = query_one(MessageView)

    def __init__(self, number: int, reply: Reply, options: MessageOptions, now: datetime) -> None:
        super().__init__()
        self.reply = reply
        self._title = f"{number} {one_line(reply.model or '', LONGEST_NAME)}"
        self._options = options
        self._now = now
        self._version = -1

    def compose(self) -> ComposeResult:
        """Compose the state and the text."""
        reply = self.reply
        row = LiveReply(
            reply.id, reply.session_id, reply.user_message_id, reply.model, "", reply.content, reply.reasoning, True
        )
        yield Static(markup=False, classes="state")
        with ReplyScroll():
            yield MessageView(row, self._options, self._now)

    def on_mount(self) -> None:
        """Show what there is."""
        self.draw()

    def show_title(self, *, has_corners: bool) -> None:
        """Show the model in the border; one without corners adds no space around it."""
        self.border_title = Content(self._title if has_corners else f" {self._title} ")

    def draw(self) -> None:
        """Show how far the reply is. The end of its text stays in view unless somebody has scrolled."""
        reply, scroll = self.reply, self.scroll
        if not self.is_attached:
            return
        if (state := state_text(reply, monotonic())) != self.state.content:
            self.state.update(state)
        if reply.message is not None:
            self.view.show_message(reply.message)
            return
        calls = call_states(reply, monotonic())
        if calls or reply.version != self._version:
            if scroll.scroll_y >= scroll.max_scroll_y:
                self.call_after_refresh(scroll.scroll_end, animate=False)
            self._version = reply.version
            self.view.show_live(
                reply.content, reply.reasoning, reply.details, calls, waits_for=reply.waits_for, is_mine=False
            )

    def on_message_view_clicked(self, event: MessageView.Clicked) -> None:
        """Open or close the reasoning or the tool call that was clicked."""
        event.stop()
        if event.on_reasoning:
            event.view.toggle_reasoning()
        elif event.tool_call is not None:
            event.view.toggle_tool_call(event.tool_call)


def mark(reply: Reply) -> str:
    """Return the mark of a reply, as it arrives, asks for a tool, or has ended."""
    if reply.message is not None:
        return MARKS[reply.message.finish]
    if reply.asking is not None:
        return "?"
    return "…" if reply.running else MARKS["failed"]


def state_text(reply: Reply, now: float) -> Content:
    """Return how a reply stands: what it does and for how long, or how it ended, with time, tokens and cost."""
    message = reply.message
    if message is not None:
        word, style = WORDS[message.finish], STYLES.get(message.finish, "$text-warning")
        usage = usage_text(message)
        return Content.assemble((f"{mark(reply)} {word}", style), (f" · {usage}" if usage else "", "$foreground 80%"))
    if reply.problem is not None:
        return Content.styled(clean(reply.problem), "$text-error")
    if not reply.running:
        return Content.styled("The conversation was deleted.", "$text-error")
    if reply.asking is not None:
        return Content.styled("a tool waits for your answer", "$text-warning")
    if reply.call_started:
        return Content.styled(f"tool runs {max(0, now - reply.call_started):.0f} s", "$text-accent")
    seconds = f"{now - reply.started:.0f} s"
    if reply.waits_for:
        return Content.styled(f"provider away, waiting {seconds}", "$text-warning")
    if reply.waiting is not None:
        return Content.styled(f"provider busy, trying again, {seconds}", "$text-warning")
    if reply.content:
        size = counted(round(len(reply.content) / 4), "token")
        return Content.styled(f"replying {seconds} · about {size}", "$text-accent")
    return Content.styled(f"{'thinking' if reply.reasoning else 'waiting'} {seconds}", "$text-accent")
