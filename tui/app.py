"""The application: it owns the store's thread, turns, catalogue and settings, and outlives any screen.

Order of a start: the first frame is painted, the store opens, the catalogue of models is made. Nothing slow is
imported before that frame, and what is typed meanwhile waits in the prompt.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.worker import WorkerFailed

from sterna import config, storage
from sterna.config import Settings
from sterna.config.log_file import append
from sterna.storage.text import clean

from .actions.bindings import BY_ID, bindings, keymap
from .actions.typeahead import typeahead
from .analytics import Analytics, TrackerFactory
from .main.screen import MainScreen
from .prompt import plain
from .sync import Link, LinkFactory
from .terminal import textual_fixes as textual_fixes
from .terminal.output_filter import Gate, ascii_wanted
from .terminal.theme_switching import Themed

if TYPE_CHECKING:
    from sterna.chat import Turns
    from sterna.providers import Catalog
    from sterna.storage import Change, Store, StoreThread
    from sterna.sync.auth.accounts import Accounts

CatalogFactory = Callable[[Settings, "StoreThread"], Awaitable["Catalog"]]
TurnsFactory = Callable[["StoreThread", "Catalog", Settings], "Turns"]

CLOSE_SECONDS = 5.0
"""The longest that saving may take at the end before the program leaves anyway."""

FINISH_SECONDS = 1.0
"""How long storing what was asked for last may take at the end."""

MOST_PROBLEMS = 3
"""Problems of a start that are shown in full."""

AGAIN_SECONDS = 2.0
"""Within this time a second ctrl+c quits."""


CLOSING = frozenset(("enter", "escape"))
"""Keys that may close what has the focus."""


class SternaApp(Themed, inherit_bindings=False):
    """Everything it is made of is an argument, so that tests run it with a fake model, clock and wire."""

    TITLE = "Sterna"
    CSS_PATH = Path(__file__).with_name("sterna.tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-normal"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app"), Binding("ctrl+c", "interrupt", show=False)]
    COMMANDS = {lambda: _palette("actions"), lambda: _palette("conversations")}

    def __init__(
        self,
        *,
        opener: Callable[[], Store],
        settings: Settings,
        catalog_factory: CatalogFactory,
        turns_factory: TurnsFactory,
        clock: Callable[[], datetime],
        link_factory: LinkFactory | None = None,
        tracker_factory: TrackerFactory | None = None,
        accounts: Callable[[], Accounts] | None = None,
        log_file: Callable[[], Path] | None = None,
        config_folder: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__()
        self._opener = opener
        self._store: StoreThread | None = None
        self.settings = settings
        self.clock = clock
        self.catalog: Catalog | None = None
        self.turns: Turns | None = None
        self.ready = asyncio.Event()
        """Set once the store is open and a prompt can be answered."""
        self.ascii = ascii_wanted(settings.ui.symbols, environ)
        """True where the terminal draws ASCII only."""
        self.farewell: str | None = None
        """What the terminal is told once it is restored."""
        self.link = Link(link_factory, self._sync_told)
        """The messenger between this history and its server."""
        self.analytics = Analytics(tracker_factory)
        self.accounts = accounts
        """Gives the accounts of this computer; None where there is nothing to sign in with."""
        self.again = False
        """True when the program is to be started anew at its end: another account's history is to be shown."""
        self.main = MainScreen(clock)
        """The main screen, whatever lies above it."""
        self._catalog_factory = catalog_factory
        self._turns_factory = turns_factory
        self.config_folder = config_folder
        """Where config.toml is; None: in the usual place."""
        self.environ = environ
        self._log_file = log_file
        self.tasks: set[asyncio.Task[None]] = set()
        """Work that is awaited before the program ends."""
        self.closing = False
        """True once everything is being saved for the end: nothing is drawn from then on."""
        self.trying_theme = False
        """True while a picker shows themes that are not chosen yet."""
        self._interrupted = -AGAIN_SECONDS
        self._copying: asyncio.Task[str] | None = None
        typeahead(self).closes = self._may_close
        self.begin_with_theme(settings.theme, environ)
        self._filters.append(Gate(ascii_only=self.ascii))
        self._problems = self.use_keys(settings)
        if not settings.ui.animation:
            self.animation_level = "none"

    # Starting

    def get_default_screen(self) -> Screen[Any]:
        """The only screen of the first frame."""
        return self.main

    def get_driver_class(self) -> Any:
        """A driver whose terminal may go away."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":
            return driver
        from .terminal.driver import SternaDriver

        return SternaDriver

    def on_mount(self) -> None:
        """Answer signals, and start everything slow after the first frame."""
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._on_signal, number)
        self.watch(self, "theme", self.keep_theme, init=False)
        self.call_after_refresh(self.begin)

    def begin(self) -> None:
        """Open the store and what needs it."""
        self.spawn(self._open(), "app.open")

    async def _open(self) -> None:
        await asyncio.to_thread(importlib.import_module, "sterna.storage.store")
        if self._store is None:
            self._store = storage.StoreThread(self._opener)
        await self.main.furnish()
        try:
            await self.store.start()
            await self.store.run(storage.Store.recover_interrupted)
        except storage.StoreError as error:
            self.main.cannot_open(str(error))
            return
        self.store.subscribe(self._changed)
        await self.main.reopen()
        if self.settings.blocked and not await self._correct_settings():
            return
        self.catalog = await self._catalog_factory(self.settings, self.store)
        self.turns = self._turns_factory(self.store, self.catalog, self.settings)
        self.turns.subscribe(self.analytics.reply_changed)
        self.ready.set()
        await self.main.opened()
        if not self.is_headless:
            # What the start has made lives as long as the program. Python's collector would walk through all of it
            # every second or so while a reply arrives, and a key would wait 70 ms.
            gc.freeze()
        self._tell_problems()
        await self.begin_link()
        await self.analytics.begin(self.store)
        self.link.signed_in = self._follow_sign_in

    async def _follow_sign_in(self) -> None:
        """Begin a session of who signed in elsewhere."""
        await self.analytics.pause()
        await self.analytics.resume(self.store)

    def _tell_problems(self) -> None:
        """Show what is wrong with the file and the settings, in one notice: several would take turns too fast."""
        reason = self.store.read_only
        problems = [f"Read-only: you can read, search and export. {reason}"] if reason is not None else []
        problems += [*self.settings.problems, *self._problems]
        if problems:
            more = len(problems) - MOST_PROBLEMS
            shown = problems[:MOST_PROBLEMS] + ([f"And {more} more: see sterna doctor."] if more > 0 else [])
            self.notify("\n".join(shown), severity="warning", timeout=10)

    async def _correct_settings(self) -> bool:
        """Ask what to do about a config.toml that cannot be read; False when the person leaves."""
        from .screens.config_error import settle

        settings = await settle(self, self.settings)
        if settings is None:
            await self.leave(1)
            return False
        if settings is not self.settings:
            self.settings = settings
            self._problems = self.use_keys(settings)
            await self.main.follow_settings()
        return True

    @property
    def store(self) -> StoreThread:
        """The store's thread. It is there before anything that could ask for it."""
        assert self._store is not None, "the first frame is painted before the store"
        return self._store

    # Sync

    async def begin_link(self) -> None:
        """Let the messenger of the account that is signed in now work."""
        await self.link.begin(self.store)

    def _sync_told(self) -> None:
        if self.main.alive:
            self.main.show_sync()
            if refresh := getattr(self.screen, "refresh_page", None):
                refresh()

    # Keys

    async def on_event(self, event: events.Event) -> None:
        """Hand a key or a paste to where the person looks: what is typed behind a closing key waits for what is there.

        A dialog or a field closes a moment after its key. Letters typed meanwhile would be lost with it.
        """
        if isinstance(event, events.InputEvent) and (self.closing or not self._screen_stack):
            return  # there is nothing to type into any more, and what was typed is kept
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            ahead = typeahead(self)
            if ahead.waiting:
                ahead.keep(event)
                return
            if isinstance(event, events.Key) and self._may_close(event):
                ahead.close(self, event)
        await super().on_event(event)

    def _may_close(self, event: events.Key) -> bool:
        """Return whether a key may close the dialog, or the field, that has the focus."""
        if self.screen is self.main:
            return event.key in getattr(self.focused, "LEAVES", ())
        bound = self.active_bindings.get(event.key)
        return event.key in CLOSING or (bound is not None and bound.node is self.screen)

    # Work that must finish

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run work that belongs to no widget; it is awaited before the program ends."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._handle_exception(error)

    def _complain(self, error: storage.StoreError) -> None:
        """A worker or a task could not read or write: only that has ended, and its sentence says what to do."""
        if not self.closing:
            self.notify(str(error), severity="error", timeout=12)

    def _changed(self, change: Change) -> None:
        if self.is_running and self.main.alive:
            self.main.changed(change)

    # Ending

    async def action_quit(self) -> None:
        """Keep everything and leave."""
        await self.leave(0)

    def action_interrupt(self) -> None:
        """Twice in a row quits."""
        now = monotonic()
        if now - self._interrupted < AGAIN_SECONDS:
            self.spawn(self.leave(0), "app.leave")
        else:
            self._interrupted = now
            self.notify("Press ctrl+c again to quit.", timeout=AGAIN_SECONDS)

    async def leave(self, code: int) -> None:
        """Save what is being written, keep what has come of replies, and exit with that code."""
        await self.save_all()
        self.exit(code, return_code=code)

    async def save_all(self) -> None:
        """Everything that must be on disk before the program may end. Safe to call twice."""
        if self.closing:
            return
        self.closing = True
        self.workers.cancel_all()
        unsaved: list[str] = []
        if self.main.reopened:
            await self.main.save_draft()
            if typed := [plain(text) for text in self.main.drafts.unsaved]:
                unsaved.append("What you had typed could not be saved:\n\n" + "\n\n".join(typed))
        elif draft := plain(self.main.draft):
            unsaved.append(f"Your conversations were not open. What you had typed:\n\n{draft}")
        if self.turns is not None:
            arriving = self.turns.running()
            await self.turns.close()
            unsaved += [f"{reply.problem} The reply:\n\n{reply.content}" for reply in arriving if reply.problem]
        if unsaved:
            self.farewell = clean("\n\n".join(unsaved))
        await asyncio.gather(self.link.end(), self.analytics.end())
        current = asyncio.current_task()
        if others := [task for task in self.tasks if task is not current]:
            # Work that waits for a file that never opened does not end by itself.
            _, waiting = await asyncio.wait(others, timeout=FINISH_SECONDS if self.ready.is_set() else 0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def on_unmount(self) -> None:
        """However the app ends, nothing is left unsaved. The file is closed last, when no widget can ask for it."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.save_all()
                if self.catalog is not None:
                    await self.catalog.aclose()
                if self._store is not None:
                    await self._store.close()
        except TimeoutError:
            self._write_log("Closing took too long; what was already stored is safe.")

    def _write_log(self, text: str) -> Path | None:
        """Append ``text`` with its time to the log, and return the log's path; None when there is none."""
        return append(self._log_file, f"{self.clock().isoformat()} {text}") if self._log_file else None

    async def action_suspend(self) -> None:
        """Keep the draft and go back to the shell, where there is one to go back to."""
        if os.getsid(0) == os.getpid():
            self.notify("There is no shell to go back to: this terminal runs only Sterna.")
            return
        if self.main.reopened:
            await self.main.save_draft()
        self.action_suspend_process()

    def _on_signal(self, number: int) -> None:
        self.spawn(self.leave(128 + number), "app.signal")

    def _handle_exception(self, error: Exception) -> None:
        """A bug: the details go to a file, the person gets one sentence, and everything stored is safe."""
        inner = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(inner, storage.StoreError):
            self._complain(inner)
            return
        if isinstance(inner, NoMatches) and (self.closing or not self.is_running):
            return  # what it was about to draw on is taken away already
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        details = "".join(traceback.format_exception(inner))
        where = f" The details are in {log}." if (log := self._write_log(details)) else ""
        self.farewell = f"Sterna crashed because of an internal error. Your conversations are safe.{where}"
        self._close_messages_no_wait()

    # Copying

    def copy_to_clipboard(self, text: str) -> None:
        """Copy to wherever it can be pasted from; :meth:`copied_to` says where that is."""
        super().copy_to_clipboard(text)
        from .terminal.clipboard import copy_elsewhere

        folder = self._log_file().parent if self._log_file is not None else None
        self._copying = asyncio.create_task(copy_elsewhere(text, self.environ, folder), name="copy")

    async def copied_to(self) -> str:
        """Return where the last copy is, as the end of a sentence."""
        return await self._copying if self._copying is not None else ""

    # Showing

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a sentence for a while, as plain text: titles and errors in it come from people and servers."""
        super().notify(clean(message), title=clean(title), severity=severity, timeout=timeout, markup=False)

    def on_notify(self, event: Notify) -> None:
        """Let a notice take the place of the one before; an error stands until another one or its time comes."""
        for before in list(self._notifications):
            if before.severity != "error" or event.notification.severity == "error":
                self._unnotify(before, refresh=False)

    def use_keys(self, settings: Settings) -> list[str]:
        """Take the keys a person chose; returns sentences for those that cannot be."""
        mapping, problems = keymap(settings.keys, vim=settings.ui.vim, enter_sends=settings.ui.enter_sends)
        self.set_keymap(mapping)
        return problems

    def key_of(self, action_id: str) -> str:
        """The first key of an action, as remapped."""
        return self._keymap.get(action_id, BY_ID[action_id].key).split(",")[0]

    def keep_theme(self, name: str) -> None:
        """Keep a theme that was chosen, by whatever way, for the next start; one that is only tried is not kept."""
        if name != self.settings.theme and not self.closing and not self.trying_theme:
            self.spawn(self._save_theme(name), "theme.keep")

    async def _save_theme(self, name: str) -> None:
        try:
            await self.save_setting("theme", name)
        except config.ConfigError as error:
            self.notify(str(error), severity="warning")

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Save a picture of the screen in the current folder and say where."""
        try:
            self.notify(f"Saved {Path(self.save_screenshot(filename, path)).absolute()}")
        except OSError as error:
            self.notify(f"The picture cannot be saved here ({error.strerror}).", severity="error")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The palette finds conversations, so it waits for the file."""
        return action != "command_palette" or self.main.reopened

    def action_command_palette(self) -> None:
        """Find a command or a conversation by name."""
        from textual.command import CommandPalette

        from .pickers.command_palette import Palette

        if not CommandPalette.is_open(self):  # type: ignore[arg-type]
            self.push_screen(Palette(id="--command-palette"))

    def action_change_theme(self) -> None:
        """Choose a theme, seen on the screen while one chooses."""
        from .pickers import ThemePicker

        self.push_screen(ThemePicker())

    async def action_help(self) -> None:
        """Every key."""
        from .screens.help import HelpScreen

        await self.push_screen(HelpScreen(self._keymap))

    async def action_settings(self) -> None:
        """Models, looks and keys."""
        from .screens.settings import SettingsScreen

        await self.push_screen(SettingsScreen())

    async def save_setting(self, key_path: str, value: object) -> None:
        """Write one value into config.toml and follow it at once. Raises ConfigError with a sentence."""
        await asyncio.to_thread(config.save_value, key_path, value, self._config_folder())
        self.settings = await asyncio.to_thread(config.load, self.config_folder, self.environ)
        if self.turns is not None:
            self.turns.settings = self.settings
        self.use_keys(self.settings)
        self.animation_level = "full" if self.settings.ui.animation else "none"
        await self.main.follow_settings()

    def _config_folder(self) -> Path:
        return config.config_dir(self.config_folder, self.environ)

    async def add_endpoint(self, name: str) -> str | None:
        """Offer an endpoint that has just been configured; returns what is wrong with it, if anything."""
        if self.catalog is None:
            return None
        from sterna.chat import endpoints_of

        endpoints = endpoints_of(self.settings, environ=self.environ, config_dir=self.config_folder)
        self.catalog.add([endpoint for endpoint in endpoints if endpoint.name == name], replace=True)
        await self.catalog.models()
        await self.main.show_state()
        await self.main.show_welcome()
        return self.catalog.problems.get(name)

    async def remove_endpoint(self, name: str) -> None:
        """Take an endpoint out of config.toml and out of the list of models. Raises ConfigError with a sentence."""
        await asyncio.to_thread(config.remove_endpoint, name, self._config_folder())
        self.settings = await asyncio.to_thread(config.load, self.config_folder, self.environ)
        if self.catalog is not None:
            self.catalog.remove(name)
        await self.main.show_state()
        await self.main.show_welcome()

    async def perform(self, action_id: str) -> None:
        """Do what an action's key does, from wherever the focus is."""
        action = BY_ID[action_id]
        await self.run_action(action.run, self.main.node_of(action.scope))

    def can_perform(self, action_id: str) -> bool:
        """Whether the action makes sense now; what does not is left out of the palette, and its key says why."""
        return self.main.can_perform(BY_ID[action_id])


def _palette(name: str) -> Any:
    """A source of the command palette, imported when it is first opened."""
    from . import pickers

    return {"actions": pickers.ActionCommands, "conversations": pickers.ConversationCommands}[name]
