"""The profile page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Static

from storage import Store, StoreError

from .lines import Profile, profile_lines

if TYPE_CHECKING:
    from ..app import SternaApp

LATELY = 30
"""Entries of the activity log."""


class ProfileScreen(ModalScreen[None]):
    """Reads the store, and changes nothing."""

    CSS_PATH = str(Path(__file__).parents[1] / "sheets.tcss")

    BINDINGS = [Binding("escape,shift+f2", "dismiss", "Back")]

    page = query_one("#page", Static)

    def compose(self) -> ComposeResult:
        """A title, the page, the keys."""
        with Vertical(classes="sheet"):
            yield Static(Content("Your account"), classes="title")
            with VerticalScroll():
                yield Static(Content(""), id="page")
            yield Static(Content("↑ ↓ scroll   esc back"), classes="note")

    def on_mount(self) -> None:
        """Read it."""
        self.query_one(VerticalScroll).focus()
        self._fill()

    @work(group="profile", exclusive=True)
    async def _fill(self) -> None:
        app = cast("SternaApp", self.app)
        try:
            page = await app.store.run(read, app.link.account)
        except StoreError as error:
            self.page.update(Content(str(error)))
            return
        self.page.update(Content("\n").join(profile_lines(page)))


def read(store: Store, account: str) -> Profile:
    """All of it, in the store's thread."""
    return Profile(
        account,
        store.get_user_complete_profile(store.user_id),
        store.get_user_stats(),
        store.usage_days(31),
        store.usage_today()["usage_date"],
        store.recent_activity(LATELY),
        store.server_models() if account else (),
    )
