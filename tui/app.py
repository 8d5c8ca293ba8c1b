"""The application: it owns the store's thread, turns, catalog and settings, and outlives any screen.

Order of a start: the first frame is painted, the store opens, the catalog of models is made. Nothing slow is imported
before that frame, and what is typed meanwhile waits in the prompt.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.worker import WorkerFailed

from sterna import config, storage
from sterna.config import Settings
from sterna.config.log_file import append

from .actions.action import Scope
from .actions.admission import Admission
from .actions.bindings import BY_ID, bindings, keymap_of
from .actions.typeahead import typeahead
from .context import SWITCHING, AppContext
from .counts import counted
from .main.screen import MainScreen
from .messages import ConversationRequested, OpenRequested, RestartRequested
from .services.analytics import Analytics, TrackerFactory
from .services.gatherer import Gatherer
from .services.settings_file import SettingsFile
from .services.sync_controller import SyncController, SyncFactory
from .services.tasks import Tasks
from .services.tools import Tools, ToolsFactory
from .settings_watch import LOOK_SECONDS, SettingsWatch
from .shutdown import finish_services, save_texts
from .terminal.base_app import BaseApp
from .terminal.output_filter import wants_ascii

if TYPE_CHECKING:
    from sterna.chat import Turns
    from sterna.providers import Catalog
    from sterna.storage import Store, StoreThread
    from sterna.sync.auth.accounts import Accounts

CatalogFactory = Callable[[Settings, "StoreThread"], Awaitable["Catalog"]]
TurnsFactory = Callable[["StoreThread", "Catalog", Settings], "Turns"]

CLOSE_SECONDS = 5.0
"""Longest time for saving at the end, after which the program leaves anyway."""

MOST_PROBLEMS = 3
"""Problems of a start that are shown in full."""

INTERRUPT_SECONDS = 2.0
"""Time within which a second ctrl+c quits."""


class SternaApp(BaseApp, inherit_bindings=False):
    """Everything that it is made of is an argument, so that tests run it with a fake model, clock and network."""

    TITLE = "Sterna"
    CSS_PATH = Path(__file__).with_name("sterna.tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-normal"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.APP), Binding("ctrl+c", "interrupt", show=False)]
    COMMANDS = {lambda: _palette("actions"), lambda: _palette("conversations")}

    def __init__(
        self,
        *,
        opener: Callable[[], Store],
        settings: Settings,
        catalog_factory: CatalogFactory,
        turns_factory: TurnsFactory,
        clock: Callable[[], datetime],
        sync_factory: SyncFactory | None = None,
        tracker_factory: TrackerFactory | None = None,
        tools_factory: ToolsFactory | None = None,
        accounts: Callable[[], Accounts] | None = None,
        log_file: Callable[[], Path] | None = None,
        config_folder: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__()
        self._opener = opener
        self._catalog_factory = catalog_factory
        self._turns_factory = turns_factory
        self._log_file = log_file
        self._interrupted = -INTERRUPT_SECONDS
        self.farewell: str | None = None
        """Text for the terminal once it is restored."""
        self.restart = False
        """True when the program is to be started anew at its end."""
        self.context = context = AppContext(
            SettingsFile(settings, config_folder, environ),
            tasks=Tasks(self._handle_exception),
            sync=SyncController(sync_factory),
            analytics=Analytics(tracker_factory),
            gatherer=Gatherer(clock),
            tools=Tools(tools_factory),
            clock=clock,
            accounts=accounts,
            is_ascii=wants_ascii(settings.ui.symbols, environ),
        )
        context.settings_file.changed = self._settings_changed
        self.main = MainScreen(context)
        """Main screen, whatever lies above it."""
        context.catalog_changed = self.main.show_providers
        context.sync.subscribe(self.main.sync_changed)
        self._admission = Admission(
            self, self.main, self.main.leader.take, lambda: self.main.prompt, self.main.navigation.is_settled
        )
        typeahead(self).is_switching = partial(context.tasks.is_running, SWITCHING)
        self.set_up_terminal(settings.theme, environ, context.settings_file.themes_folder, is_ascii=context.is_ascii)
        self.key_problems = self._apply_keys()
        if not settings.ui.animation:
            self.animation_level = "none"

    # Start

    def get_default_screen(self) -> Screen[Any]:
        """Return the only screen of the first frame."""
        return self.main

    def on_mount(self) -> None:
        """Answer signals, and start everything slow after the first frame."""
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._on_signal, number)
        self.call_after_refresh(self.begin)

    @on(OpenRequested)
    def _begin_again(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Open the store and what needs it, after the first frame."""
        if not self.is_headless:
            gc.freeze()
            gc.enable()
        self.context.spawn(self._open(), "app.open")

    async def _open(self) -> None:
        context, main = self.context, self.main
        await asyncio.to_thread(importlib.import_module, "sterna.storage.store")
        if not context.has_store:
            context.store = storage.StoreThread(self._opener)
        await main.mount_history()
        try:
            await context.store.start()
            await context.store.run(storage.LiveReplies.recover_interrupted)
        except storage.StoreError as error:
            main.status_display.show_trouble(str(error))
            return
        context.store.subscribe(self.main.changed)
        await main.navigation.reopen()
        if context.settings.blocked and not await self._correct_settings():
            return
        context.catalog = await self._catalog_factory(context.settings, context.store)
        context.turns = self._turns_factory(context.store, context.catalog, context.settings)
        context.turns.subscribe(context.analytics.reply_changed)
        await context.tools.start(context.turns, context.settings)
        context.ready.set()
        await main.started()
        if not self.is_headless:
            # What the start has made lives as long as the program. Python's collector would walk through all of it
            # every second or so while a reply arrives, and a key would wait 70 ms.
            gc.freeze()
        self._show_problems()
        await context.sync.start(context.store)
        await context.analytics.begin(context.store)
        context.sync.signed_in = partial(context.analytics.restart, context.store)
        context.gatherer.start(context.store)
        context.start_meaning()
        self.set_interval(LOOK_SECONDS, SettingsWatch(self, context, lambda: self.key_problems).look)

    def _show_problems(self) -> None:
        """Show what is wrong with the file and the settings, in one notice: several would take turns too fast."""
        reason = self.context.store.read_only
        problems = [f"Read-only: you can read, search and export. {reason}"] if reason is not None else []
        problems += [*self.context.settings.problems, *self.key_problems, *self.theme_problems]
        if problems:
            more = len(problems) - MOST_PROBLEMS
            rest = [f"{counted(more, 'more problem')}: run sterna doctor."] if more > 0 else []
            self.notify("\n".join(problems[:MOST_PROBLEMS] + rest), severity="warning", timeout=10)

    async def _correct_settings(self) -> bool:
        """Ask what to do about a config.toml that cannot be read; return whether to go on."""
        from .screens.config_error import correct_settings

        before = self.context.settings
        if not await correct_settings(self, self.context.settings_file):
            await self.leave(1)
            return False
        if self.context.settings is not before:
            self.key_problems = self._apply_keys()
            await self.main.settings_changed()
        return True

    # Changes

    async def _settings_changed(self) -> None:
        if self.context.turns is not None:
            self.context.turns.settings = self.context.settings
        self.context.spawn(self.context.tools.configure(self.context.settings), "tools.configure")
        self.key_problems = self._apply_keys()
        self.animation_level = "full" if self.context.settings.ui.animation else "none"
        await self.main.settings_changed()
        await self.context.follow_meaning()

    def _apply_keys(self) -> list[str]:
        """Take the configured keys; return a sentence for each that cannot be used."""
        self.context.keymap, problems = keymap_of(self.context.settings)
        self.set_keymap(self.context.keymap)
        return problems

    # Keys

    async def on_event(self, event: events.Event) -> None:
        """Hand a key or a paste to where the user looks."""
        if isinstance(event, events.InputEvent | events.Paste):
            if self.context.is_closing or not self._screen_stack:
                return  # there is nothing to type into any more, and what was typed is saved
            if not event.is_forwarded:
                if (admitted := self._admission.admit(event)) is None:
                    return
                event = admitted
        await super().on_event(event)

    # End

    async def action_quit(self) -> None:
        """Save everything and leave."""
        await self.leave(0)

    def action_interrupt(self) -> None:
        """Quit at the second of two in a row."""
        now = monotonic()
        if now - self._interrupted < INTERRUPT_SECONDS:
            self.context.spawn(self.leave(0), "app.leave")
        else:
            self._interrupted = now
            self.notify("Press ctrl+c again to quit.", timeout=INTERRUPT_SECONDS)

    @on(RestartRequested)
    def _restart(self) -> None:
        self.restart = True
        self.context.spawn(self.leave(0), "app.restart")

    async def leave(self, code: int) -> None:
        """Save what is being written, keep what has arrived of replies, and exit with that code."""
        await self.save_all()
        self.exit(code, return_code=code)

    async def save_all(self) -> None:
        """Bring everything to disk that must be there before the program ends. It may be called twice."""
        if self.context.is_closing:
            return
        self.context.is_closing = True
        self.workers.cancel_all()
        if unsaved := await save_texts(self.context, self.main.navigation):
            self.farewell = unsaved
        await finish_services(self.context)

    async def on_unmount(self) -> None:
        """Save everything, however the program ends. The file is closed last, when no widget can ask for it."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.save_all()
                if self.context.catalog is not None:
                    await self.context.catalog.aclose()
                if self.context.has_store:
                    await self.context.store.close()
        except TimeoutError:
            self._write_log("Closing took too long. Everything already stored is safe.")

    def _write_log(self, text: str) -> Path | None:
        """Append ``text`` with its time to the log, and return the log's path; None when there is none."""
        return append(self._log_file, f"{self.context.clock().isoformat()} {text}") if self._log_file else None

    async def action_suspend(self) -> None:
        """Save the draft and go back to the shell, where there is one to go back to."""
        if os.getsid(0) == os.getpid():
            self.notify("There is no shell to go back to: this terminal runs only Sterna.")
            return
        if self.main.conversation.reopened:
            await self.main.navigation.save_draft()
        self.action_suspend_process()

    def _on_signal(self, number: int) -> None:
        self.context.spawn(self.leave(128 + number), "app.signal")

    def _handle_exception(self, error: Exception) -> None:
        """End on a bug: the details go to the log, the user gets one sentence, and everything stored is safe.

        An error of the store ends only the worker or the task that met it; its sentence says what to do.
        """
        inner = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(inner, storage.StoreError):
            if not self.context.is_closing:
                self.notify(str(inner), severity="error", timeout=12)
            return
        if isinstance(inner, NoMatches) and (self.context.is_closing or not self.is_running):
            return  # what it was about to draw on is gone already
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        details = "".join(traceback.format_exception(inner))
        where = f" The details are in {log}." if (log := self._write_log(details)) else ""
        self.farewell = f"Sterna crashed because of an internal error. Your conversations are safe.{where}"
        self._close_messages_no_wait()

    # Showing

    def copy_to_clipboard(self, text: str) -> None:
        """Copy to wherever it can be pasted from; ``context.copied_to`` says where that is."""
        super().copy_to_clipboard(text)
        from .terminal.clipboard import copy_elsewhere

        folder = self._log_file().parent if self._log_file is not None else None
        copying = copy_elsewhere(text, self.context.settings_file.environ, folder)
        self.context.copying = asyncio.create_task(copying, name="copy")

    def action_change_theme(self) -> None:
        """Choose a theme, seen on the screen while choosing."""
        from .pickers import ThemePicker

        self.push_screen(ThemePicker(self.theme_folder), self.theme_chosen)

    def theme_chosen(self, name: str | None) -> None:
        """Keep a theme for the next start."""
        if name is not None and name != self.context.settings.theme:
            self.context.spawn(self._write_theme(name), "theme.save")

    async def _write_theme(self, name: str) -> None:
        try:
            await self.context.settings_file.save("theme", name)
        except config.ConfigError as error:
            self.notify(str(error), severity="warning")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Allow the palette once the store is open: it finds conversations."""
        return action != "command_palette" or self.main.conversation.reopened or None

    def action_command_palette(self) -> None:
        """Find a command or a conversation by name."""
        from .pickers.command_palette import Palette

        if not any(isinstance(screen, Palette) for screen in self.screen_stack):
            self.push_screen(Palette())  # without an id: one that was closed a moment ago may still be there

    async def action_open_page(self, name: str) -> None:
        """Show a page over the conversation."""
        from .screens.pages import page

        await self.push_screen(page(name, self.context), self._page_closed)

    def _page_closed(self, result: Any) -> None:
        """Say what a page has done, where it returns that."""
        if result is not None:
            self.notify(result.sentence, severity="information" if result.is_good else "warning", timeout=8)

    @on(ConversationRequested)
    def _open_conversation(self, event: ConversationRequested) -> None:
        self.main.navigation.go_to(event.conversation_id, event.message_id)

    async def perform(self, action_id: str) -> None:
        """Run an action, wherever the focus is."""
        await self.main.perform(action_id)

    def can_perform(self, action_id: str) -> bool:
        """Return whether the action makes sense now; the palette leaves it out otherwise."""
        return self.main.can_perform(BY_ID[action_id])


def _palette(name: str) -> Any:
    """Return a source of the command palette, imported when it is first opened."""
    from . import pickers

    return {"actions": pickers.ActionCommands, "conversations": pickers.ConversationCommands}[name]
