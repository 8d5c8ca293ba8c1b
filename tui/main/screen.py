"""What a person can do on the main screen: each method answers one action or one request of a part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from textual import on, work

from sterna import storage
from sterna.storage.text import clean

from ..actions.bindings import key_name
from ..actions.registry import Action
from ..messages import ActionRequested
from ..prompt import Prompt, slash_commands
from .conversation_actions import Conversations
from .notice_bar import OPEN

if TYPE_CHECKING:
    from sterna.chat import Reply
    from sterna.storage import Message

    from ..transcript import Transcript

NEED_CONVERSATION = frozenset(
    (
        "conversation.rename",
        "conversation.delete",
        "conversation.private",
        "reply.retry",
        "transcript.focus",
        "conversation.next",
    )
)
"""Actions that make sense only while a conversation is open."""

NEED_STORE = frozenset(f"{what}_conversation" for what in ("new", "next", "previous", "delete")) | {
    "search",
    "focus_sidebar",
    "rename",
    "undo_delete",
    "clear_all",
    "conversation_settings",
    "focus_transcript",
    "toggle_sidebar",
    "show_profile",
    "show_sync",
    "toggle_private",
    "open_before",
}
"""What reads or writes the file."""


class MainScreen(Conversations):
    """The list, the conversation, the prompt, and every action on them."""

    _sending = False

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._told_problems: set[str] = set()
        """Replies of which was said that they cannot be saved."""

    async def opened(self) -> None:
        """The store is open and models are known by name: everything works from now on."""
        app = self.sterna
        assert app.turns is not None
        app.turns.subscribe(self._reply_changed)
        await self.show_state()
        await self.show_welcome()
        await self.say_removals()

    def cannot_open(self, sentence: str) -> None:
        """The store did not open: say so where messages would stand; the prompt goes on taking what is typed."""
        self.add_class("-trouble")
        self.welcome.trouble = sentence
        self.status.activity = ""
        self.show_hints()
        self.prompt.focus()

    # Sending

    @on(Prompt.Submitted)
    def start_turn(self, event: Prompt.Submitted) -> None:
        """Run a command, or store the prompt and then ask; the prompt keeps its text until it is stored."""
        typed = slash_commands.read(event.text)
        if typed.action_id:
            self.prompt.put("")
            self.post_message(ActionRequested(typed.action_id))
        elif typed.unsure:
            self._ask_whether(event, typed)
        else:
            self._begin_turn(event, typed.text)

    @work(group="slash", exclusive=True)
    async def _ask_whether(self, event: Prompt.Submitted, typed: slash_commands.Typed) -> None:
        """Send what looks like a command only after a yes."""
        from ..screens.dialogs import Confirm

        if await self.app.push_screen_wait(Confirm("Not a command", typed.unsure, "Send", danger=False)):
            self._begin_turn(event, typed.text)

    def _begin_turn(self, event: Prompt.Submitted, text: str) -> None:
        """Store what was typed and ask, unless something else is under way."""
        if self.welcome.trouble is not None:
            self.sterna.notify("Not sent: your conversations are not open. Your text is kept.", severity="warning")
        elif self._sending:
            self.sterna.notify("Your message is being saved.")
        elif self.live_reply is not None:
            stop = self.sterna.key_of("reply.stop")
            self.sterna.notify(f"A reply is still arriving. {stop} stops it. Your text is kept.")
        else:
            self._sending = True
            self.sterna.spawn(self._send(event, text), "turn.begin")

    @on(Prompt.Refused)
    def say_why(self, event: Prompt.Refused) -> None:
        """Nothing was sent; say why."""
        self.sterna.notify(event.reason)

    async def _send(self, event: Prompt.Submitted, text: str) -> None:
        app = self.sterna
        try:
            await app.ready.wait()
            assert app.turns is not None
            session_id = self.session_id
            begun, reply = await app.turns.begin(
                session_id, text, model=self.choices.get("model"), settings=None if session_id else self.choices
            )
            if self.session_id == session_id:
                self.prompt.sent(event.shown, event.text)
                await self._follow(begun.session.id, reply)
            app.analytics.track("message_sent", begun.session.id)
            self._look_back(begun.user_message)
            await self.drafts.keep(session_id, self.prompt.draft if self.session_id == session_id else "")
        except storage.StoreError as error:
            app.notify(f"Not sent; your text is still in the prompt. {error}", severity="error", timeout=12)
        finally:
            self._sending = False

    @work(group="look back", exclusive=True)
    async def _look_back(self, asked: Message) -> None:
        """Say so where nearly the same was asked before."""
        self.before.clear_away()
        if not self.sterna.settings.similar:
            return
        from sterna.chat import asked_before

        try:
            found = await asked_before(self.store, asked, self.sterna.analytics.visit)
        except storage.StoreError:
            return  # the question itself is kept; what was asked before can wait
        if found and self.session_id == asked.session_id:
            self.before.tell(found[0], asked.session_id, self.clock(), key_name(self.sterna.key_of(OPEN)))

    def action_open_before(self) -> None:
        """Open the earlier question."""
        if (earlier := self.before.earlier) is None:
            self.sterna.notify("No similar question found.")
            return
        self.before.clear_away()
        self.sterna.analytics.track("similar_opened", earlier.session_id)
        self.go_to(earlier.session_id, earlier.message_id)

    async def _follow(self, session_id: str, reply: Reply) -> None:
        """Show the reply that has just begun."""
        self.transcript.attach(reply)
        if self.session_id != session_id:
            await self._show(await self._session(session_id))
        else:
            await self.show_state()
        await self.sidebar.reload()

    def _reply_changed(self, reply: Reply) -> None:
        """A reply began or settled, or could not be kept for a moment, here or in another conversation."""
        if not self.alive:
            return
        self.transcript.attach(reply)
        if reply.problem is not None and reply.id not in self._told_problems:
            self._told_problems.add(reply.id)
            self._complain(reply.problem)
        if self.session_id == reply.session_id:
            self._count()
            if reply.message is not None and storage.KEPT_REPLY in reply.message.metadata:
                why = reply.message.error_message or "The new reply broke off. It is kept as another version."
                self.sterna.notify(f"The old reply stays. {why}", severity="warning", timeout=10)
            if reply.message is not None:  # settled under the person's eyes
                self.sterna.spawn(self.store.run(storage.Store.mark_read, reply.session_id), "mark_read")

    @on(ActionRequested)
    async def do_action(self, event: ActionRequested) -> None:
        """Do what was clicked."""
        await self.sterna.perform(event.action_id)

    # Replies

    def action_stop_or_back(self) -> None:
        """Stop the reply that arrives here and keep what came; else go back to the prompt."""
        turns = self.sterna.turns
        reply = self.live_reply
        if self.session is not None and turns is not None and turns.stop(self.session.id):
            saved = " Partial reply saved." if reply is not None and (reply.content or reply.reasoning) else ""
            self.sterna.notify(f"Stopped.{saved}", timeout=3)
        else:
            self.remove_class("-list")
            self.prompt.focus()

    def action_retry(self) -> None:
        """Ask again for the chosen reply, or for the last one; while nothing is open, try to open it."""
        if self.welcome.trouble is not None:
            self.welcome.trouble = None
            self.remove_class("-trouble")
            self.status.activity = "opening…"
            self.sterna.begin()
        elif self._needs_session():
            self.transcript.action_retry()

    def on_transcript_retry_requested(self, event: Transcript.RetryRequested) -> None:
        """Retry what a click in the messages asks for."""
        self._retry(event.message_id)

    def _retry(self, message_id: str) -> None:
        if self.live_reply is not None:
            self.sterna.notify("A reply is still arriving.")
        elif not self._sending:
            self._sending = True
            self.sterna.spawn(self._ask_again(message_id), "turn.retry")

    async def _ask_again(self, message_id: str) -> None:
        try:
            await self.sterna.ready.wait()
            assert self.sterna.turns is not None
            begun, reply = await self.sterna.turns.retry(message_id)
            await self._follow(begun.session.id, reply)
        except storage.StoreError as error:
            self._complain(f"Not retried. {error}")
        finally:
            self._sending = False

    def on_transcript_version_requested(self, event: Transcript.VersionRequested) -> None:
        """Show another version of a reply."""
        self.sterna.spawn(self._switch_version(event.message_id), "version")

    async def _switch_version(self, message_id: str) -> None:
        try:
            shown = await self.store.run(storage.Store.switch_version, message_id)
            if self.session_id == shown.session_id:
                await self.transcript.show(shown.session_id, at=shown.id)
        except storage.StoreError as error:
            self.sterna.notify(str(error), severity="warning")

    # Reading

    def on_transcript_copied(self, event: Transcript.Copied) -> None:
        """Say what was copied, and where to."""
        self.sterna.spawn(self._say_copied(event.what), "copied")

    async def _say_copied(self, what: str) -> None:
        where = await self.sterna.copied_to()
        self.sterna.notify(f"Copied {clean(what)}{where}.", timeout=8 if where else 3)

    def on_transcript_delete_requested(self, event: Transcript.DeleteRequested) -> None:
        """Delete one message."""
        self.sterna.spawn(self._trash_message(event.message_id), "delete.message")

    async def _trash_message(self, message_id: str) -> None:
        try:
            await self.store.run(storage.Store.delete_message, message_id)
            self._offer_undo("Deleted the message.")
        except storage.StoreError as error:
            self._complain(f"Not deleted. {error}")

    def action_scroll_messages(self, where: Literal["page_up", "page_down", "first", "last"]) -> None:
        """Scroll the messages; the focus stays where it is."""
        if self.session is not None:
            self.transcript.scroll_to_place(where)

    # Focus

    def action_focus_prompt(self) -> None:
        """Write."""
        self.prompt.focus()

    def action_focus_transcript(self) -> None:
        """Read."""
        if self._needs_session():
            self.transcript.focus()

    def action_focus_sidebar(self) -> None:
        """Go to the list."""
        self._show_list()
        self.sidebar.focus()

    def action_toggle_sidebar(self) -> None:
        """Show or hide the list; in a narrow terminal it lies over the conversation."""
        name = "-list" if self.has_class("-narrow") else "-no-list"
        self.toggle_class(name)
        if self.has_class("-list"):
            self.sidebar.focus()
        if self.sidebar.has_focus_within and not self.sidebar.display:
            self.prompt.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Until the file is open, only what needs none of it; the screen says what it waits for."""
        return self.reopened or action not in NEED_STORE

    def can_perform(self, action: Action) -> bool:
        """Whether an action makes sense now."""
        if action.id == "reply.stop":
            return self.live_reply is not None
        if action.scope == "transcript" or action.id in NEED_CONVERSATION:
            return self.session is not None
        return True
