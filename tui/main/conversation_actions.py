"""Actions on conversations: rename, delete, restore, search, sync or keep local, choose settings and model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sterna import storage
from sterna.storage.text import one_line

from ..counts import counted
from .download_actions import DownloadActions
from .history_question import HistoryQuestion
from .layout import MainLayout
from .navigation import Navigation
from .sentences import labels_restored, quoted, settings_restored
from .sentences import restored as restored_sentence
from .split_view import SplitView
from .status_display import StatusDisplay

if TYPE_CHECKING:
    from sterna.providers import Catalog
    from sterna.storage import Conversation, Trashed

UNDO_SECONDS = 8.0
"""Time for which the hint at undo stays; undo itself works for as long as the trash keeps."""

MOST_RELATED = 30
"""Related conversations that are listed."""


class ConversationActions:
    """Each public method without arguments runs one action of the list of actions."""

    def __init__(self, layout: MainLayout, navigation: Navigation, display: StatusDisplay) -> None:
        self._layout = layout
        self._navigation = navigation
        self._display = display
        self._context = layout.context
        self._conversation = navigation.conversation
        self._history = HistoryQuestion(layout, navigation)
        self.downloads = DownloadActions(layout, navigation, display, offer_undo=self.offer_undo)
        """Downloads of models."""
        self._split = SplitView(layout, navigation.conversation)
        self._open_before_delete_all: str | None = None
        """Conversation that was open when everything was deleted."""
        self._list_classes: dict[str, bool] = {}
        """State of the list before the title of the open conversation was edited in it."""

    # Opening

    def start_new(self) -> None:
        """Start a new conversation; the prompt's text stays as the draft of the one that is left."""
        self._navigation.go_to(None)
        self._layout.focus_prompt()

    def open_next(self) -> None:
        """Open the conversation below."""
        self._navigation.step(1)

    def open_previous(self) -> None:
        """Open the conversation above."""
        self._navigation.step(-1)

    def focus_messages(self) -> None:
        """Focus the messages."""
        if self._stored():
            self._layout.transcript.focus()

    def open_earlier_question(self) -> None:
        """Open the similar question of before."""
        if (earlier := self._layout.notice_bar.earlier) is None:
            self._layout.notify("No similar question found.")
            return
        self._layout.notice_bar.clear()
        self._context.analytics.track("similar_opened", earlier.session_id)
        self._navigation.go_to(earlier.session_id, earlier.message_id)

    def search(self, text: str = "") -> None:
        """Search everything, first for ``text``, and open the chosen result at its message."""
        self._layout.start_worker("search", self._search, text)

    async def _search(self, text: str) -> None:
        from ..search import SearchScreen

        self._context.analytics.track("search_opened")
        screen = SearchScreen(
            self._context.store,
            conversation_id=self._conversation.id,
            text=text,
            meaning=self._context.meaning,
            clock=self._context.clock,
        )
        hit = await self._layout.app.push_screen_wait(screen)
        if hit is not None:
            words = screen.words if hit.why == "words" else ""
            await self._navigation.open(hit.session_id, at=hit.message_id, query=words)
            if hit.message_id is not None:
                self._layout.transcript.focus()

    def ask_history(self, question: str = "") -> None:
        """Ask one's own history, and get the answer in a new conversation."""
        self._history.ask(question)

    def show_related(self) -> None:
        """List conversations about the same as the open one, and open the chosen one at its best message."""
        if (conversation := self._stored()) is not None:
            self._layout.start_worker("related", self._show_related, conversation.id)

    async def _show_related(self, conversation_id: str) -> None:
        from sterna.storage.conversations.related import Related

        from ..search.related import RelatedScreen

        try:
            if self._context.meaning.is_on:
                hits = await self._context.meaning.related(conversation_id, MOST_RELATED)
            else:
                hits = await self._context.store.run(Related.to, conversation_id, MOST_RELATED)
        except storage.StoreError as error:
            self._layout.complain(str(error))
            return
        screen = RelatedScreen(hits, clock=self._context.clock)
        hit = await self._layout.app.push_screen_wait(screen)
        if hit is not None and screen.is_beside:
            self._split.open(hit.session_id)
        elif hit is not None:
            await self._navigation.open(hit.session_id, at=hit.message_id)

    def toggle_split(self) -> None:
        """Read a conversation beside the open one, or end that."""
        self._split.toggle()

    # Title

    def rename(self) -> None:
        """Edit the title of the open conversation, in its place in the list."""
        if self._stored():
            layout = self._layout
            self._list_classes = {name: layout.has_class(name) for name in ("-list", "-no-list")}
            layout.show_list()
            layout.sidebar.start_rename()

    def end_rename(self) -> None:
        """Hide the list again if it was shown for the rename alone."""
        for name, is_set in self._list_classes.items():
            self._layout.set_class(is_set, name)
        self._list_classes = {}

    def save_title(self, conversation_id: str, title: str) -> None:
        """Store a new title."""
        self._context.spawn(self._save_title(conversation_id, title), "conversation.rename")

    async def _save_title(self, conversation_id: str, title: str) -> None:
        try:
            await self._context.store.run(storage.Conversations.rename, conversation_id, title)
            self._context.analytics.track("conversation_renamed", conversation_id)
        except storage.StoreError as error:
            self._layout.complain(f"Not renamed. {error}")

    # Sync

    def toggle_private(self) -> None:
        """Keep the open conversation on this device only, or sync it again."""
        if (record := self._stored()) is not None:
            self._layout.start_worker("private", self._toggle_private, record.id)

    async def _toggle_private(self, conversation_id: str) -> None:
        store = self._context.store
        try:
            is_private = not await store.run(storage.SyncMetadata.is_private, conversation_id)
            if is_private and await store.run(storage.Privacy.server_may_have, conversation_id):
                title = one_line((await store.run(storage.Conversations.get, conversation_id)).title, 60)
                question = f"“{title}” will be removed from the server and from your other devices. They can undo this."
                if not await self._confirm("Keep on this device only?", question, "Keep here"):
                    return
            await store.run(storage.Privacy.set_private, conversation_id, is_private)
        except storage.StoreError as error:
            self._layout.complain(str(error))
            return
        what = "stays on this device only" if is_private else "is synced again"
        self._layout.notify(f"This conversation {what}.", timeout=4)
        await self._display.refresh()

    # Deleting

    def delete(self) -> None:
        """Delete the open conversation."""
        if (record := self._stored()) is not None:
            self.request_delete((record.id,))

    def request_delete(self, conversation_ids: Sequence[str]) -> None:
        """Delete conversations, after a question where the settings want one."""
        self._layout.start_worker("delete", self._request_delete, conversation_ids, exclusive=False)

    async def _request_delete(self, conversation_ids: Sequence[str]) -> None:
        if self._context.settings.ui.confirm_delete:
            if len(conversation_ids) == 1:
                record = await self._navigation.find(conversation_ids[0])
                title, question = quoted(record.title, 60) if record else "It", "Delete conversation?"
            else:
                title, question = counted(len(conversation_ids), "conversation"), "Delete conversations?"
            moves = "moves" if len(conversation_ids) == 1 else "move"
            if not await self._confirm(question, f"{title} {moves} to the trash. You can undo this.", "Delete"):
                return
        self._context.spawn(self._delete(conversation_ids), "conversation.delete")

    async def _delete(self, conversation_ids: Sequence[str]) -> None:
        store, navigation = self._context.store, self._navigation
        try:
            if (turns := self._context.turns) is not None:
                for reply in turns.running():
                    if reply.session_id in conversation_ids:
                        await turns.halt(reply.session_id)  # the partial reply goes to the trash with the rest
            is_open, open_id = self._conversation.id in conversation_ids, self._conversation.id or ""
            if is_open:
                await navigation.save_draft()  # it goes with its conversation, and comes back with it
            position = await store.run(storage.Conversations.position, open_id)
            navigation.being_deleted.update(conversation_ids)
            trashed = await store.run(storage.Trash.delete_conversations, conversation_ids)
            self._context.analytics.track("conversation_deleted", *conversation_ids[:1])
            if is_open:
                left = await store.run(storage.Conversations.count)
                rows = await store.run(storage.Conversations.page, max(0, min(position or 0, left - 1)), 1)
                await navigation.open(rows[0].id if rows else None)
            for conversation_id in conversation_ids:
                navigation.drafts.forget(conversation_id)
            await self._layout.sidebar.reload()
            what = quoted(trashed.title) if trashed.sessions == 1 else counted(trashed.sessions, "conversation")
            self.offer_undo(f"Deleted {what}.")
        except storage.StoreError as error:
            self._layout.complain(f"Not deleted. {error}")
        finally:
            navigation.being_deleted.difference_update(conversation_ids)

    def delete_all(self) -> None:
        """Delete every conversation, once the user has typed that they mean it."""
        self._layout.start_worker("delete all", self._delete_all)

    async def _delete_all(self) -> None:
        from ..dialogs.confirm import ConfirmClear

        store, navigation = self._context.store, self._navigation
        count = await store.run(storage.Conversations.total)
        if not count:
            self._layout.notify("There is nothing to delete.")
        elif await self._layout.app.push_screen_wait(ConfirmClear(count)):
            if (turns := self._context.turns) is not None:
                await asyncio.gather(*(turns.halt(reply.session_id) for reply in turns.running()))
            if (open_id := self._conversation.id) is not None:
                await navigation.save_draft()  # it goes with its conversation
            await store.run(storage.Trash.clear_all)
            self._open_before_delete_all = open_id
            await navigation.open(None)
            if open_id is not None:
                navigation.drafts.forget(open_id)
            await self._layout.sidebar.reload()
            await self._display.show_welcome()
            self.offer_undo("Deleted all conversations.")

    def offer_undo(self, what: str) -> None:
        """Say what was deleted, and which key undoes it."""
        self._layout.notify(f"{what} {self._display.key_name('conversation.undo')} undoes this.", timeout=UNDO_SECONDS)

    def undo_delete(self) -> None:
        """Restore what was deleted last, or labels and settings as they were before the last change."""
        self._context.spawn(self._undo_delete(), "conversation.undo")

    async def _undo_delete(self) -> None:
        store = self._context.store
        try:
            trashed: Trashed | None = await store.run(storage.Trash.latest)
            if (sentence := await self._conversation.local_undo.undo(trashed)) is not None:
                await self._show_settings()
                self._layout.notify(sentence)
                return
            if trashed is None:
                self._layout.notify("Nothing to undo.")
                return
            restored = await store.run(storage.Undo.undo, trashed.token)
            await self._layout.sidebar.reload()
            if trashed.kind == "labels":
                self._layout.notify(labels_restored(len(restored), trashed.title))
                return
            if trashed.kind == "settings":
                await self._conversation.read_settings()
                await self._show_settings()
                self._layout.notify(settings_restored(trashed.title))
                return
            if trashed.kind == "reply" and self._conversation.id not in restored:
                await self._navigation.open(restored[0])
            elif trashed.sessions and restored:
                open_id = self._open_before_delete_all
                await self._navigation.open(open_id if open_id in restored else restored[0])
            self._layout.notify(restored_sentence(trashed.sessions, trashed.title, is_reply=trashed.kind == "reply"))
        except storage.StoreError as error:
            self._layout.complain(f"Not restored. {error}")

    async def _show_settings(self) -> None:
        await self._display.refresh()
        await self._display.show_welcome()

    # Settings of the conversation

    def edit_settings(self) -> None:
        """Edit the system prompt and the temperature of this conversation."""
        self._layout.start_worker("settings", self._edit_settings)

    async def _edit_settings(self) -> None:
        from ..screens.conversation_settings import ConversationDialog, ConversationSettings

        await self._conversation.read_settings()  # a reply may have brought a summary
        settings, choices = self._context.settings, self._conversation.choices
        stored = choices.get("summary")
        summary: dict[str, Any] = stored if isinstance(stored, dict) else {}
        current = ConversationSettings(
            str(choices.get("system_prompt") or ""),
            choices.get("temperature"),
            (choices.get("context") or settings.context) == "summarise",
            str(summary.get("text") or ""),
            await asyncio.to_thread(self._searches_web),
        )
        default = ConversationSettings(settings.system_prompt, settings.temperature)
        chosen = await self._layout.app.push_screen_wait(
            ConversationDialog(current, default, sent=await asyncio.to_thread(self._sent_parameters))
        )
        if chosen is not None:
            values: dict[str, Any] = {"system_prompt": chosen.system_prompt or None, "temperature": chosen.temperature}
            if chosen.summarises != current.summarises:
                values["context"] = "summarise" if chosen.summarises else "drop"
            if chosen.summary != current.summary:
                values["summary"] = {**summary, "text": chosen.summary} if chosen.summary else None
            if chosen.searches_web != current.searches_web:
                parameters = choices.get("parameters")
                kept = parameters if isinstance(parameters, dict) else {}
                values["parameters"] = {**kept, "web_search": chosen.searches_web}
            is_own = chosen.system_prompt != current.system_prompt
            await self._conversation.set_settings(values | ({"persona": None} if is_own else {}))
            await self._show_settings()
            if chosen != current:
                self.offer_undo("Settings saved, from the next message on.")

    def _searches_web(self) -> bool | None:
        """Return whether the provider searches the web for the next request; None where it never does."""
        from sterna.chat.parameter_origins import web_search

        catalog, conversation = self._context.catalog, self._conversation
        return web_search(conversation.choices, catalog, conversation.model) if catalog is not None else None

    def _sent_parameters(self) -> str:
        """Return a sentence about the parameters of the next request and where they come from."""
        from sterna.chat.parameter_origins import parameters_of

        context, conversation = self._context, self._conversation
        folder = context.settings_file.folder
        found = parameters_of(conversation.choices, context.settings, conversation.model, folder)
        parts = [f"{each.name} {'left out' if each.value is None else each.value} ({each.origin})" for each in found]
        return one_line(f"Sent now: {', '.join(parts)}.", 400) if parts else ""

    def choose_model(self) -> None:
        """Choose the model of this conversation."""
        self._layout.start_worker("model", self._choose_model)

    async def _choose_model(self) -> None:
        from ..pickers import ModelPicker

        current = self._conversation.chosen_model
        store = self._context.store if self._context.has_store else None
        picker = ModelPicker(self._context.catalog, current=current, find=self._wait_for_catalog, store=store)
        chosen = await self._layout.app.push_screen_wait(picker)
        if (
            chosen is not None
            and (catalog := self._context.catalog) is not None
            and catalog.downloads.is_absent(chosen)
        ):
            await self.downloads.pull(chosen)
        elif chosen is not None:
            await self._conversation.set_settings({"model": chosen})
            self._context.analytics.track("model_chosen")
            await self._show_settings()

    async def _wait_for_catalog(self) -> tuple[Catalog, str | None]:
        """Wait for the end of the start; return the catalog and the chosen model."""
        await self._context.ready.wait()
        assert self._context.catalog is not None
        return self._context.catalog, self._conversation.chosen_model

    def _stored(self) -> Conversation | None:
        """Return the open conversation; say why not while it does not exist yet."""
        if self._conversation.record is None:
            self._layout.notify("Send a message first.")
        return self._conversation.record

    async def _confirm(self, title: str, question: str, yes: str) -> bool | None:
        from ..dialogs.confirm import Confirm

        return await self._layout.app.push_screen_wait(Confirm(title, question, yes))
