"""Page of common settings. Each is written into config.toml at once; the rest is edited there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Label
from textual.widgets.option_list import Option

from sterna.config import ConfigError
from sterna.storage.text import one_line

from ..context import AppContext
from ..counts import counted
from ..dialogs.menu import Menu
from ..dialogs.panels import Buttons, CheckField, Columns, Dialog, Field, Panel, heading, sentence
from ..services.meaning import missing_packages
from .provider_list import ADD, Row, provider_rows
from .provider_result import Result
from .provider_test import test_provider

if TYPE_CHECKING:
    from sterna.providers import Endpoint

ANALYTICS, MEANING = "analytics.enabled", "meaning.enabled"
Switches = tuple[tuple[str, str], ...]
"""Key path and label of checkboxes."""
REPLIES: Switches = (
    ("ui.show_reasoning", "Expand reasoning by default"),
    ("ui.images", "Show attached images in the messages"),
    ("ui.show_token_count", "Show tokens and time under each reply"),
    ("similar", "Point out questions I have asked before"),
    ("titles.generate", "Let a model title new conversations"),
)
SCREEN: Switches = (("ui.animation", "Animations"),)
KEYS: Switches = (
    ("ui.enter_sends", "Enter sends (off: Enter adds a line, Ctrl+J sends)"),
    ("ui.vim", "Vim-style movement (j k g G)"),
    ("ui.confirm_delete", "Ask before deleting a conversation"),
)
SEARCH: Switches = ((MEANING, "Search by meaning, too"),)
PRIVACY: Switches = ((ANALYTICS, "Send usage statistics to my server (never message text)"),)
WIDTH = "ui.sidebar_width"
BUDGET: Switches = (("budget.stop", "Send nothing that costs money once a budget is used up"),)
BUDGETS = {"daily": ("budget.daily", "Budget of a day"), "monthly": ("budget.monthly", "Budget of a month")}
"""Key path and label of each budget by the id of its field."""
TEXTS = {"model": "model", "titles": "titles.model", "width": WIDTH} | {id: path for id, (path, _) in BUDGETS.items()}
"""Key paths of the fields by their ids."""
NOTICES = {"off": "nothing", "bell": "bell", "notify": "bell and notification"}
"""Ways to call for attention, in words."""
SWITCHES: Switches = (*REPLIES, *BUDGET, *SCREEN, *KEYS, *SEARCH, *PRIVACY)


class ProviderMenu(Menu):
    """List of providers; a letter tests the highlighted one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "screen.test_provider", "Test")]


