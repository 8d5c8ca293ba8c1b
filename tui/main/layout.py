"""The main screen's frame: its parts, which conversation is open, and what the parts show of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.dom import DOMNode
from textual.getters import query_one
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from sterna import storage
from sterna.storage.text import one_line

from ..actions.bindings import BY_ID, bindings, key_name
from ..actions.letters import LetterCommands
from ..actions.registry import Scope
from ..actions.typeahead import OPENERS, RETURNS, typeahead
from ..prompt import Prompt
from .drafts import PAUSE_SECONDS, Drafts
from .heading import Heading
from .notice_bar import NEW, Before
from .notices import place_notices
from .status_bar import Hint, StatusLine, field_hints, replying, tokens
from .welcome import Keys, Welcome

if TYPE_CHECKING:
    from sterna.chat import Reply
    from sterna.storage import Change, Session, StoreThread

    from ..app import SternaApp
    from ..sidebar import Sidebar
    from ..transcript import Look, Transcript

LAST_OPEN = "last_conversation"
"""Name of the local value that says which conversation was open."""

LEFT_OFF = timedelta(minutes=10)
"""How long after its last message a conversation that is opened by a start says when that was."""

UNTITLED = "New conversation"

DEFAULT_TITLE = "New Chat"
"""Title in the file of a conversation that nobody has named yet."""

TICK_SECONDS = 0.5
"""How often the status line counts while a reply arrives."""


class Frame(Screen[None]):
    """Composes the parts and opens conversations; :class:`MainScreen` adds what a person can do."""

    prompt = query_one(Prompt)
    status = query_one(StatusLine)
    welcome = query_one(Welcome)
    before = query_one(Before)
    heading = query_one(Heading)

    BINDINGS = bindings("main")

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.clock = clock
        self.session: Session | None = None
        """The open conversation; None: one that does not exist yet."""
        self.heading_for: str | None = None
        """The conversation that was asked for last: the open one, or the one that is being opened."""
        self.choices: dict[str, Any] = {}
        """Settings of the open conversation; for one that does not exist yet, those it will begin with."""
        self.reopened = False
        """True once the store has been read: from then on the prompt belongs to a conversation."""
        self.drafts = Drafts(lambda: self.store, self._complain)
        self.letters = LetterCommands(self, self._to_prompt, self._selected)
        self._draft = ""
        self._draft_timer: Timer | None = None
        self._tick: Timer | None = None

    def compose(self) -> ComposeResult:
        """What the first frame needs: the prompt, the status line, and the place where the list will be."""
        with Horizontal(id="body"):
            place = Static(id="sidebar-place")
            place.styles.width = self.sterna.settings.ui.sidebar_width
            yield place
            with Vertical(id="conversation"):
                yield Heading(id="heading")
                yield Welcome(id="welcome")
                yield Before(id="before")
                yield Prompt(id="prompt")
        yield StatusLine(id="status")

    async def furnish(self) -> None:
        """Add the list and the messages. Together they cost as much as the first frame, so they come after it."""
        if self.query("#sidebar"):
            return
        from ..sidebar import Sidebar
        from ..transcript import Transcript

        sidebar = Sidebar(self.store, clock=self.clock, id="sidebar")
        sidebar.styles.width = self.sterna.settings.ui.sidebar_width
        sidebar.ascii = self.sterna.ascii
        sidebar.disabled = True  # until there is something to read
        transcript = Transcript(self.store, clock=self.clock, id="transcript")
        transcript.look = self._look()
        transcript.display = False
        with self.app.batch_update():
            await self.query_one("#sidebar-place").remove()
            await self.query_one("#body").mount(sidebar, before=0)
            await self.query_one("#conversation").mount(transcript, before="#before")

    @property
    def sidebar(self) -> Sidebar:
        """The list of conversations."""
        return cast("Sidebar", self.query_one("#sidebar"))

    @property
    def transcript(self) -> Transcript:
        """The messages."""
        return cast("Transcript", self.query_one("#transcript"))

    @property
    def store(self) -> StoreThread:
        """The store's thread."""
        return self.sterna.store

    @property
    def sterna(self) -> SternaApp:
        """The application, typed."""
        return cast("SternaApp", self.app)

    @property
    def alive(self) -> bool:
        """False once the end has begun: what is told then is not drawn any more."""
        return self.is_attached and not self.sterna.closing and bool(self.query(StatusLine))

    @property
    def session_id(self) -> str | None:
        """The id of the open conversation."""
        return self.session.id if self.session else None

    @property
    def draft(self) -> str:
        """What stands in the prompt; after the screen is gone, what stood there last."""
        return self.prompt.draft if self.query(Prompt) else self._draft

    def on_mount(self) -> None:
        """The first frame: ready for typing."""
        self.set_class(self.sterna.ascii, "-ascii")
        self.set_class(not self.sterna.settings.ui.sidebar, "-no-list")
        self.status.activity = "opening…"
        self.show_keys()
        typeahead(self.app).begin(self, self.prompt)
        self.prompt.focus()
        self.watch(self, "focused", lambda _: self.show_hints(), init=False)
        self.screen_layout_refresh_signal.subscribe(self, place_notices)

    async def on_key(self, event: events.Key) -> None:
        """Keys of the list and of the messages come by here before they mean anything."""
        ahead = typeahead(self.app)
        if ahead.takes(event):
            ahead.keep(event)
        elif self.app.screen is not self or (self._commanded and await self.letters.take(event)):
            return
        elif not await ahead.open(self, event, OPENERS | RETURNS):
            await self._do_in_order(event)

    @property
    def _commanded(self) -> bool:
        """The list or the messages have the focus, where letters are commands."""
        return self.focused is not None and not hasattr(self.focused, "cursor_blink")

    def _to_prompt(self) -> Prompt:
        """Return the prompt, in sight also where the list lies over it."""
        self.remove_class("-list")
        return self.prompt

    def _selected(self) -> tuple[str | None, str | None]:
        """Return what commands of the list and of the messages are about."""
        return self.sidebar.rows.cursor_id, self.transcript.selected

    async def _do_in_order(self, event: events.Key) -> None:
        """Run a command of the list or the messages here: later, a key that opens something would overtake it."""
        bound = self.app.active_bindings.get(event.key)
        if bound is not None and self._commanded and await self.app.run_action(bound.binding.action, bound.node):
            event.stop()
            event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Take a paste that no field took: it is text for the prompt."""
        ahead = typeahead(self.app)
        if ahead.takes(event):
            ahead.keep(event)
        elif self.app.screen is self:
            event.stop()
            self.prompt.focus()
            self.prompt.post_message(events.Paste(event.text))

    @on(events.Click, "#transcript-new")
    def write_on(self) -> None:
        """Give the keys to the prompt after the way back to the newest message."""
        self.prompt.focus()

    # Opening

    async def reopen(self) -> None:
        """Come back to the conversation that was open last, and put its draft before what has been typed since."""
        last = await self.store.run(storage.Store.get_local, LAST_OPEN)
        session = await self._session(last) if isinstance(last, str) else None
        self.prompt.join(await self.drafts.read(session.id if session else None))
        self.reopened = True
        self.sidebar.disabled = False
        await self.sidebar.reload()
        await self._show(session)
        if session is not None and self.clock() - storage.stored_time(session.last_activity) > LEFT_OFF:
            new = key_name(self.sterna.key_of(NEW))
            self.before.tell_left_off(session.last_activity, session.id, self.clock(), new)
        self.prompt.history_of_prompts.fill(await self.store.run(storage.Store.prompt_history))
        if left := await self.drafts.left():
            drafts = "1 more unsent draft is" if left == 1 else f"{left} more unsent drafts are"
            self.sterna.notify(f"{drafts} saved; the next window you open shows the newest.", timeout=8)

    async def open_session(
        self, session_id: str | None, *, at: str | None = None, query: str | None = None, carry: bool = False
    ) -> None:
        """Open a conversation, at a message if one is named; the words of ``query`` are marked in it.

        The prompt's text stays behind as the draft of the conversation that is left; with ``carry`` it comes along.
        """
        session = await self._session(session_id)
        if session_id is not None and session is None:
            self.sterna.notify("That conversation no longer exists.", severity="warning")
            await self.sidebar.reload()
            return
        if session_id != self.session_id or not self.reopened:
            draft = await self.drafts.read(session_id)
            left, left_draft = self.session_id, self.prompt.draft
            self.session = session
            self.prompt.put(draft)
            if carry:
                self.prompt.join(left_draft)
            self.sterna.spawn(self._leave_draft(left, "" if carry else left_draft), "drafts.keep")
        await self._show(session, at=at, query=query)

    async def _show(self, session: Session | None, *, at: str | None = None, query: str | None = None) -> None:
        """Bring every part in step with the conversation that is open now, also where another opening interrupts."""
        try:
            await self._show_parts(session, at, query)
        finally:
            if self.is_attached and self.transcript.session_id != self.session_id:
                self.call_later(self._show_again)

    @work(group="show again", exclusive=True)
    async def _show_again(self) -> None:
        if self.alive and self.transcript.session_id != self.session_id:
            await self._show(self.session)

    async def _show_parts(self, session: Session | None, at: str | None, query: str | None) -> None:
        self.session = session
        session_id = self.heading_for = session.id if session else None
        choices = await self.store.run(storage.Store.session_settings, session_id) if session_id else {}
        if self.session_id != session_id:
            return  # another one was opened meanwhile
        self.choices = choices
        self.sidebar.selected = session_id
        self.transcript.display = session is not None
        self.welcome.display = session is None
        await self.transcript.show(session_id, at=at, query=query)
        if self.session_id != session_id:
            return
        if (reply := self.live_reply) is not None:
            self.transcript.attach(reply)
        await self.store.run(storage.Store.set_local, LAST_OPEN, session_id)
        if session_id != self.before.about:
            self.before.clear_away()
        if session_id is not None:
            self.sterna.analytics.track("conversation_opened", session_id)
            await self.store.run(storage.Store.mark_read, session_id)
            self.sterna.spawn(self.sterna.link.want(session_id), "sync.want")
        await self.show_state()

    async def _session(self, session_id: str | None) -> Session | None:
        if session_id is None:
            return None
        try:
            return await self.store.run(storage.Store.get_session, session_id)
        except storage.NotFound:
            return None

    # Drafts

    @on(Prompt.Edited)
    def keep_draft_soon(self) -> None:
        """Keep the draft once typing pauses."""
        self._draft = self.prompt.draft
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._draft_timer = self.set_timer(PAUSE_SECONDS, self._keep_draft)

    async def _leave_draft(self, session_id: str | None, draft: str) -> None:
        """Keep the draft of a conversation that is left, and mark it in the list."""
        if await self.drafts.keep(session_id, draft) and session_id is not None and self.alive:
            await self.sidebar.reload()

    def _keep_draft(self) -> None:
        if self.reopened:
            self.sterna.spawn(self.save_draft(), "drafts.keep")

    async def save_draft(self) -> None:
        """Keep the draft now."""
        await self.drafts.keep(self.session_id, self.draft)

    # Changes

    def changed(self, change: Change) -> None:
        """A commit, here or in another terminal: what it touched is read again."""
        self._read_again(change)

    @work(group="changed")
    async def _read_again(self, change: Change) -> None:
        try:
            await self.sidebar.reload(change)
            said = await self.say_removals()
            if self.session is not None and (change.elsewhere or self.session.id in change.sessions):
                if (session := await self._session(self.session.id)) is None:
                    await self._leave_deleted(self.session, elsewhere=change.elsewhere, said=said)
                    return
                self.session = session
                self.transcript.refresh_session(change)
                await self.show_state()
        except storage.StoreError as error:
            self._complain(str(error))

    async def _leave_deleted(self, session: Session, *, elsewhere: bool, said: bool) -> None:
        """Leave a conversation that is gone; what was typed comes along when it was not deleted in this window."""
        typed = bool(self.prompt.text)
        await self.open_session(None, carry=elsewhere or said)
        if elsewhere and not said:
            kept = " Your text is still in the prompt." if typed else ""
            key = self._hint("conversation.undo").key
            title = UNTITLED if session.title == DEFAULT_TITLE else session.title
            self.sterna.notify(
                f"“{one_line(title, 40)}” was deleted in another window. {key} brings it back.{kept}", timeout=12
            )

    async def say_removals(self) -> bool:
        """Name what other computers removed, and the key that brings it back; return whether there was any."""
        removals = await self.store.run(storage.Store.take_removals, "screen")
        if not removals:
            return False
        count = sum(one.sessions for one in removals)
        what = f"“{one_line(removals[-1].title, 40)}” was" if count == 1 else f"{count:,} conversations were"
        again = ", newest first" if len(removals) > 1 else ""
        key = self._hint("conversation.undo").key
        them = "it" if count == 1 else "them"
        self.sterna.notify(f"{what} removed on another computer. {key} brings {them} back{again}.", timeout=12)
        return True

    # What the parts show

    @property
    def live_reply(self) -> Reply | None:
        """The reply that arrives in the open conversation, in this process."""
        turns = self.sterna.turns
        return turns.live(self.session.id) if turns is not None and self.session is not None else None

    @property
    def model(self) -> str:
        """Who answers the next prompt here; empty while that is not known."""
        catalog = self.sterna.catalog
        chosen = self.choices.get("model") or self.sterna.settings.model
        return str(chosen or (catalog.default_ref() if catalog else ""))

    async def follow_settings(self) -> None:
        """Look as the settings say now."""
        ui = self.sterna.settings.ui
        for place in self.query("#sidebar, #sidebar-place"):
            place.styles.width = ui.sidebar_width
        self.set_class(not ui.sidebar, "-no-list")
        for transcript in self.query("#transcript"):
            cast("Transcript", transcript).look = self._look()
        self.show_keys()
        await self.show_state()

    def _look(self) -> Look:
        """How messages are drawn, as the settings and keys say now."""
        from ..transcript import Look

        ui = self.sterna.settings.ui
        retry = key_name(self.sterna.key_of("reply.retry"))  # works while one writes, too
        versions = key_name(self.sterna.key_of("transcript.versions"))
        end = key_name(self.sterna.key_of("prompt.last"))
        return Look(ui.show_token_count, ui.show_reasoning, retry, versions, end)

    async def show_state(self) -> None:
        """Bring heading and status line in step."""
        if not self.query("#heading"):
            return  # the application ended while a conversation was being opened
        session = self.session
        title = Content(await self._title(session))
        if session is not None and await self.store.run(storage.Store.is_private, session.id):
            title = Content.assemble(title, ("  on this computer only", "$foreground 75%"))
        self.heading.update(title)
        self.heading.renames = session is not None
        self.status.model = self.model.rstrip("/")
        self.status.context = await self._usage(session) if session else ""
        self.status.read_only = self.reopened and self.store.read_only is not None
        self.show_sync()
        self._count()

    async def _title(self, session: Session | None) -> str:
        """What the open conversation is called; one without a title goes by its question."""
        if session is None:
            return UNTITLED
        if not await self.store.run(storage.Store.is_untitled, session.id):
            return one_line(session.title)
        return one_line(session.last_message_preview or "") or UNTITLED

    def show_sync(self) -> None:
        """Say how things stand with the server."""
        link = self.sterna.link
        self.status.sync = link.line(self.clock())
        for sidebar in self.query("#sidebar"):
            cast("Sidebar", sidebar).signed_in = bool(link.account)

    async def _usage(self, session: Session) -> str:
        newest = await self.store.run(storage.Store.messages_before, session.id, None, 4)
        used = next((used for message in reversed(newest) if (used := message.input_tokens + message.output_tokens)), 0)
        catalog = self.sterna.catalog
        most = catalog.context_length(self.model) if catalog is not None else None
        if not used:
            return ""
        if most is None and catalog is not None:
            self._learn_length()
        return f"{tokens(used)} of {tokens(most)} tokens" if most else f"{tokens(used)} tokens"

    @work(group="context length", exclusive=True)
    async def _learn_length(self) -> None:
        """Ask the model's server how much the model takes, once, and show it."""
        catalog = self.sterna.catalog
        if catalog is not None:
            await catalog.learn_length(self.model)
            if catalog.context_length(self.model) is not None:
                await self.show_state()

    def _count(self) -> None:
        """Count while a reply arrives here; stop counting when none does."""
        reply = self.live_reply
        if reply is None:
            if self._tick is not None:
                self._tick.stop()
                self._tick = None
            self.status.activity = "" if self.sterna.ready.is_set() else "opening…"
        else:
            if self._tick is None:
                self._tick = self.set_interval(TICK_SECONDS, self._count)
            waiting = not reply.content and not reply.reasoning
            going_on = replying(monotonic() - reply.started, reply.content, waiting)
            self.status.activity = reply.problem or going_on
        self.show_hints()

    def show_keys(self) -> None:
        """Bring every key that is shown in step with the keymap."""
        ids = ("model.choose", "app.settings", "conversation.search", "app.help", "reply.retry", "app.quit")
        self.welcome.keys = Keys(*(key_name(self.sterna.key_of(action_id)) for action_id in ids))
        self.show_hints()

    def show_hints(self) -> None:
        """The keys that make sense where the focus is."""
        focused = self.focused
        if self.welcome.trouble is not None:
            self.status.hints = tuple(self._hint(action_id) for action_id in ("reply.retry", "app.quit", "app.help"))
            return
        if self.live_reply is not None:
            ids = ["reply.stop"]
        elif focused is None or focused is self.prompt:
            ids = ["prompt.send"] if self.sterna.ready.is_set() else []
        elif (keys := field_hints(focused)) is not None:
            self.status.hints = keys
            return
        elif any(node.id == "transcript" for node in focused.ancestors_with_self):
            ids = ["transcript.copy", "transcript.copy_code", "transcript.retry", "prompt.focus"]
        else:
            ids = ["sidebar.open", "sidebar.filter", "sidebar.rename", "sidebar.delete", "prompt.focus"]
        ids += ["conversation.new", "conversation.search", "model.choose", "app.palette", "app.help"]
        self.status.hints = tuple(self._hint(action_id) for action_id in ids)

    def _hint(self, action_id: str) -> Hint:
        action = BY_ID[action_id]
        return Hint(key_name(self.sterna.key_of(action_id)), action.hint or action.title.lower(), action_id)

    def node_of(self, scope: Scope) -> DOMNode:
        """The node whose actions belong to a scope."""
        nodes: dict[Scope, DOMNode] = {
            "app": self.app,
            "main": self,
            "prompt": self.prompt,
            "transcript": self.transcript,
            "sidebar": self.sidebar,
        }
        return nodes[scope]

    def _complain(self, sentence: str) -> None:
        self.sterna.notify(sentence, severity="error", timeout=10)
