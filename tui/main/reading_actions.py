"""Actions on what is read: find, copy the last reply, go from message to message, use code and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sterna import storage
from sterna.storage.text import one_line

from .layout import MainLayout
from .navigation import Navigation
from .turn_actions import TurnActions

if TYPE_CHECKING:
    from ..transcript import Transcript
    from .find_bar import FindBar


class ReadingActions:
    """Each public method without arguments runs one action of the list of actions."""

    def __init__(self, layout: MainLayout, navigation: Navigation, turns: TurnActions) -> None:
        self._layout = layout
        self._context = layout.context
        self._conversation = navigation.conversation
        self._navigation = navigation
        self._turns = turns
        self._bar: FindBar | None = None

    def _is_stored(self) -> bool:
        """Return whether a conversation is open; say why not while it does not exist yet."""
        if self._conversation.id is None:
            self._layout.notify("Send a message first.")
        return self._conversation.id is not None

    # Find

    async def find(self) -> None:
        """Show the field that finds text in the open conversation."""
        if not self._is_stored():
            return
        if self._bar is None:
            from .find_bar import FindBar

            self._bar = FindBar(id="find")
            await self._layout.query_one("#conversation").mount(self._bar, before="#notice")
        self._bar.open()
        self._layout.transcript.finder.find(self._bar.field.value)

    def find_text(self, text: str) -> None:
        """Go to the nearest place of a text."""
        self._layout.transcript.finder.find(text)

    def step(self, by: int) -> None:
        """Go to another place of the text."""
        self._layout.transcript.action_match(by)

    def read_matches(self) -> None:
        """Go to the messages, where keys step through the matches."""
        self._layout.transcript.focus()

    def show_place(self, number: int, total: int) -> None:
        """Show on which match the search stands."""
        if self._bar is not None and self._layout.transcript.finder.is_active:
            following, before = (self._context.key_of(f"transcript.{name}_match") for name in ("next", "previous"))
            self._bar.show_place(number, total, f"{following} {before}")

    def end_find(self) -> bool:
        """End the search and give the focus back; return False when there is none."""
        if self._bar is None or not self._bar.display:
            return False
        if self._bar.has_focus_within:
            self._bar.field.give_back_focus(self._layout.prompt)
        else:
            self._layout.focus_prompt()
        self._bar.display = False
        self._layout.transcript.finder.end()
        return True

    def conversation_opened(self) -> None:
        """Hide the field: it was for another conversation."""
        if self._bar is not None and self._bar.display and not self._layout.transcript.finder.is_active:
            had_focus = self._bar.has_focus_within
            self._bar.display = False
            if had_focus:
                self._layout.focus_prompt()

    # Messages

    async def copy_last_reply(self) -> None:
        """Copy the newest reply, also while it arrives."""
        conversation_id, live = self._conversation.id, self._conversation.live_reply
        if live is not None and live.content:
            self._copy(live.content, "what has arrived of the reply")
            return
        from ..transcript.source import last_reply

        try:
            reply = await self._context.store.run(last_reply, conversation_id) if conversation_id else None
        except storage.StoreError as error:
            self._layout.complain(str(error))
            return
        if reply is None:
            self._layout.notify("No reply yet.")
        else:
            self._copy(reply.content, "the last reply")

    def _copy(self, text: str, what: str) -> None:
        self._layout.app.copy_to_clipboard(text)
        self._turns.say_copied(what)

    def next_message(self) -> None:
        """Scroll to the beginning of the next message."""
        self._layout.transcript.scroll_to_place("next")

    def previous_message(self) -> None:
        """Scroll to the beginning of this message, or of the one before."""
        self._layout.transcript.scroll_to_place("previous")

    # Code

    def select_code(self) -> None:
        """Go to the messages and select the newest block of code there."""
        if self._is_stored():
            self._layout.transcript.focus()
            self._layout.transcript.action_code(-1)

    def use_code(self, event: Transcript.CodeRequested) -> None:
        """Save a block of code to a file, or open it in an editor."""
        work = self._save_code if event.action == "save" else self._edit_code
        self._layout.start_worker("code", work, event.code, event.language)

    async def _save_code(self, code: str, language: str) -> None:
        from ..dialogs.save_file import SaveFile, suggested_name

        path = await self._layout.app.push_screen_wait(
            SaveFile("Save the code block", code, suggested_name(code, language))
        )
        if path is not None:
            self._layout.notify(f"Saved {path}.", timeout=6)

    async def _edit_code(self, code: str, language: str) -> None:
        """Open the code in an editor; what was changed there can be saved to a file."""
        from ..dialogs.save_file import suffix_of
        from ..terminal.editor import EditorError, edit_text

        environ = self._context.settings_file.environ
        try:
            edited = await edit_text(self._layout.app, code, environ, suffix=suffix_of(language))
        except EditorError as error:
            self._layout.complain(str(error))
            return
        if edited.note:
            self._layout.notify(edited.note, severity="warning", timeout=10)
        if edited.text != code:
            await self._save_code(edited.text, language)

    # Links

    def open_link(self) -> None:
        """Choose an address of the selected message, or of all that are loaded, and open it."""
        if self._is_stored():
            self._layout.transcript.action_links()

    def choose_link(self, event: Transcript.LinksRequested) -> None:
        """Show the addresses in full, and open the one that is chosen."""
        self._layout.start_worker("link", self._choose_link, event)

    def open_message(self, conversation_id: str, message_id: str) -> None:
        """Open the message that a reply quotes."""
        self._navigation.go_to(conversation_id, message_id)
        self._layout.transcript.focus()

    async def _choose_link(self, event: Transcript.LinksRequested) -> None:
        from ..pickers.links import LinkPicker
        from ..terminal.opener import open_address

        chosen = await self._layout.app.push_screen_wait(LinkPicker(event.links))
        if chosen is None:
            return
        what, link = chosen
        address = link.address
        if what == "copy":
            self._copy(address, "the quotation" if link.message else "the address")
        elif link.message is not None:
            self.open_message(*link.message)
        elif not await open_address(address, self._context.settings_file.environ):
            self._layout.app.copy_to_clipboard(address)
            place = await self._context.copied_to()
            self._layout.notify(f"No browser here. Copied {one_line(address, 60)}{place}.", timeout=10)
