"""Messages that wait: each is sent when the reply to the one before it is complete.

They are stored with the draft of their conversation, so they survive the end of the program. After a reply that failed
or was stopped, and after a restart, they wait for the user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sterna import storage
from sterna.storage.conversations.quotations import message_passages

from ..counts import counted
from ..prompt import plain, slash_commands
from ..prompt.stored_draft import split_files, with_files
from .complaints import PROMPT
from .layout import MainLayout
from .navigation import Navigation
from .prompt_attachments import PromptAttachments
from .sentences import taken_back

if TYPE_CHECKING:
    from sterna.chat import Reply

    from ..prompt import Prompt


class PromptQueue:
    """Queue of each conversation; the one of the open conversation is shown above the prompt."""

    def __init__(
        self,
        layout: MainLayout,
        navigation: Navigation,
        attachments: PromptAttachments,
        follow: Callable[[str, Reply], Awaitable[None]],
        offer_undo: Callable[[str], None],
    ) -> None:
        self._layout = layout
        self._navigation = navigation
        self._context = layout.context
        self._conversation = navigation.conversation
        self._drafts = navigation.drafts
        self._attachments = attachments
        self._follow = follow
        """Shows a reply that has just begun in the open conversation."""
        self._offer_undo = offer_undo
        self._flowing: set[str] = set()
        """Conversations whose next message is sent by itself."""
        self._is_adding = False
        self._sending: set[str] = set()
        """Conversations whose next message is being stored."""
        navigation.opened.append(self.show)

    def add(self, event: Prompt.Submitted) -> None:
        """Let what was submitted wait for the end of the reply; the prompt keeps it until it is stored."""
        if (reply := self._conversation.live_reply) is not None and not self._is_adding:
            self._is_adding = True
            ids = [item.id for item in self._attachments.hold()]
            self._context.spawn(self._add(reply, event, ids), "queue.add")

    async def _add(self, reply: Reply, event: Prompt.Submitted, ids: list[str]) -> None:
        prompt, conversation_id = self._layout.prompt, reply.session_id
        queued = (*self._drafts.queued(conversation_id), with_files(event.draft, ids))
        try:
            if not await self._drafts.save_queue(conversation_id, queued, ""):
                await self._drafts.save_queue(conversation_id, queued[:-1], prompt.draft)
                self._attachments.give_back(ids)
                return  # the drafts have said why; the text is still in the prompt
            if self._conversation.id == conversation_id:
                prompt.sent(event.shown, event.text)
                await self._drafts.save(conversation_id, prompt.draft)
        finally:
            self._is_adding = False
        self._layout.complaints.end(PROMPT)
        self._flowing.add(conversation_id)
        self.show()
        if not reply.running:
            self.reply_ended(reply)  # it ended while the message was being stored

    # Sending

    def reply_ended(self, reply: Reply) -> None:
        """Send the next message after a complete reply, and hold it after any other."""
        message = reply.message
        turns = self._context.turns
        if reply.session_id in self._sending or (turns is not None and turns.arriving(reply.session_id)):
            return  # this is looked at again once the message is stored, or the last of several replies has ended
        if not self._drafts.queued(reply.session_id):
            self._flowing.discard(reply.session_id)
        elif message is None or message.finish != "done" or message.error_message:
            self._flowing.discard(reply.session_id)
            self.show()
        elif reply.session_id in self._flowing:
            self._context.spawn(self._send_next(reply.session_id), "queue.send")

    def resume(self) -> bool:
        """Send the next message of the open conversation; return whether there is one that can be sent."""
        conversation_id = self._conversation.id
        if conversation_id is None or not self._drafts.queued(conversation_id):
            return False
        self._flowing.add(conversation_id)
        self.show()
        if self._conversation.live_reply is None:
            self._context.spawn(self._send_next(conversation_id), "queue.send")
        return True

    async def _send_next(self, conversation_id: str) -> None:
        context, queued = self._context, self._drafts.queued(conversation_id)
        if not queued or conversation_id in self._sending:
            return
        text, ids = slash_commands.parse(plain(queued[0])).text, split_files(queued[0])[1]
        attachments = self._attachments.held(conversation_id, ids)
        self._sending.add(conversation_id)
        reply: Reply | None = None
        try:
            await context.ready.wait()
            assert context.turns is not None
            _, reply = await context.turns.begin(conversation_id, text, attachments=attachments)
            await self._attachments.sent(conversation_id, attachments, waited=True)
            await self._drafts.save_queue(conversation_id, self._drafts.queued(conversation_id)[1:])
            context.analytics.track("message_sent", conversation_id)
            if self._layout.is_alive and self._conversation.id == conversation_id:
                self._layout.prompt.history_of_prompts.add(text)
                await self._follow(conversation_id, reply)
        except storage.StoreError as error:
            self._flowing.discard(conversation_id)
            if self._layout.is_alive:
                self._layout.complain(f"The next message was not sent. {error}", PROMPT)
        finally:
            self._sending.discard(conversation_id)
            self.show()
            if reply is not None and not reply.running:
                self.reply_ended(reply)

    # Taking back

    def take_back(self, index: int = -1) -> bool:
        """Take a waiting message back into the prompt; return whether there is one."""
        conversation_id, prompt = self._conversation.id, self._layout.prompt
        queued = list(self._drafts.queued(conversation_id))
        if conversation_id is None or not queued:
            reply = self._conversation.live_reply
            if reply is None or not reply.waits_for:
                return False
            self._context.spawn(self._take_back_prompt(reply.session_id), "queue.take_back_prompt")
            return True
        if conversation_id in self._sending and index in (0, -len(queued)):
            return False  # it is too late for this one
        draft, ids = split_files(queued.pop(index))
        prompt.join(draft)
        prompt.focus()
        self._attachments.give_back(ids)
        self._context.spawn(self._save(conversation_id, queued, prompt.draft), "queue.take_back")
        return True

    async def _take_back_prompt(self, conversation_id: str) -> None:
        """Take back the message that waits for its provider."""
        prompt, turns = self._layout.prompt, self._context.turns
        assert turns is not None
        try:
            message = await turns.waiting.take_back(conversation_id)
        except storage.StoreError as error:
            self._layout.notify(str(error))
            return
        names = ", ".join(item.name for item in message.attachments)
        text = "" if message.content == names else message.content
        if self._conversation.id == conversation_id:
            is_alone = not prompt.text and not message.attachments
            prompt.join(text)
            prompt.focus()

            async def put_back() -> None:
                """Empty the prompt, before the undo of the store, so that the message is not there twice."""
                if is_alone and prompt.text == text and self._conversation.id == conversation_id:
                    prompt.put("")

            await self._conversation.local_undo.add(put_back)
            self._attachments.put_back(message.attachments)
            await self._drafts.save(conversation_id, prompt.draft)
        else:
            before = await self._drafts.read(conversation_id)
            await self._drafts.save(conversation_id, "\n".join(filter(None, (text, before))))
        self._offer_undo(taken_back(message_passages(message.metadata), self._context.key_of("history.ask")))

    async def _save(self, conversation_id: str, queued: list[str], text: str) -> None:
        await self._drafts.save_queue(conversation_id, queued, text)
        self.show()

    def show(self) -> None:
        """Show what waits in the open conversation."""
        if not self._layout.is_alive:
            return
        conversation_id = self._conversation.id
        self._layout.queue_bar.show(
            [_shown(message) for message in self._drafts.queued(conversation_id)],
            is_held=conversation_id not in self._flowing,
            send_key=self._context.key_of("prompt.send"),
            take_back_key=self._context.key_of("prompt.take_back"),
        )


def _shown(message: str) -> str:
    """Return the text of a waiting message, with the number of its files."""
    text, ids = plain(message), split_files(message)[1]
    return f"{text} ({counted(len(ids), 'file')})".strip() if ids else text
