"""Page with the sync status: account, rejected changes, conflicts, and conversations that are not synced."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.getters import query_one
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from sterna.storage import Acknowledgements, Attachments, Conflicts, StoreError, SyncMetadata

from ..context import AppContext
from ..dialogs.confirm import Confirm
from ..dialogs.menu import Menu
from ..dialogs.panels import Dialog, Panel
from ..messages import ConversationRequested, RestartRequested
from .conflict import ConflictDialog
from .screen_text import Line, LineAction, Page, page_lines

MOST = 100
"""Most items of each section."""


class SyncScreen(Dialog[None]):
    """List of what can be done about sync, each line with its action."""

    BINDINGS = [Binding("escape,shift+f9", "dismiss", "Close"), Binding("s", "sync_now", "Sync now")]

    menu = query_one(Menu)

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        """Compose the lines."""
        with Panel("Sync status", keys="enter choose   s sync   esc close", classes="-sheet"):
            yield Menu(markup=False)

    def on_mount(self) -> None:
        """Show the status, and follow it."""
        self._unsubscribe = self.context.sync.subscribe(self._sync_changed)
        self.refresh_page()

    def on_unmount(self) -> None:
        """Stop following the status."""
        self._unsubscribe()

    def _sync_changed(self) -> None:
        if self.is_current and not self.context.is_closing:
            self.refresh_page()

    @work(group="page", exclusive=True)
    async def refresh_page(self) -> None:
        """Show the current status; the highlight stays on its line, or goes to the first line with an action."""
        try:
            page = Page(
                self.context.sync.report,
                self.context.sync.account,
                await self.context.store.run(Acknowledgements.rejected, MOST),
                await self.context.store.run(Conflicts.list_open, MOST),
                (await self.context.store.run(SyncMetadata.private_conversations))[:MOST],
                await self.context.store.run(Attachments.refused),
            )
        except StoreError as error:
            self._say(str(error))
            return
        if not self.query(Menu):
            return  # the page was closed while it was read
        before = self._action_at(self.menu.highlighted)
        self._lines = page_lines(page, self.context.clock())
        actions = [line.action for line in self._lines]
        first = next((index for index, action in enumerate(actions) if action is not None), None)
        highlighted = actions.index(before) if before is not None and before in actions else first
        with self.app.batch_update():
            self.menu.clear_options()
            self.menu.add_options([Option(line.content, disabled=line.action is None) for line in self._lines])
            self.menu.highlighted = highlighted
        self.menu.focus()

    def _action_at(self, index: int | None) -> LineAction | None:
        return self._lines[index].action if index is not None and index < len(self._lines) else None

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Run the action of the line."""
        event.stop()
        if (action := self._action_at(event.option_index)) is not None:
            self._run(action)

    def action_sync_now(self) -> None:
        """Sync without waiting for the next change."""
        if self.context.sync.account:
            self.context.sync.sync_now()
        else:
            self._say("Sign in to a server first.")

    @work(group="action", exclusive=True)
    async def _run(self, action: LineAction) -> None:
        try:
            match action.kind:
                case "sign_in":
                    await self._sign_in()
                case "sign_out":
                    await self._sign_out()
                case "now":
                    self.action_sync_now()
                case "conflict":
                    await self._resolve(int(action.ref))
                case "retry":
                    await self.context.store.run(Acknowledgements.retry_rejected, action.ref)
                    self.context.sync.sync_now()
                case "open":
                    self.post_message(ConversationRequested(action.ref))
                    self.dismiss()
                    return
        except StoreError as error:
            self._say(str(error))
        self.refresh_page()

    async def _resolve(self, conflict_id: int) -> None:
        conflicts = await self.context.store.run(Conflicts.list_open, MOST)
        matching = [conflict for conflict in conflicts if conflict.id == conflict_id]
        if not matching:
            return
        answer = await self.app.push_screen_wait(ConflictDialog(matching[0]))
        if answer == "use":
            await self.context.store.run(Conflicts.use, conflict_id)
        elif answer == "dismiss":
            await self.context.store.run(Conflicts.dismiss, conflict_id)

    async def _sign_in(self) -> None:
        from .account_switch import finish_sign_in
        from .sign_in import SignIn

        if self.context.accounts is None:
            return
        accounts = self.context.accounts()
        signed = await self.app.push_screen_wait(SignIn(accounts))
        if signed is not None:
            outcome = await finish_sign_in(self.app, self.context, accounts, signed)
            self._say(outcome.sentence)
            if outcome.restart:
                self.post_message(RestartRequested())

    async def _sign_out(self) -> None:
        question = "Your history stays on this device. Unsent changes are sent after the next sign-in."
        accounts = self.context.accounts
        if accounts is not None and (
            await self.app.push_screen_wait(Confirm("Sign out?", question, "Sign out", danger=False))
        ):
            from .account_switch import sign_out

            self._say(await sign_out(self.context, accounts()))

    def _say(self, sentence: str) -> None:
        if sentence:
            self.notify(sentence, timeout=8)
