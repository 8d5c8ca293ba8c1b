"""Page with account and usage."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Static

from sterna.storage import Store, StoreError

from ..context import AppContext
from ..dialogs.panels import Columns, Dialog, Page
from .profile_text import Profile, activity_lines, usage_lines

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
        with Page("Account and usage", keys="↑ ↓ scroll   esc close", classes="-sheet -large"), Columns():
            with VerticalGroup():
                yield Static(Content(""), id="page")
            with VerticalGroup():
                yield Static(Content(""), id="activity")

    def on_mount(self) -> None:
        """Read the page."""
        self.query_one(Page).focus()
        self._fill()

    @work(group="profile", exclusive=True)
    async def _fill(self) -> None:
        texts = {"#page": [Content("")], "#activity": [Content("")]}
        try:
            page = await self.context.store.run(read, self.context.sync.account)
            texts = {"#page": [*usage_lines(page), Content("")], "#activity": activity_lines(page)}
        except StoreError as error:
            texts["#page"] = [Content(str(error))]
        for place, lines in texts.items():
            for widget in self.query(place).results(Static):  # none once the page was closed
                widget.update(Content("\n").join(lines))


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
