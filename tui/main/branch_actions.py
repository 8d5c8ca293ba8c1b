"""Actions on branches: edit and send again, switch versions, continue a reply, fork, choose a branch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style

from sterna import storage

from .layout import MainLayout
from .navigation import Navigation
from .sentences import quoted
from .turn_actions import TurnActions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..transcript.message_view import MessageView


class BranchActions:
    """Each public method without arguments runs one action of the list of actions.

    It is about the selected message; without one, about the last message for which it makes sense.
    """

    def __init__(
        self,
        layout: MainLayout,
        navigation: Navigation,
        turns: TurnActions,
        *,
        offer_undo: Callable[[str], None],
    ) -> None:
        self._layout = layout
        self._navigation = navigation
        self._turns = turns
        self._context = layout.context
        self._conversation = navigation.conversation
        self._offer_undo = offer_undo

    # Editing

    def edit(self) -> None:
        """Edit a message of one's own, to send it again."""
        view = self._selected
        if view is None:
            if not self.edit_last():
                self._say("You have not sent a message here.")
        elif view.role != "user":
            self._say("Only your own messages can be edited.")
        else:
            self._edit(view.message_id, view.content)

    def edit_last(self) -> bool:
        """Edit the last message of one's own; return whether there may be one."""
        layout, conversation_id = self._layout, self._conversation.id
        if conversation_id is None or not layout.query("#transcript"):
            return False
        view = self._last(lambda view: view.role == "user")
        if layout.transcript.messages.complete or view is None:
            if view is not None:
                self._edit(view.message_id, view.content)
            return view is not None
        layout.start_worker("edit", self._edit_last, conversation_id)
        return True

    async def _edit_last(self, conversation_id: str) -> None:
        from ..transcript.source import last_prompt

        prompt = await self._context.store.run(last_prompt, conversation_id)
        if prompt is not None and self._conversation.id == conversation_id:
            self._edit(prompt.id, prompt.content)

    def _edit(self, message_id: str, text: str) -> None:
        self._layout.focus_prompt()
        self._layout.prompt.begin_edit(message_id, text)

    def end_edit(self) -> bool:
        """Stop editing, where that is what the prompt is for now; return whether it was."""
        prompt = self._layout.prompt
        if prompt.edited is None or not prompt.has_focus or self._conversation.live_reply is not None:
            return False
        prompt.action_cancel_edit()
        return True

    def show_edited(self, message_id: str | None) -> None:
        """Show in the frame of the prompt whether its text replaces a message."""
        prompt, is_edit = self._layout.prompt, message_id is not None
        prompt.set_class(is_edit, "-edits")
        cancel = Style.from_meta({"@click": "cancel_edit"})
        key = self._context.key_of("reply.stop")
        prompt.border_title = Content("Edit your message") if is_edit else None
        prompt.border_subtitle = Content(f"{key} cancel").stylize(cancel) if is_edit else None

    # Versions

    def show_next_version(self) -> None:
        """Show the next version of a message."""
        self._step(1)

    def show_previous_version(self) -> None:
        """Show the version before this one."""
        self._step(-1)

    def _step(self, step: int) -> None:
        view = self._selected or self._last(lambda view: view.has_versions)
        if view is not None and view.has_versions:
            self.switch_version(view.message_id, step)
        else:
            self._say("This message has one version." if view is not None else "No message here has another version.")

    def switch_version(self, message_id: str, step: int) -> None:
        """Show another version of a message, in its place."""
        self._context.spawn(self._switch_version(message_id, step), "branch.switch")

    async def _switch_version(self, message_id: str, step: int) -> None:
        transcript = self._layout.transcript
        row, is_selected = transcript.row_of(message_id), transcript.selected == message_id
        try:
            version = await self._context.store.run(storage.Branches.switch, message_id, step)
        except storage.StoreError as error:
            self._layout.notify(str(error), severity="warning")
            return
        if self._conversation.id == version.session_id:
            await transcript.show_at_row(version.id, row)
            if is_selected:
                transcript.selected = version.id

    def retry_with_model(self) -> None:
        """Add a version of a reply by another model."""
        view = self._selected or self._last(lambda view: view.role == "assistant")
        reply = self._layout.transcript.reply_to(view) if view is not None else None
        if reply is None or not reply.can_retry:
            self._say("No finished reply to regenerate.")
        else:
            self._layout.start_worker("model", self._retry_with_model, reply.message_id)

    async def _retry_with_model(self, message_id: str) -> None:
        from ..pickers import ModelPicker

        context = self._context
        await context.ready.wait()
        picker = ModelPicker(context.catalog, current=self._conversation.chosen_model, store=context.store)
        chosen = await self._layout.app.push_screen_wait(picker)
        if chosen is not None:
            self._turns.regenerate(message_id, chosen)

    def continue_reply(self) -> None:
        """Ask for the rest of a reply that was cut or stopped."""
        view = self._selected or self._last(lambda _: True)
        if view is None or view.message is None:
            self._say("A reply is still arriving." if view is not None else "No messages yet.")
        elif view.role != "assistant":
            self._say("Only a reply can be continued.")
        else:
            self._turns.continue_reply(view.message_id)

    # Branches

    def show_branches(self) -> None:
        """List the branches, and show the one that is chosen."""
        self._layout.start_worker("branches", self._choose_branch)

    async def _choose_branch(self) -> None:
        store, conversation_id = self._context.store, self._conversation.id
        if conversation_id is None:
            self._say("Send a message first.")
            return
        from ..pickers.branches import BranchPicker
        from ..transcript.parts import time_text

        branches = await store.run(storage.BranchOverview.of, conversation_id)
        if len(branches) < 2:
            self._say("This conversation has one branch. Editing a message or regenerating a reply begins another.")
            return
        picker = BranchPicker(branches, partial(time_text, now=self._context.clock(), zone=None))
        end = await self._layout.app.push_screen_wait(picker)
        if end is None or self._conversation.id != conversation_id:
            return
        try:
            await store.run(storage.Branches.show, end)
        except storage.StoreError as error:
            self._layout.complain(str(error))
        else:
            await self._layout.transcript.show(conversation_id)
            self._layout.transcript.to_end()

    def fork(self) -> None:
        """Copy the conversation up to a message into a new one, and open that."""
        view, conversation_id = self._selected, self._conversation.id
        if conversation_id is None:
            self._say("Send a message first.")
        elif view is not None and view.is_live:
            self._say("This reply is still arriving.")
        else:
            self._context.spawn(self._fork(conversation_id, view.message_id if view else None), "conversation.fork")

    async def _fork(self, conversation_id: str, message_id: str | None) -> None:
        store = self._context.store
        try:
            message_id = message_id or await store.run(storage.Branches.leaf, conversation_id)
            if message_id is None:
                self._say("No messages yet.")
                return
            fork = await store.run(storage.BranchChanges.fork, message_id)
            await self._navigation.open(fork.id)
            await self._layout.sidebar.reload()
            self._offer_undo(f"Forked to {quoted(fork.title)}.")
        except storage.StoreError as error:
            self._layout.complain(f"Not forked. {error}")

    # Helpers

    @property
    def _selected(self) -> MessageView | None:
        return self._layout.transcript.selected_message

    def _last(self, fits: Callable[[MessageView], bool]) -> MessageView | None:
        return next((view for view in reversed(self._layout.transcript.loaded) if fits(view)), None)

    def _say(self, sentence: str) -> None:
        self._layout.notify(sentence)
