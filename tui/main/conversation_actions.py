"""What a person can do with conversations: open, rename, delete, bring back, choose who answers them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from textual import on, work

from sterna import storage
from sterna.storage.text import one_line

from ..actions.typeahead import STEP
from ..messages import ConversationRequested
from .layout import DEFAULT_TITLE, UNTITLED, Frame
from .welcome import Found

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sterna.providers import Catalog
    from sterna.storage import Trashed

    from ..sidebar import Sidebar

UNDO_SECONDS = 8.0
"""How long the sentence about undo stays; undo itself works for as long as the trash keeps."""


def called(title: str, limit: int) -> str:
    """Return a title as sentences have it; the default one is in the words of the screen."""
    return one_line(UNTITLED if title == DEFAULT_TITLE else title, limit)


class Conversations(Frame):
    """The frame, with every action on conversations.

    Messages of the list are met by name (``on_sidebar_opened``): naming its class here would load it before the first
    frame.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._before_clear: str | None = None
        """The conversation that was open when everything was deleted."""
        self._stepping = asyncio.Lock()
        """Held while a step is made: the next one begins where it has gone to, however fast the keys come."""
        self._shown_for_rename: dict[str, bool] = {}
        """How the list was shown before the title of the open conversation was being changed."""

    async def show_welcome(self) -> None:
        """Say what was found, now and once the endpoints have answered."""
        catalog = self.sterna.catalog
        if catalog is None:
            return
        self.welcome.first = await self.store.run(storage.Store.session_count) == 0
        labels = [title for name in catalog.names() if (title := catalog.title(name))]
        self.welcome.found = Found(self.model.rstrip("/"), tuple(labels), tuple(catalog.problems.values()))

    def show_sync(self) -> None:
        """Say how things stand with the server; once it has said that it answers questions, offer it."""
        super().show_sync()
        catalog = self.sterna.catalog
        if catalog is not None and self.sterna.link.report.phase == "synced" and "server" not in catalog.names():
            self._find_more(catalog)

    @work(group="find more", exclusive=True)
    async def _find_more(self, catalog: Catalog) -> None:
        known = catalog.names()
        for find in catalog.finders:
            await find()
        if catalog.names() != known:
            await self.show_state()
            await self.show_welcome()

    def on_sidebar_opened(self, event: Sidebar.Opened) -> None:
        """Open what was chosen in the list."""
        self.go_to(event.session_id)
        self.remove_class("-list")
        self.prompt.focus()

    @on(ConversationRequested)
    def open_requested(self, event: ConversationRequested) -> None:
        """Open what another part asks for."""
        self.go_to(event.session_id, event.message_id)

    def go_to(self, session_id: str | None, message_id: str | None = None) -> None:
        """Open a conversation; a later request overtakes an earlier one."""
        self.heading_for = session_id
        self._go_to(session_id, message_id)

    @work(group="open", exclusive=True)
    async def _go_to(self, session_id: str | None, message_id: str | None) -> None:
        try:
            await self.open_session(session_id, at=message_id)
        except storage.StoreError as error:
            self._complain(str(error))

    def action_new_conversation(self) -> None:
        """Start anew; the prompt's text stays as the draft of the conversation that is left."""
        self.go_to(None)
        self.prompt.focus()

    async def action_next_conversation(self) -> None:
        """Open the one below."""
        self.sterna.spawn(self._step(1), STEP)

    async def action_previous_conversation(self) -> None:
        """Open the one above."""
        self.sterna.spawn(self._step(-1), STEP)

    async def _step(self, by: int) -> None:
        async with self._stepping:
            here = self.heading_for
            position = await self.store.run(storage.Store.session_position, here) if here else None
            target = 0 if position is None else position + by
            rows = await self.store.run(storage.Store.session_page, target, 1) if target >= 0 else []
            if rows:
                self.go_to(rows[0].id)
        if not rows:
            self.sterna.notify("No more conversations." if by > 0 else "This is the newest conversation.")

    @work(group="search", exclusive=True)
    async def action_search(self) -> None:
        """Search everything and open what was chosen, at its message."""
        from ..search import SearchScreen

        self.sterna.analytics.track("search_opened")
        screen = SearchScreen(self.store, session_id=self.session_id, clock=self.clock)
        hit = await self.app.push_screen_wait(screen)
        if hit is not None:
            await self.open_session(hit.session_id, at=hit.message_id, query=screen.words)
            if hit.message_id is not None:
                self.transcript.focus()

    def action_rename(self) -> None:
        """Give the open conversation a title, in its place in the list."""
        if self._needs_session():
            self._shown_for_rename = {name: self.has_class(name) for name in ("-list", "-no-list")}
            self._show_list()
            self.sidebar.start_rename()

    def on_sidebar_rename_ended(self) -> None:
        """Hide the list again if it was shown for the rename alone."""
        for name, shown in self._shown_for_rename.items():
            self.set_class(shown, name)
        self._shown_for_rename = {}

    def on_sidebar_rename_submitted(self, event: Sidebar.RenameSubmitted) -> None:
        """Store the new title."""
        self.sterna.spawn(self._rename(event.session_id, event.title), "rename")

    async def _rename(self, session_id: str, title: str) -> None:
        try:
            await self.store.run(storage.Store.rename_session, session_id, title)
            self.sterna.analytics.track("conversation_renamed", session_id)
        except storage.StoreError as error:
            self._complain(f"Not renamed. {error}")

    async def action_show_profile(self) -> None:
        """The account, and what was used."""
        from ..screens.profile import ProfileScreen

        await self.app.push_screen(ProfileScreen())

    async def action_show_sync(self) -> None:
        """How things stand with the server."""
        from ..sync.screen import SyncScreen

        await self.app.push_screen(SyncScreen(self.clock))

    def action_toggle_private(self) -> None:
        """Keep the open conversation on this computer only, or sync it again."""
        if self._needs_session() and self.session is not None:
            self._toggle_private(self.session.id)

    @work(group="private", exclusive=True)
    async def _toggle_private(self, session_id: str) -> None:
        try:
            private = not await self.store.run(storage.Store.is_private, session_id)
            if private and await self.store.run(storage.Store.server_may_have, session_id):
                from ..screens.dialogs import Confirm

                title = one_line((await self.store.run(storage.Store.get_session, session_id)).title, 60)
                question = (
                    f"“{title}” will be removed from the server and from your other computers. They can undo this."
                )
                if not await self.app.push_screen_wait(Confirm("Keep on this computer only?", question, "Keep here")):
                    return
            await self.store.run(storage.Store.set_private, session_id, private)
        except storage.StoreError as error:
            self._complain(str(error))
            return
        told = "This conversation stays on this computer only." if private else "This conversation is synced again."
        self.sterna.notify(told, timeout=4)
        await self.show_state()

    async def action_delete_conversation(self) -> None:
        """Delete the open conversation."""
        if self.session is not None:
            self._delete(self.session.id)
        else:
            self._needs_session()

    def on_sidebar_delete_requested(self, event: Sidebar.DeleteRequested) -> None:
        """Delete what the list's cursor is on."""
        self._delete(event.session_id)

    @work(group="delete")
    async def _delete(self, session_id: str) -> None:
        if self.sterna.settings.ui.confirm_delete:
            from ..screens.dialogs import Confirm

            session = await self._session(session_id)
            title = f"“{called(session.title, 60)}”" if session else "It"
            question = f"{title} moves to the trash. You can undo this."
            if not await self.app.push_screen_wait(Confirm("Delete conversation?", question, "Delete")):
                return
        self.sterna.spawn(self._trash(session_id), "delete")

    async def _trash(self, session_id: str) -> None:
        try:
            if (turns := self.sterna.turns) is not None:
                await turns.halt(session_id)  # what came of a reply goes to the trash with the rest
            if session_id == self.session_id:
                await self.save_draft()  # what stands in the prompt goes with its conversation, and comes back with it
            position = await self.store.run(storage.Store.session_position, session_id)
            trashed = await self.store.run(storage.Store.delete_session, session_id)
            self.sterna.analytics.track("conversation_deleted", session_id)
            if session_id == self.session_id:
                left = await self.store.run(storage.Store.session_count)
                rows = await self.store.run(storage.Store.session_page, max(0, min(position or 0, left - 1)), 1)
                await self.open_session(rows[0].id if rows else None)
            self.drafts.forget(session_id)
            await self.sidebar.reload()
            self._offer_undo(f"Deleted “{called(trashed.title, 40)}”.")
        except storage.StoreError as error:
            self._complain(f"Not deleted. {error}")

    def _offer_undo(self, what: str) -> None:
        self.sterna.notify(f"{what} {self._hint('conversation.undo').key} undoes this.", timeout=UNDO_SECONDS)

    async def action_undo_delete(self) -> None:
        """Bring back what was deleted last."""
        self.sterna.spawn(self._undo(), "undo")

    async def _undo(self) -> None:
        try:
            trashed: Trashed | None = await self.store.run(storage.Store.last_trashed)
            if trashed is None:
                self.sterna.notify("Nothing to undo.")
                return
            back = await self.store.run(storage.Store.undo, trashed.token)
            await self.sidebar.reload()
            if trashed.sessions and back:
                await self.open_session(self._before_clear if self._before_clear in back else back[0])
            many = f"{trashed.sessions:,} conversations are back." if trashed.sessions > 1 else ""
            one = f"“{called(trashed.title, 40)}” is back." if trashed.sessions == 1 else "The message is back."
            self.sterna.notify(many or one)
        except storage.StoreError as error:
            self._complain(f"Not undone. {error}")

    @work(group="clear", exclusive=True)
    async def action_clear_all(self) -> None:
        """Delete everything, once the person has typed that they mean it."""
        from ..screens.dialogs import ConfirmClear

        count = await self.store.run(storage.Store.session_count)
        if not count:
            self.sterna.notify("There is nothing to delete.")
        elif await self.app.push_screen_wait(ConfirmClear(count)):
            if (turns := self.sterna.turns) is not None:
                await asyncio.gather(*(turns.halt(reply.session_id) for reply in turns.running()))
            if (left := self.session_id) is not None:
                await self.save_draft()  # it goes with its conversation
            await self.store.run(storage.Store.clear_all)
            self._before_clear = left
            await self.open_session(None)
            if left is not None:
                self.drafts.forget(left)
            await self.sidebar.reload()
            await self.show_welcome()
            self._offer_undo("Every conversation is deleted.")

    @work(group="settings", exclusive=True)
    async def action_conversation_settings(self) -> None:
        """The system prompt and the temperature of this conversation."""
        from ..screens.dialogs import ConversationDialog, ConversationSettings

        settings = self.sterna.settings
        current = ConversationSettings(str(self.choices.get("system_prompt") or ""), self.choices.get("temperature"))
        usual = ConversationSettings(settings.system_prompt, settings.temperature)
        chosen = await self.app.push_screen_wait(ConversationDialog(current, usual))
        if chosen is not None:
            await self._choose("system_prompt", chosen.system_prompt or None)
            await self._choose("temperature", chosen.temperature)

    @work(group="model", exclusive=True)
    async def action_choose_model(self) -> None:
        """Choose who answers this conversation."""
        from ..pickers import ModelPicker

        picker = ModelPicker(self.sterna.catalog, current=self._chosen_model, find=self._await_catalog)
        chosen = await self.app.push_screen_wait(picker)
        if chosen is not None:
            await self._choose("model", chosen)
            self.sterna.analytics.track("model_chosen")
            await self.show_state()
            await self.show_welcome()

    @property
    def _chosen_model(self) -> str | None:
        """The model that was chosen for this conversation or in the settings; None: the default answers."""
        return self.choices.get("model") or self.sterna.settings.model or None

    async def _await_catalog(self) -> tuple[Catalog, str | None]:
        """Wait for the end of the start; return the catalog and the chosen model."""
        await self.sterna.ready.wait()
        assert self.sterna.catalog is not None
        return self.sterna.catalog, self._chosen_model

    async def _choose(self, key: str, value: Any) -> None:
        """Set one setting of this conversation; before it exists it is kept for its beginning."""
        if self.session is not None:
            await self.store.run(storage.Store.set_session_setting, self.session.id, key, value)
        self.choices = {**self.choices, key: value}
        if value is None:
            self.choices.pop(key)

    def _show_list(self) -> None:
        self.set_class(self.has_class("-narrow"), "-list")
        self.remove_class("-no-list")

    def _needs_session(self) -> bool:
        if self.session is None:
            self.sterna.notify("Send a message first.")
        return self.session is not None
