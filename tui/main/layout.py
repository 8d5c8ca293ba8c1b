"""Layout of the main screen: its parts, which of them are shown, and where the focus is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.dom import DOMNode
from textual.getters import query_one
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker

from ..actions.action import Scope
from ..context import AppContext
from ..prompt import Prompt
from ..prompt.attachments import AttachmentRow
from .complaints import Complaints
from .heading import Heading
from .notice_bar import NoticeBar
from .question_bar import QuestionBar
from .queue_bar import QueueBar
from .status_bar import StatusLine
from .welcome import Welcome

if TYPE_CHECKING:
    from ..sidebar import Sidebar
    from ..transcript import MessageOptions, Transcript


class MainLayout(Screen[None]):
    """Prompt, status line, list and messages. It shows and hides them, and reads nothing."""

    prompt = query_one(Prompt)
    status = query_one(StatusLine)
    welcome = query_one(Welcome)
    notice_bar = query_one(NoticeBar)
    queue_bar = query_one(QueueBar)
    question_bar = query_one(QuestionBar)
    heading = query_one(Heading)

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self.complaints = Complaints(self)

    def compose(self) -> ComposeResult:
        """Compose what the first frame needs: the prompt, the status line, and the space of the list."""
        with Horizontal(id="body"):
            space = Static(id="sidebar-place")
            space.styles.width = self.context.settings.ui.sidebar_width
            yield space
            with Container(id="split"), Vertical(id="conversation"):
                yield Heading(id="heading")
                yield Welcome(id="welcome")
                yield NoticeBar(id="notice")
                yield QuestionBar(id="question-bar")
                yield QueueBar(id="queue")
                yield AttachmentRow(id="attachments")
                yield Prompt(id="prompt")
        yield StatusLine(id="status")

    async def mount_history(self) -> None:
        """Add the list and the messages. Together they cost as much as the first frame, so they come after it."""
        if self.query("#sidebar"):
            return
        from ..sidebar import Sidebar
        from ..transcript import Transcript

        context = self.context
        sidebar = Sidebar(context.store, clock=context.clock, id="sidebar")
        sidebar.styles.width = context.settings.ui.sidebar_width
        sidebar.ascii = context.is_ascii
        sidebar.disabled = True  # until there is something to read
        transcript = Transcript(context.store, clock=context.clock, id="transcript")
        transcript.options = self._message_options()
        transcript.display = False
        with self.app.batch_update():
            await self.query_one("#sidebar-place").remove()
            await self.query_one("#body").mount(sidebar, before=0)
            await self.query_one("#conversation").mount(transcript, before="#notice")

    @property
    def sidebar(self) -> Sidebar:
        """List of conversations."""
        return cast("Sidebar", self.query_one("#sidebar"))

    @property
    def transcript(self) -> Transcript:
        """Messages of the open conversation."""
        return cast("Transcript", self.query_one("#transcript"))

    @property
    def is_alive(self) -> bool:
        """False once the program has begun to end: nothing is drawn then."""
        return self.is_attached and not self.context.is_closing and bool(self.query(StatusLine))

    def node_of(self, scope: Scope) -> DOMNode:
        """Return the node whose actions belong to a scope."""
        match scope:
            case Scope.APP:
                return self.app
            case Scope.MAIN:
                return self
            case Scope.PROMPT:
                return self.prompt
            case Scope.TRANSCRIPT:
                return self.transcript
            case Scope.SIDEBAR:
                return self.sidebar

    def complain(self, sentence: str, about: str = "") -> None:
        """Say what could not be done; with ``about``, until ``complaints`` learn that it works."""
        self.complaints.add(sentence, about)

    def start_worker(
        self, group: str, work: Callable[..., Coroutine[None, None, None]], *args: Any, exclusive: bool = True
    ) -> None:
        """Read something for this screen; with ``exclusive`` the newest of a group cancels the ones before."""
        _: Worker[None] = self.run_worker(partial(work, *args), name=group, group=group, exclusive=exclusive)

    # Settings

    def apply_settings(self) -> None:
        """Follow the settings and keys as they are now."""
        ui = self.context.settings.ui
        for widget in self.query("#sidebar, #sidebar-place"):
            widget.styles.width = ui.sidebar_width
        self.set_class(not ui.sidebar, "-no-list")
        for transcript in self.query("#transcript, #reading-transcript"):
            cast("Transcript", transcript).options = self._message_options()

    def _message_options(self) -> MessageOptions:
        """Return how messages are drawn, as the settings and keys are now."""
        from ..transcript import MessageOptions

        ui = self.context.settings.ui
        retry, versions, end, search, stop, take_back = (
            self.context.key_of(name)
            for name in (
                "reply.retry", "message.next_version", "prompt.last", "conversation.search", "reply.stop",
                "prompt.take_back",
            )
        )  # fmt: skip
        copy, save, edit = (self.context.key_of(f"transcript.{name}_code") for name in ("copy", "save", "edit"))
        images = ui.images and not self.context.is_ascii
        return MessageOptions(
            ui.show_token_count, ui.show_reasoning, retry, versions, end, search, (copy, save, edit), images,
            continue_key=self.context.key_of("reply.continue"), stop_key=stop, take_back_key=take_back,
            links_key=self.context.key_of("transcript.links"),
        )  # fmt: skip

    # List and focus

    def show_list(self) -> None:
        """Show the list; in a narrow terminal it lies over the conversation."""
        self.set_class(self.has_class("-narrow"), "-list")
        self.remove_class("-no-list")

    def focus_list(self) -> None:
        """Focus the list."""
        self.show_list()
        self.sidebar.focus()

    def toggle_list(self) -> None:
        """Show or hide the list."""
        name = "-list" if self.has_class("-narrow") else "-no-list"
        self.toggle_class(name)
        if self.has_class("-list"):
            self.sidebar.focus()
        if self.sidebar.has_focus_within and not self.sidebar.display:
            self.prompt.focus()

    def focus_prompt(self) -> None:
        """Focus the prompt."""
        self.prompt.focus()

    @on(events.DescendantFocus, "#prompt")
    def _uncover_prompt(self) -> None:
        """Hide the list where it lies over the prompt, which is written into now."""
        self.remove_class("-list")

    # Pages

    async def show_profile(self) -> None:
        """Open the page with account and usage."""
        from ..screens.profile import ProfileScreen

        await self.app.push_screen(ProfileScreen(self.context))

    async def show_sync(self) -> None:
        """Open the page with the sync status."""
        from ..sync.screen import SyncScreen

        await self.app.push_screen(SyncScreen(self.context))
