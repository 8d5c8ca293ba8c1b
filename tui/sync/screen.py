"""The page behind the status line: how things stand with the server, and everything that wants a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.getters import query_one
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from sterna.storage import Store, StoreError

from ..messages import ConversationRequested
from ..screens.dialogs import Confirm
from ..screens.menu import Menu
from ..screens.panels import Dialog, Panel
from .conflict import ConflictDialog
from .screen_text import Act, Line, Page, page_lines

if TYPE_CHECKING:
    from ..app import SternaApp

MOST = 100
"""Of each kind of thing that are listed."""


class SyncScreen(Dialog[None]):
    """Reads the link and the store; asks the application for what changes either."""

    BINDINGS = [Binding("escape,shift+f9", "dismiss", "Close"), Binding("s", "sync_now", "Sync now")]

    menu = query_one(Menu)

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._clock = clock
        self._lines: list[Line] = []

    @property
    def sterna(self) -> SternaApp:
        """The application, typed."""
        return cast("SternaApp", self.app)

    def compose(self) -> ComposeResult:
        """Compose the lines."""
        with Panel("Sync status", keys="enter choose   s sync now   esc close", classes="-sheet"):
            yield Menu(markup=False)

    def on_mount(self) -> None:
        """Show how things stand."""
        self.refresh_page()

    @work(group="page", exclusive=True)
    async def refresh_page(self) -> None:
        """Show how things stand now; the highlight stays on its line, or goes to the first that does something."""
        link = self.sterna.link
        try:
            page = Page(
                link.report,
                link.account,
                await self.sterna.store.run(Store.quarantined, MOST),
                await self.sterna.store.run(Store.conflicts, MOST),
                (await self.sterna.store.run(Store.private_sessions))[:MOST],
            )
        except StoreError as error:
            self._say(str(error))
            return
        if not self.query(Menu):
            return  # the page was left while it was read
        before = self._act_at(self.menu.highlighted)
        self._lines = page_lines(page, self._clock())
        acts = [line.act for line in self._lines]
        first = next((place for place, act in enumerate(acts) if act is not None), None)
        place = acts.index(before) if before is not None and before in acts else first
        with self.app.batch_update():
            self.menu.clear_options()
            self.menu.add_options([Option(line.content, disabled=line.act is None) for line in self._lines])
            self.menu.highlighted = place
        self.menu.focus()

    def _act_at(self, index: int | None) -> Act | None:
        return self._lines[index].act if index is not None and index < len(self._lines) else None

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Do what the line is for."""
        event.stop()
        if (act := self._act_at(event.option_index)) is not None:
            self._do(act)

    def action_sync_now(self) -> None:
        """Look at the server now."""
        if self.sterna.link.account:
            self.sterna.link.now()
        else:
            self._say("Sign in to a server first.")

    @work(group="act", exclusive=True)
    async def _do(self, act: Act) -> None:
        try:
            match act.what:
                case "sign_in":
                    await self._sign_in()
                case "sign_out":
                    await self._sign_out()
                case "now":
                    self.action_sync_now()
                case "conflict":
                    await self._decide(int(act.ref))
                case "retry":
                    await self.sterna.store.run(Store.retry_quarantined, act.ref)
                    self.sterna.link.now()
                case "open":
                    self.dismiss()
                    self.sterna.main.post_message(ConversationRequested(act.ref))
                    return
        except StoreError as error:
            self._say(str(error))
        self.refresh_page()

    async def _decide(self, conflict_id: int) -> None:
        found = [one for one in await self.sterna.store.run(Store.conflicts, MOST) if one.id == conflict_id]
        if not found:
            return
        answer = await self.app.push_screen_wait(ConflictDialog(found[0]))
        if answer == "use":
            await self.sterna.store.run(Store.use_conflict, conflict_id)
        elif answer == "dismiss":
            await self.sterna.store.run(Store.dismiss_conflict, conflict_id)

    async def _sign_in(self) -> None:
        from .sign_in import SignIn, settle

        if self.sterna.accounts is None:
            return
        accounts = self.sterna.accounts()
        signed = await self.app.push_screen_wait(SignIn(accounts))
        if signed is not None:
            self._say(await settle(self.sterna, accounts, signed))

    async def _sign_out(self) -> None:
        question = "Your history stays on this computer. Unsent changes are sent after the next sign-in."
        accounts = self.sterna.accounts
        if accounts is not None and (
            await self.app.push_screen_wait(Confirm("Sign out?", question, "Sign out", danger=False))
        ):
            from .sign_in import sign_out

            self._say(await sign_out(self.sterna, accounts()))

    def _say(self, sentence: str) -> None:
        if sentence:
            self.sterna.notify(sentence, timeout=8)
