"""The settings most people want, in one page. Each is written into config.toml at once; the rest is edited there."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, Select, Static

import config
from config import ConfigError
from storage.text import one_line

if TYPE_CHECKING:
    from .app import SternaApp

ANALYTICS = "analytics.enabled"
SWITCHES = (
    ("ui.show_reasoning", "Show a model's reasoning unfolded"),
    ("ui.show_token_count", "Show tokens and time under each reply"),
    ("ui.enter_sends", "Enter sends (else it starts a line, and ctrl+j sends)"),
    ("ui.vim", "Move with j, k, g and G in the list and in the messages"),
    ("ui.confirm_delete", "Ask before a conversation is deleted"),
    ("ui.animation", "Let panels and scrolling move smoothly"),
    ("similar", "Say when a question was asked before"),
    (ANALYTICS, "Tell your server what you use: names and counts, never text"),
)
"""Key path, and what it means."""


class YesNo(Checkbox):
    """A box that shows its state by more than its colour."""

    BUTTON_LEFT, BUTTON_INNER, BUTTON_RIGHT = "[", " ", "]"

    def watch_value(self) -> None:
        """Draw the state."""
        self.BUTTON_INNER = "x" if self.value else " "
        super().watch_value()


class SettingsScreen(ModalScreen[None]):
    """Reads ``app.settings``; writes through ``app.save_setting``."""

    CSS_PATH = "sheets.tcss"

    BINDINGS = [Binding("escape,f9", "dismiss", "Back")]

    @property
    def sterna(self) -> SternaApp:
        """The application, typed."""
        return cast("SternaApp", self.app)

    def compose(self) -> ComposeResult:
        """The page."""
        settings = self.sterna.settings
        with VerticalScroll(classes="sheet"), Vertical():
            yield Static(Content("Settings"), classes="title")
            yield Static(Content("Theme"), classes="label")
            names = sorted(self.sterna.available_themes, key=lambda name: (not name.startswith("sterna"), name))
            yield Select(
                [(name, name) for name in names], value=self.sterna.theme, allow_blank=False, compact=True, id="theme"
            )
            yield Static(Content("Model for new conversations"), classes="label")
            yield Input(
                settings.model, placeholder="endpoint/model; empty: the first that is found", compact=True, id="model"
            )
            yield Static(Content("Columns of the list of conversations"), classes="label")
            yield Input(str(settings.ui.sidebar_width), type="integer", compact=True, id="width")
            for path, sentence in SWITCHES:
                yield YesNo(sentence, attrgetter(path)(settings), name=path, compact=True)
            yield Static(Content("Servers"), classes="section")
            yield Static(self._servers(), id="servers")
            yield Static(Content("Add an OpenAI-compatible server"), classes="label")
            yield Input(placeholder="a short name, such as work", compact=True, id="server-name")
            yield Input(placeholder="address, such as https://api.example.com/v1", compact=True, id="server-url")
            yield Input(placeholder="key, if it asks for one", password=True, compact=True, id="server-key")
            with Horizontal(classes="buttons"):
                yield Button("Add", id="add", variant="primary", compact=True)
                yield Button("Close", id="close", compact=True)
            yield Static(Content(""), id="answer", classes="note")
            yield Static(Content(f"Everything else, keys too, is in {settings.path}."), classes="note")

    def _servers(self) -> Content:
        settings, catalog = self.sterna.settings, self.sterna.catalog
        configured = {endpoint.name for endpoint in settings.endpoints}
        lines = []
        for name in catalog.names() if catalog is not None else ():
            assert catalog is not None
            if (endpoint := catalog.endpoint(name)) is not None:
                how = "" if name in configured else "  found by itself"
                lines.append(Content.assemble((name, "$primary"), f"  {one_line(endpoint.shown)}{how}"))
            elif title := catalog.title(name):
                lines.append(Content.assemble((name, "$primary"), f"  {one_line(title)}  by your sign-in"))
        return Content("\n").join(lines) if lines else Content("None yet: the built-in guide answers.")

    @on(Select.Changed, "#theme")
    async def take_theme(self, event: Select.Changed) -> None:
        """Change the look at once."""
        if event.value != self.sterna.theme:
            self.sterna.theme = str(event.value)
            await self._save("theme", str(event.value))

    @on(Checkbox.Changed)
    async def take_switch(self, event: Checkbox.Changed) -> None:
        """Save a switch."""
        if await self._save(str(event.checkbox.name), event.value) and event.checkbox.name == ANALYTICS:
            await self.sterna.analytics.follow(self.sterna.store, event.value)

    @on(Input.Submitted, "#model")
    @on(Input.Submitted, "#width")
    @on(Input.Blurred, "#model")
    @on(Input.Blurred, "#width")
    async def take_text(self, event: Input.Submitted | Input.Blurred) -> None:
        """Save a field once it is left."""
        settings, text = self.sterna.settings, event.value.strip()
        if event.input.id == "model" and text != settings.model:
            await self._save("model", text or None)
        elif event.input.id == "width" and text != str(settings.ui.sidebar_width):
            await self._save("ui.sidebar_width", int(text) if text.lstrip("-").isdigit() else None)

    @on(Button.Pressed, "#add")
    @on(Input.Submitted, "#server-key")
    async def add_server(self) -> None:
        """Add the server, its key kept outside config.toml, and ask it for its models."""
        name, url, key = (self.query_one(f"#server-{part}", Input).value.strip() for part in ("name", "url", "key"))
        if not name or not url:
            self._answer("A server needs a name and an address.", good=False)
            return
        if not await self._save(f"endpoints.{name}.url", url):
            return
        if key and not await self._keep_key(name, key):
            return
        for part in ("name", "url", "key"):
            self.query_one(f"#server-{part}", Input).value = ""
        problem = await self.sterna.add_endpoint(name)
        self.query_one("#servers", Static).update(self._servers())
        self._answer(problem or f"{name} is there; its models are in the model picker.", good=problem is None)

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Go back."""
        self.dismiss()

    async def _keep_key(self, name: str, key: str) -> bool:
        credentials = config.credentials.here(self.sterna.config_folder, self.sterna.environ)
        try:
            await asyncio.to_thread(credentials.put, name, key)
        except ConfigError as error:
            self._answer(str(error), good=False)
            return False
        return True

    async def _save(self, key_path: str, value: object) -> bool:
        try:
            await self.sterna.save_setting(key_path, value)
        except ConfigError as error:
            self._answer(str(error), good=False)
            return False
        self._answer("Saved.")
        return True

    def _answer(self, sentence: str, *, good: bool = True) -> None:
        self.query_one("#answer", Static).update(Content.styled(one_line(sentence), "$success" if good else "$error"))
