"""Reading pane: a second conversation beside the open one, to read in while writing. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.message import Message
from textual.widgets import Static

from sterna import storage
from sterna.storage.text import one_line

from ..actions.bindings import key_name
from ..messages import ActionRequested
from ..transcript import Transcript

if TYPE_CHECKING:
    from textual.worker import Worker

    from sterna.chat import Reply
    from sterna.storage import Change

    from ..context import AppContext
    from ..transcript import MessageOptions

SPLIT = "conversation.split"
READS = (
    Transcript.AttachmentsRequested,
    Transcript.CodeRequested,
    Transcript.Copied,
    Transcript.LinksRequested,
    Transcript.MatchShown,
    Transcript.Opened,
)
"""Messages of a transcript that ask for no change."""
_KINDS = [kind for kind in vars(Transcript).values() if isinstance(kind, type) and issubclass(kind, Message)]
CHANGES = [kind for kind in _KINDS if kind not in READS]
"""Messages of a transcript that ask for one."""

Handler = TypeVar("Handler", bound=Callable[..., None])


def on_each(kinds: Iterable[type[Message]]) -> Callable[[Handler], Handler]:
    """Return a decorator for a handler of several kinds of messages."""

    def decorate(handler: Handler) -> Handler:
        for kind in kinds:
            handler = on(kind)(handler)
        return handler

    return decorate


class PaneTitle(Static):
    """Title of the conversation; a click closes the pane."""

    def on_click(self, event: events.Click) -> None:
        """Close the pane."""
        event.stop()
        self.post_message(ActionRequested(SPLIT))


class ReadingPane(Vertical):
    """Follows its conversation by itself, and is removed with it."""

    transcript = query_one(Transcript)
    title = query_one(PaneTitle)

    def __init__(self, context: AppContext, options: MessageOptions) -> None:
        super().__init__(id="reading")
        self.context = context
        self._options = options
        self.is_leaving = False
        """True once its conversation no longer exists."""
        self._ends: list[Callable[[], None]] = []

    def compose(self) -> ComposeResult:
        """Compose the title and the messages."""
        yield PaneTitle(markup=False, id="reading-title")
        transcript = Transcript(self.context.store, clock=self.context.clock, id="reading-transcript")
        transcript.options = self._options
        yield transcript

    def on_mount(self) -> None:
        """Follow the history and the replies that arrive."""
        self._ends.append(self.context.store.subscribe(self._changed))
        if self.context.turns is not None:
            self._ends.append(self.context.turns.subscribe(self._reply_changed))

    def on_unmount(self) -> None:
        """Stop following."""
        for end in self._ends:
            end()

    @on_each(CHANGES)
    def refuse(self, event: Message) -> None:
        """Say where a conversation is changed."""
        event.stop()
        self.notify("Open this conversation to change it.", markup=False)

    async def show(self, conversation_id: str) -> None:
        """Show a conversation, or close where it no longer exists."""
        try:
            record = await self.context.store.run(storage.Conversations.get, conversation_id)
        except storage.NotFound:
            self.is_leaving = True
            self.remove()  # awaited, it would wait for this worker
            return
        if not self._is_whole:
            return
        closes = f"  {key_name(self.context.key_of(SPLIT))} closes"
        self.title.update(Content.assemble((one_line(record.title), "bold"), (closes, "$foreground 75%")))
        await self.transcript.show(conversation_id)
        if not self._is_whole:
            return
        turns = self.context.turns
        for reply in turns.arriving(conversation_id) if turns is not None else ():
            self.transcript.attach(reply)

    @property
    def _is_whole(self) -> bool:
        """True while the pane has its parts: they are made after it and removed before it."""
        return self.is_attached and all(self.query(kind) for kind in (PaneTitle, Transcript))

    def _changed(self, change: Change) -> None:
        """Follow a commit, here or in another process."""
        shown = self.transcript.conversation_id if self._is_whole and not self.context.is_closing else None
        if shown is None or not (change.elsewhere or shown in change.sessions):
            return
        self.transcript.refresh_session(change)
        _: Worker[None] = self.run_worker(partial(self.show, shown), group="reading", exclusive=True)

    def _reply_changed(self, reply: Reply) -> None:
        if self._is_whole and not self.context.is_closing:
            self.transcript.attach(reply)