class SettingsScreen(Dialog[None]):
    """Page with the most common settings."""

    BINDINGS = [Binding("escape,f9", "dismiss", "Close")]

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context

    def compose(self) -> ComposeResult:
        """Compose the page: two columns of groups where the screen is wide."""
        settings = self.context.settings
        with Panel("Settings", keys="tab next   enter set   esc close", classes="-sheet -large"):
            with Columns():
                with VerticalGroup():
                    yield heading("Providers")
                    yield ProviderMenu(id="providers", markup=False, compact=True)
                    yield heading("Replies")
                    yield Field(
                        "Model for new conversations",
                        settings.model,
                        placeholder="first available",
                        hint="provider/model",
                        id="model",
                    )
                    yield from self._switches(REPLIES)
                    yield Field(
                        "Model for titles",
                        settings.titles.model,
                        placeholder="the one that replied",
                        hint="provider/model",
                        id="titles",
                    )
                    yield Menu(Option(self._notice_line(), id="notify"), id="notify", markup=False, compact=True)
                    yield heading("Costs")
                    for name, (path, label) in BUDGETS.items():
                        yield Field(label, self._shown(path), placeholder="no limit", hint="US dollars", id=name)
                    yield from self._switches(BUDGET)
                with VerticalGroup():
                    yield heading("Screen")
                    yield Menu(Option(self._theme_line(), id="theme"), id="theme", markup=False, compact=True)
                    yield Field("Sidebar width", str(settings.ui.sidebar_width), hint="columns", id="width")
                    yield from self._switches(SCREEN)
                    yield heading("Keys and writing")
                    yield Menu(Option(self._keys_line(), id="keys"), id="keys", markup=False, compact=True)
                    yield from self._switches(KEYS)
                    yield heading("Conversations")
                    line = Content.assemble(("Import   ", "bold"), "conversations of other programs")
                    yield Menu(Option(line, id="import"), id="import", markup=False, compact=True)
                    yield from self._switches(SEARCH)
                    yield heading("Privacy")
                    yield from self._switches(PRIVACY)
            yield sentence(f"All settings, with their comments, are in {settings.path}", classes="note more")
            yield Buttons(("close", "Close", "primary"))
            yield sentence("", id="answer", classes="answer")

    def _switches(self, switches: Switches) -> Iterator[CheckField]:
        for path, label in switches:
            note = self.context.meaning.note if path == MEANING else ""
            yield CheckField(label + note, attrgetter(path)(self.context.settings), name=path)

    def on_mount(self) -> None:
        """List the providers."""
        self.show_providers()
        self.show_top()

    # Theme

    def _theme_line(self) -> Content:
        return Content.assemble(("Theme   ", "bold"), self.app.theme)

    @on(Menu.OptionSelected, "#theme")
    def choose_theme(self, event: Menu.OptionSelected) -> None:
        """Open the picker of themes."""
        from ..pickers import ThemePicker

        event.stop()
        self.app.push_screen(ThemePicker(self.context.settings_file.themes_folder), self._theme_chosen)

    async def _theme_chosen(self, name: str | None) -> None:
        if name is not None and name != self.context.settings.theme:
            await self._save("theme", name)
        self.query_one("#theme", Menu).replace_option_prompt_at_index(0, self._theme_line())

    # Notice of a long reply

    def _notice_line(self) -> Content:
        return Content.assemble(("When a long reply is complete   ", "bold"), NOTICES[self.context.settings.ui.notify])

    @on(Menu.OptionSelected, "#notify")
    async def choose_notice(self, event: Menu.OptionSelected) -> None:
        """Go on to the next way."""
        event.stop()
        ways = list(NOTICES)
        await self._save("ui.notify", ways[(ways.index(self.context.settings.ui.notify) + 1) % len(ways)])
        self.query_one("#notify", Menu).replace_option_prompt_at_index(0, self._notice_line())

    # Keys

    def _keys_line(self) -> Content:
        settings = self.context.settings
        changed = f", {counted(len(settings.keys), 'key')} of your own" if settings.keys else ""
        return Content.assemble(("Keys    ", "bold"), settings.ui.keys + changed)

    @on(Menu.OptionSelected, "#keys")
    def choose_keys(self, event: Menu.OptionSelected) -> None:
        """Open the screen of key bindings."""
        from .keys import KeysScreen

        event.stop()
        self.app.push_screen(KeysScreen(self.context), self._keys_closed)

    def _keys_closed(self, _: None) -> None:
        self.query_one("#keys", Menu).replace_option_prompt_at_index(0, self._keys_line())

    # Import

    @on(Menu.OptionSelected, "#import")
    def open_import(self, event: Menu.OptionSelected) -> None:
        """Open the page of imports."""
        from .import_page import ImportScreen

        event.stop()
        if self.context.ready.is_set():
            self.app.push_screen(ImportScreen(self.context))

    # Providers

    def show_providers(self) -> None:
        """Show every provider, and a line to add one."""
        menu = self.query_one("#providers", Menu)
        self._rows = provider_rows(self.context.settings, self.context.catalog)
        before = menu.highlighted
        menu.clear_options()
        menu.add_options([Option(row.content) for row in self._rows])
        menu.highlighted = min(before or 0, len(self._rows) - 1)

    @on(Menu.OptionSelected, "#providers")
    async def open_provider(self, event: Menu.OptionSelected) -> None:
        """Add a provider, or edit the selected one."""
        from .provider_dialog import ProviderDialog

        event.stop()
        row: Row = self._rows[event.option_index]
        if row.name != ADD and row.settings is None:
            self._answer(f"{one_line(row.name, 40)} is {row.origin}, so there is nothing to edit here.")
        else:
            await self.app.push_screen(ProviderDialog(self.context, row.settings), self._provider_saved)

    def action_test_provider(self) -> None:
        """Ask the highlighted provider for its models."""
        index = self.query_one("#providers", Menu).highlighted
        row = self._rows[index] if index is not None else None
        catalog = self.context.catalog
        endpoint = catalog.endpoint(row.name) if row is not None and catalog is not None else None
        if endpoint is None:
            self._answer("Only providers with an address can be tested.")
        else:
            self._test_provider(endpoint)

    @work(group="test", exclusive=True)
    async def _test_provider(self, endpoint: Endpoint) -> None:
        self._answer(f"Asking {endpoint.shown} for its models…")
        result = await test_provider(self.context.catalog, endpoint)
        self._answer(result.sentence, good=result.is_good)

    def _provider_saved(self, result: Result | None) -> None:
        if result is not None:
            self._answer(result.sentence, good=result.is_good)
        self.show_providers()

    # Fields

    @on(Checkbox.Changed)
    async def _save_switch(self, event: Checkbox.Changed) -> None:
        """Save a switch."""
        name = str(event.checkbox.name)
        if name == MEANING and event.value and (problem := await asyncio.to_thread(missing_packages)):
            with self.prevent(Checkbox.Changed):
                event.checkbox.value = False
            self._answer(problem, good=False)
        elif not await self._save(name, event.value):
            return
        elif name == ANALYTICS:
            await self.context.analytics.set_enabled(self.context.store, event.value)
        elif name == MEANING and self.context.ready.is_set():
            self._answer(await self.context.switched_meaning(event.value))

    @on(Input.Submitted)
    @on(Input.Blurred)
    async def _save_text(self, event: Input.Submitted | Input.Blurred) -> None:
        """Save a field once it is left."""
        path, text = TEXTS[str(event.input.id)], event.value.strip()
        event.input.remove_class("-invalid")
        if text == self._shown(path):
            return
        saved = await self._save(path, _typed(path, text))
        event.input.set_class(not saved, "-invalid")

    def _shown(self, path: str) -> str:
        """Return a setting as its field shows it; a budget that is not set is empty."""
        value = attrgetter(path)(self.context.settings)
        return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Close the page."""
        self.dismiss()

    async def _save(self, key_path: str, value: object) -> bool:
        try:
            await self.context.settings_file.save(key_path, value)
        except ConfigError as error:
            self._answer(str(error), good=False)
            return False
        self._answer("Saved.")
        return True

    def _answer(self, text: str, *, good: bool = True) -> None:
        for answer in self.query("#answer").results(Label):  # none once the page was closed
            answer.display = True
            answer.update(Content.styled(one_line(text), "$success" if good else "$error"))


def _typed(path: str, text: str) -> int | float | str | None:
    """Return what was typed as the setting's value; what is no number there is refused when it is saved."""
    if path == WIDTH and text.isdigit():
        return int(text)
    if path.startswith("budget.") and text:
        with suppress(ValueError):
            return float(text.removeprefix("$").replace(",", "."))
    return text or None
