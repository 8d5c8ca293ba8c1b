"""Comparison of models: choose them, ask, show their replies side by side, and keep one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sterna import storage

from ..counts import counted
from ..prompt import Prompt, slash_commands
from .layout import MainLayout
from .navigation import Navigation
from .prompt_attachments import PromptAttachments
from .turn_actions import TurnActions

if TYPE_CHECKING:
    from sterna.chat import Comparison, Reply

WAIT = "A reply is still arriving."
MOST_VERSIONS = 9
"""Most replies that are shown side by side, the newest: each has a digit as its key."""


class CompareActions:
    """Compares models about what is written in the prompt, or about a message that was sent."""

    def __init__(
        self, layout: MainLayout, navigation: Navigation, turns: TurnActions, attachments: PromptAttachments
    ) -> None:
        self._layout = layout
        self._turns = turns
        self._attachments = attachments
        self._context = layout.context
        self._conversation = navigation.conversation

    def compare(self) -> None:
        """Compare models about the selected message, else the prompt, else the last message that was sent."""
        if not self._show_arriving():
            self._layout.start_worker("compare", self._compare)

    async def _compare(self) -> None:
        layout, prompt = self._layout, self._layout.prompt
        selected = self._selected
        if selected is None and prompt.edited is not None:
            layout.notify("Send the edited message first, then compare.")
        elif selected is None and (prompt.text.strip() or self._attachments.items):
            text = slash_commands.parse(prompt.whole).text
            await self.compare_text(text, Prompt.Submitted(prompt.whole, prompt.text, prompt.draft))
        elif (message_id := selected or await self._last_prompt()) is None:
            layout.notify("Write a message first, then compare.")
        else:
            await self._compare_again(message_id)

    async def _compare_again(self, message_id: str) -> None:
        """Ask for versions of the replies to a message, or show those that there are."""
        from ..transcript.source import reply_versions

        try:
            prompt, versions = await self._context.store.run(reply_versions, message_id)
        except storage.StoreError as error:
            self._layout.notify(str(error))
            return
        versions = versions[-MOST_VERSIONS:]
        models = await self._choose_models(len(versions) if prompt is not None else 0)
        if models:
            self._turns.compare_again(message_id, models, self._show)
        elif models is not None and prompt is not None:
            from sterna.chat import Comparison

            self._show(Comparison.of_versions(prompt, versions))

    async def compare_text(self, text: str, event: Prompt.Submitted) -> None:
        """Compare models about a new message, which ``event`` has submitted."""
        if not self._show_arriving() and (models := await self._choose_models()):
            self._turns.compare(event, text, models, self._show)

    @property
    def _selected(self) -> str | None:
        """Message that is selected while the messages have the focus."""
        layout = self._layout
        if not layout.query("#transcript") or not layout.transcript.has_focus_within:
            return None
        view = layout.transcript.selected_message
        is_there = view is not None and view.message is not None and view.role != "system"
        return view.message_id if view is not None and is_there else None

    async def _last_prompt(self) -> str | None:
        from ..transcript.source import last_prompt

        conversation_id = self._conversation.id
        if conversation_id is None:
            return None
        prompt = await self._context.store.run(last_prompt, conversation_id)
        return prompt.id if prompt is not None else None

    async def _choose_models(self, versions: int = 0) -> tuple[str, ...] | None:
        """Return the models to ask; none to show the ``versions`` that there are, and None to do nothing."""
        from ..pickers.compared_models import ComparedModelsPicker

        context = self._context
        await context.ready.wait()
        assert context.catalog is not None
        names = context.catalog.names()
        try:
            last = await context.store.run(storage.ModelUse.compared)
        except storage.StoreError:
            last = []
        marked = [ref for ref in last if ref.partition("/")[0] in names] or [self._conversation.model]
        picker = ComparedModelsPicker(
            context.catalog,
            current=self._conversation.chosen_model,
            marked=marked,
            versions=versions,
            store=context.store,
        )
        chosen = await self._layout.app.push_screen_wait(picker)
        if chosen:
            try:
                await context.store.run(storage.ModelUse.set_compared, chosen)
            except storage.StoreError as error:
                self._layout.complain(str(error))
        return chosen

    # The screen

    def _show_arriving(self) -> bool:
        """Show the comparison that arrives here; return whether there is one, or another reply."""
        turns, conversation_id = self._context.turns, self._conversation.id
        if turns is None or conversation_id is None or not turns.arriving(conversation_id):
            return False
        if (comparison := turns.comparison(conversation_id)) is not None:
            self._show(comparison)
        else:
            self._layout.notify(WAIT)
        return True

    def _show(self, comparison: Comparison) -> None:
        """Show the replies side by side, if their conversation is still the open one."""
        if self._layout.is_alive and self._conversation.id == comparison.session_id:
            self._layout.start_worker("comparison", self._show_screen, comparison)

    async def _show_screen(self, comparison: Comparison) -> None:
        from ..comparison.screen import ComparisonScreen

        was_over = not comparison.running
        options = replace(self._layout.transcript.options, header=False, usage=False)  # the columns show both
        screen = ComparisonScreen(self._context, comparison, options)
        kept = await self._layout.app.push_screen_wait(screen)
        if kept is not None:
            self._layout.start_worker("keep", self._keep, comparison, kept, exclusive=False)
        elif sum(bool(reply.content.strip()) for reply in comparison.replies) > 1 and not was_over:
            self._layout.notify(f"All replies are kept as versions. {self._versions_key} shows the next.", timeout=8)

    async def _keep(self, comparison: Comparison, reply_id: str) -> None:
        """Show a reply in the conversation, however it ends; the others that arrive are stopped."""
        reply = next(each for each in comparison.replies if each.id == reply_id)
        stopped = comparison.keep(reply)
        rest = f" {counted(stopped, 'other reply was', 'other replies were')} stopped." if stopped else ""
        self._layout.notify(f"Kept. {self._versions_key} shows the other replies.{rest}", timeout=8)
        await self._show_branch(reply)
        if self._conversation.id == comparison.session_id:
            await self._layout.transcript.show(comparison.session_id, at=reply_id)
        while reply.running:
            await reply.changed(reply.version)
        await self._show_branch(reply)

    async def _show_branch(self, reply: Reply) -> None:
        """Show the branch of a reply, if it is settled."""
        try:
            if reply.message is not None:
                await self._context.store.run(storage.Branches.show, reply.id)
        except storage.StoreError as error:
            self._layout.complain(str(error))

    @property
    def _versions_key(self) -> str:
        return self._context.key_of("message.next_version")
