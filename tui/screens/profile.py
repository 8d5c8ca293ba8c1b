"""Page with account and usage."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from sterna.storage import Store, StoreError

from ..context import AppContext
from ..dialogs.panels import Dialog, Page
from .profile_text import Profile, profile_lines

MOST_ACTIVITY = 30
"""Most entries of the activity log."""


class ProfileScreen(Dialog[None]):
    """Shows profile, usage and activity; changes nothing."""

    BINDINGS = [Binding("escape,shift+f2", "dismiss", "Close")]

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context

    def compose(self) -> ComposeResult:
        """Compose the page."""
        with Page("Account and usage", keys="↑ ↓ scroll   esc close", classes="-sheet"):
            yield Static(Content(""), id="page")

    def on_mount(self) -> None:
        """Read the page."""
        self.query_one(Page).focus()
        self._fill()

    @work(group="profile", exclusive=True)
    async def _fill(self) -> None:
        try:
            page = await self.context.store.run(read, self.context.sync.account)
            content = Content("\n").join(profile_lines(page))
        except StoreError as error:
            content = Content(str(error))
        for widget in self.query("#page").results(Static):  # none once the page was closed
            widget.update(content)


def read(store: Store, account: str) -> Profile:
    """Read everything on the page, in the store's thread."""
    return Profile(
        account,
        store.profiles.get_user_complete_profile(store.user_id),
        store.search_history.get_user_stats(),
        store.usage.usage_days(31),
        store.usage.usage_today()["usage_date"],
        store.profiles.recent_activity(MOST_ACTIVITY),
        store.server_profile.server_models() if account else (),
    )
