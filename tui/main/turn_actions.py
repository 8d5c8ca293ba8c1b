"""Actions on turns: send a prompt, stop, regenerate or switch a reply, delete a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sterna import storage
from sterna.storage.text import clean

from ..messages import ActionRequested, OpenRequested
from ..prompt import slash_commands
from .complaints import PROMPT
from .layout import MainLayout
from .navigation import Navigation
from .notice_bar import OPEN
from .prompt_attachments import PromptAttachments
from .prompt_queue import PromptQueue
from .status_display import StatusDisplay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sterna.chat import Comparison, Reply, Turns
    from sterna.storage import Change, Message, NewTurn

    from ..prompt import Prompt


class Comparing(NamedTuple):
    """What is to be done with a message in place of asking one model."""

    models: Sequence[str]
    show: Callable[[Comparison], None]


class TurnActions:
    """One turn at a time is begun; replies go on in the background."""

    def __init__(
        self,
        layout: MainLayout,
        navigation: Navigation,
        display: StatusDisplay,
        attachments: PromptAttachments,
        *,
        offer_undo: Callable[[str], None],
        run_command: Callable[[slash_commands.Command, str, Prompt.Submitted], None],
    ) -> None:
        self._layout = layout
        self._navigation = navigation
        self._display = display
        self._context = layout.context
        self._conversation = navigation.conversation
        self._attachments = attachments
        self._offer_undo = offer_undo
        self._run_command = run_command
        self._is_sending = False
        self.queue = PromptQueue(layout, navigation, attachments, self._follow, offer_undo)
        """Messages that wait for the end of a reply."""
        self._is_warned = False
        """True once it was said that most of a budget is used."""
        self._reported: set[str] = set()
        """Replies of which was said that they cannot be saved."""

    # Sending

    def submit(self, event: Prompt.Submitted) -> None:
        """Run a command, or store the prompt and then ask; the prompt keeps its text until it is stored."""
        if event.edited is not None:
            self._begin(event, event.text)
            return
        parsed = slash_commands.parse(event.text)
        if parsed.action_id:
            self._layout.prompt.empty()
            self._layout.post_message(ActionRequested(parsed.action_id))
        elif parsed.command is not None:
            self._run_command(parsed.command, parsed.argument, event)
        elif parsed.question:
            self._layout.start_worker("slash", self._confirm_sending, event, parsed)
        else:
            self._begin(event, parsed.text)

    def compare(
        self, event: Prompt.Submitted, text: str, models: Sequence[str], show: Callable[[Comparison], None]
    ) -> None:
        """Store a new message, ask several models, and ``show`` what they reply."""
        self._begin(event, text, Comparing(models, show))

    def compare_again(self, message_id: str, models: Sequence[str], show: Callable[[Comparison], None]) -> None:
        """Ask several models for versions of a reply, or of the reply to a message, and ``show`` them."""

        async def begin(turns: Turns) -> Sequence[Reply]:
            comparison = await turns.compare_again(message_id, models=models)
            show(comparison)
            return comparison.replies

        self._ask_again("Not compared.", begin)

    async def _confirm_sending(self, event: Prompt.Submitted, parsed: slash_commands.Parsed) -> None:
        """Send what looks like a command only after a yes."""
        from ..dialogs.confirm import Confirm

        question = Confirm("Send as a message?", parsed.question, "Send", danger=False)
        if await self._layout.app.push_screen_wait(question):
            self._begin(event, parsed.text)

    def _begin(self, event: Prompt.Submitted, text: str, comparing: Comparing | None = None) -> None:
        """Store what was typed and ask, unless something else is in progress."""
        if self._display.in_trouble:
            self._layout.notify("Not sent: your conversations are not open. Your text is kept.", severity="warning")
        elif self._is_sending:
            self._layout.notify("Your message is being saved.")
        elif self._attachments.is_reading:
            self._layout.notify("An attachment is still being read. Send again in a moment.")
        elif self._conversation.live_reply is None:
            self._is_sending = True
            self._context.spawn(self._send(event, text, comparing), "turn.begin")
        elif comparing is not None:
            self._layout.notify("A reply is still arriving. Your text is kept.")
        elif event.edited is None:
            self.queue.add(event)
        else:
            stop = self._context.key_of("reply.stop")
            self._layout.notify(f"An edited message cannot wait for a reply. {stop} stops it. Your text is kept.")

    async def _send(self, event: Prompt.Submitted, text: str, comparing: Comparing | None) -> None:
        context, conversation, prompt = self._context, self._conversation, self._layout.prompt
        try:
            await context.ready.wait()
            conversation_id, attachments = conversation.id, self._attachments.items
            message, replies, comparison = await self._request(event, text, comparing)
            if event.edited is None:
                await self._attachments.sent(conversation_id, attachments)
            self._layout.complaints.end(PROMPT)
            if conversation.id == conversation_id:
                prompt.sent(event.shown, event.text)
                await self._follow(message.session_id, *replies)
                if comparing is not None and comparison is not None:
                    comparing.show(comparison)
            context.analytics.track("message_sent", message.session_id)
            if event.edited is None:  # an edit is like what it replaces
                self._layout.start_worker("similar", self._find_similar, message)
            draft = prompt.draft if conversation.id == conversation_id else ""
            await self._navigation.drafts.save(conversation_id, draft)
        except storage.StoreError as error:
            self._layout.complain(f"Not sent. Your text is still in the prompt. {error}", PROMPT)
        finally:
            self._is_sending = False

    async def _request(
        self, event: Prompt.Submitted, text: str, comparing: Comparing | None
    ) -> tuple[Message, Sequence[Reply], Comparison | None]:
        """Store an edited message, one about which models are compared, or any other; return what is requested.

        Raises StoreError: then nothing is stored.
        """
        turns, conversation_id, choices = self._context.turns, self._conversation.id, self._conversation.choices
        assert turns is not None
        model, settings = choices.get("model"), None if conversation_id else choices
        if event.edited is not None:
            files = self._attachments.of_edit(event.edited)
            begun, reply = await turns.edit(event.edited, text, model=model, attachments=files)
            return begun.user_message, [reply], None
        attachments = self._attachments.items
        if comparing is not None:
            comparison = await turns.compare(
                conversation_id, text, models=comparing.models, settings=settings, attachments=attachments
            )
            return comparison.prompt, comparison.replies, comparison
        begun, reply = await turns.begin(conversation_id, text, model=model, settings=settings, attachments=attachments)
        return begun.user_message, [reply], None

    async def _find_similar(self, message: Message) -> None:
        """Say so where nearly the same was asked before."""
        bar, context = self._layout.notice_bar, self._context
        bar.clear()
        if not context.settings.similar:
            return
        from sterna.chat import similar_questions

        try:
            similar = await similar_questions(context.store, message, context.analytics.visit)
        except storage.StoreError:
            return  # the question itself is stored; what was asked before can wait
        if similar and self._conversation.id == message.session_id:
            bar.show_earlier(similar[0], message.session_id, context.clock(), self._display.key_name(OPEN))

    async def _follow(self, conversation_id: str, *replies: Reply) -> None:
        """Show what has just begun to arrive."""
        for reply in replies:
            self._layout.transcript.attach(reply)
        if self._conversation.id != conversation_id:
            await self._navigation.show(await self._navigation.find(conversation_id))
        else:
            await self._display.refresh()
        await self._layout.sidebar.reload()

    # Replies

    def changed(self, change: Change) -> None:
        """Take over prompts that another window may have left waiting for their provider."""
        if change.elsewhere and self._context.turns is not None and not self._context.is_closing:
            self._context.spawn(self._context.turns.waiting.resume(), "turn.resume_waiting")

    def hurry(self) -> None:
        """Look whether providers are back that prompts wait for, now that somebody may be there."""
        if self._context.turns is not None:
            self._context.turns.waiting.hurry()

    def reply_changed(self, reply: Reply) -> None:
        """Show that a reply began or settled, or cannot be saved for the moment, here or in another conversation."""
        if not self._layout.is_alive:
            return
        self._layout.transcript.attach(reply)
        if not reply.running:
            self.queue.reply_ended(reply)
        if reply.problem is not None and reply.id not in self._reported:
            self._reported.add(reply.id)
            self._layout.complain(reply.problem, reply.id)
        elif reply.problem is None:
            self._layout.complaints.end(reply.id)
        if self._conversation.id != reply.session_id:
            return
        self._display.show_activity()
        if reply.message is not None and storage.KEPT_REPLY in reply.message.metadata and not reply.is_compared:
            reason = reply.message.error_message or "The new reply was cut off. It is kept as another version."
            self._layout.notify(f"Kept the previous reply. {reason}", severity="warning", timeout=10)
        if reply.warning and not self._is_warned:  # from then on the status line says it
            self._is_warned = True
            self._layout.notify(reply.warning, severity="warning", timeout=10)
        if reply.message is not None:  # it settled before the user's eyes
            self._context.spawn(self._mark_read(reply.session_id), "conversation.mark_read")

    async def _mark_read(self, conversation_id: str) -> None:
        await self._context.store.run(storage.Conversations.mark_read, conversation_id)

    def stop(self) -> None:
        """Stop the reply that arrives here and keep what came; without one, go back to the prompt."""
        turns, reply, conversation_id = self._context.turns, self._conversation.live_reply, self._conversation.id
        if conversation_id is not None and turns is not None and turns.stop(conversation_id):
            saved = " Partial reply saved." if reply is not None and (reply.content or reply.reasoning) else ""
            self._layout.notify(f"Stopped.{saved}", timeout=3)
        else:
            self._layout.complaints.dismiss()
            self._layout.focus_prompt()

    def retry(self) -> None:
        """Regenerate the selected reply, or the last one; while the history is not open, try to open it."""
        if self._display.in_trouble:
            self._display.end_trouble()
            self._layout.post_message(OpenRequested())
        elif self._conversation.id is None:
            self._layout.notify("Send a message first.")
        elif not self.hurry_here():
            self._layout.transcript.action_retry()

    def hurry_here(self) -> bool:
        """Look at once whether the provider that the prompt waits for is back; return whether it waits for one."""
        turns = self._context.turns
        if turns is None or not any(reply.waits_for for reply in self._conversation.live_replies):
            return False
        turns.waiting.hurry()
        return True

    def regenerate(self, message_id: str, model: str | None = None) -> None:
        """Ask for another version of a reply, by the model of the conversation or by another one."""
        self._ask_again("Not regenerated.", lambda turns: _reply_of(turns.retry(message_id, model=model)))

    def continue_reply(self, message_id: str) -> None:
        """Ask for the rest of a reply."""
        self._ask_again("Not continued.", lambda turns: _reply_of(turns.continue_(message_id)))

    def _ask_again(self, failed: str, begin: Callable[[Turns], Awaitable[Sequence[Reply]]]) -> None:
        if self.hurry_here():
            return
        if self._conversation.live_reply is not None:
            self._layout.notify("A reply is still arriving.")
        elif not self._is_sending:
            self._is_sending = True
            self._context.spawn(self._begin_again(failed, begin), "turn.again")

    async def _begin_again(self, failed: str, begin: Callable[[Turns], Awaitable[Sequence[Reply]]]) -> None:
        try:
            await self._context.ready.wait()
            assert self._context.turns is not None
            replies = await begin(self._context.turns)
            await self._follow(replies[0].session_id, *replies)
        except storage.StoreError as error:
            self._layout.complain(f"{failed} {error}")
        finally:
            self._is_sending = False

    # Messages

    def delete_message(self, message_id: str) -> None:
        """Delete one message."""
        self._context.spawn(self._delete_message(message_id), "message.delete")

    async def _delete_message(self, message_id: str) -> None:
        try:
            await self._context.store.run(storage.Trash.delete_message, message_id)
            self._offer_undo("Deleted the message.")
        except storage.StoreError as error:
            self._layout.complain(f"Not deleted. {error}")

    def say_copied(self, what: str) -> None:
        """Say what was copied, and where to."""
        self._context.spawn(self._say_copied(what), "copied")

    async def _say_copied(self, what: str) -> None:
        place = await self._context.copied_to()
        self._layout.notify(f"Copied {clean(what)}{place}.", timeout=8 if place else 3)


async def _reply_of(turn: Awaitable[tuple[NewTurn, Reply]]) -> Sequence[Reply]:
    _, reply = await turn
    return (reply,)
