"""State and services of the running application that its screens share; no screen needs the application itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .actions.bindings import BY_ID, key_name, keys_of, leader_name
from .services.analytics import Analytics
from .services.gatherer import Gatherer
from .services.meaning import MeaningService
from .services.settings_file import SettingsFile
from .services.sync_controller import SyncController
from .services.tasks import Tasks
from .services.tools import Tools

if TYPE_CHECKING:
    from sterna.chat import Turns
    from sterna.config import Settings
    from sterna.providers import Catalog
    from sterna.storage import StoreThread
    from sterna.sync.auth.accounts import Accounts

    from .services.importing import ImportJob
    from .services.model_download import ModelDownload

SWITCHING = "conversation.switch"
"""Name of the task that finds the conversation above or below."""


class AppContext:
    """One per application. ``store``, ``catalog`` and ``turns`` are there once it has started."""

    def __init__(
        self,
        settings_file: SettingsFile,
        *,
        tasks: Tasks,
        sync: SyncController,
        analytics: Analytics,
        gatherer: Gatherer,
        tools: Tools,
        clock: Callable[[], datetime],
        accounts: Callable[[], Accounts] | None = None,
        is_ascii: bool = False,
    ) -> None:
        self.settings_file = settings_file
        self.tasks = tasks
        self.sync = sync
        self.analytics = analytics
        self.gatherer = gatherer
        self.tools = tools
        self.meaning = MeaningService()
        self.clock = clock
        self.accounts = accounts
        """Returns the accounts of this device; None where signing in is not possible."""
        self.is_ascii = is_ascii
        """True where the terminal draws ASCII only."""
        self.ready = asyncio.Event()
        """Set once the store is open and a prompt can be answered."""
        self.catalog: Catalog | None = None
        self.turns: Turns | None = None
        self.keymap: Mapping[str, str] = {}
        """Keys of actions that are remapped."""
        self.catalog_changed: Callable[[], Awaitable[None]] | None = None
        """Called after providers were added or removed, to show it."""
        self.copying: asyncio.Task[str] | None = None
        """Last copy to the clipboard; returns its place as the end of a sentence."""
        self.download: ModelDownload | None = None
        """The download of a model that runs or ran last."""
        self.import_job: ImportJob | None = None
        """The import that runs or ran last, for its page."""
        self.is_closing = False
        """True once everything is being saved at the end: nothing is drawn from then on."""
        self._store: StoreThread | None = None

    @property
    def store(self) -> StoreThread:
        """Thread of the store."""
        assert self._store is not None, "the first frame is painted before the store"
        return self._store

    @store.setter
    def store(self, store: StoreThread) -> None:
        self._store = store

    @property
    def has_store(self) -> bool:
        """True once the thread of the store exists, open or not."""
        return self._store is not None

    @property
    def settings(self) -> Settings:
        """Settings in force."""
        return self.settings_file.current

    def start_meaning(self) -> None:
        """Make vectors for the search by meaning, if the settings say so."""

        async def catalog() -> Catalog | None:
            return self.catalog

        if self.store.read_only is None:
            self.meaning.start(self.store, self.settings.meaning, catalog)

    async def switched_meaning(self, is_on: bool) -> str:
        """Return a sentence about the search by meaning, which was just turned on or off; off, its vectors go."""
        if not is_on:
            await self.meaning.forget(self.store)
            return "Search by meaning is off. Its vectors are deleted."
        return f"Search by meaning is on. {await self.meaning.needs(self.store)}"

    async def follow_meaning(self) -> None:
        """Begin anew, or end, where the settings of the search by meaning are others now."""
        if self.ready.is_set() and self.settings.meaning != self.meaning.settings:
            await self.meaning.stop()
            self.start_meaning()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run work that belongs to no widget; it is awaited before the program ends."""
        return self.tasks.spawn(work, name)

    def key_of(self, action_id: str) -> str:
        """Return the first key of an action, as remapped, as users write it."""
        return key_name(keys_of(BY_ID[action_id], self.keymap)[0], self.leader)

    @property
    def leader(self) -> str:
        """Name of the key that begins a sequence."""
        return leader_name(self.keymap)

    async def copied_to(self) -> str:
        """Return the place of the last copy, as the end of a sentence."""
        return await self.copying if self.copying is not None else ""

    async def add_endpoint(self, name: str) -> str | None:
        """Add a provider that has just been configured to the catalog; return its problem, if it has one."""
        if self.catalog is None:
            return None
        from sterna.chat import configured_endpoints

        file = self.settings_file
        endpoints = configured_endpoints(self.settings, environ=file.environ, config_dir=file.folder)
        self.catalog.add([endpoint for endpoint in endpoints if endpoint.name == name], replace=True)
        await self.catalog.models()
        await self._show_catalog()
        return self.catalog.problems.get(name)

    async def remove_endpoint(self, name: str) -> None:
        """Remove a provider from config.toml and from the catalog. Raises ConfigError with a sentence."""
        await self.settings_file.remove_endpoint(name)
        await self.drop_endpoint(name)

    async def drop_endpoint(self, name: str) -> None:
        """Remove a provider that is no longer configured from the catalog."""
        if self.catalog is not None:
            self.catalog.remove(name)
        await self._show_catalog()

    async def _show_catalog(self) -> None:
        if self.catalog_changed is not None:
            await self.catalog_changed()
