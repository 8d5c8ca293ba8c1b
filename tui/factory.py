"""Factory of the application: real file, settings and providers, run in this terminal."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sterna import config, storage
from sterna.config import Settings
from sterna.config.log_file import LOG_FILE

if TYPE_CHECKING:
    from sterna.chat import Turns
    from sterna.providers import Catalog
    from sterna.storage import Store, StoreThread
    from sterna.sync.auth.accounts import Accounts
    from sterna.sync.status import SyncReport

    from .app import SternaApp
    from .services.tool_servers import ToolServers

from .services.analytics import Tracker
from .services.sync_controller import SyncSetup


def run_app(*, data_dir: Path | None, config_dir: Path | None) -> int:
    """Run until the user quits; return the exit code."""
    if not (sys.stdin.isatty() and sys.__stderr__ is not None and sys.__stderr__.isatty()):
        print("sterna needs a terminal. In a pipe, use: sterna ask", file=sys.stderr)
        return 2
    while True:
        app = build(data_dir, config_dir)
        app.run(mouse=app.context.settings.ui.mouse)
        if not app.restart:
            break
    if app.farewell is not None:
        print(app.farewell, file=sys.stderr)
    return app.return_code or 0


def build(folder: Path | None, config_folder: Path | None, environ: Mapping[str, str] = os.environ) -> SternaApp:
    """Return the application with the real file and providers. Nothing is opened yet."""
    from .app import SternaApp

    settings = config.load(config_folder, environ)
    return SternaApp(
        opener=partial(open_store, folder),
        settings=settings,
        catalog_factory=partial(make_catalog, folder=folder, config_folder=config_folder, environ=environ),
        turns_factory=make_turns,
        tools_factory=partial(make_tools, folder, config_folder, environ),
        tracker_factory=partial(make_tracker, folder, config_folder, environ),
        sync_factory=partial(make_sync, folder, config_folder, environ),
        accounts=partial(accounts_here, folder, config_folder, environ),
        clock=storage.utc_now,
        log_file=partial(log_file, folder),
        config_folder=config_folder,
        environ=environ,
    )


def open_store(folder: Path | None) -> Store:
    """Open the account's store. Raises StoreError with a sentence."""
    try:
        data_folder = storage.data_dir(folder)
    except OSError as error:
        raise storage.StoreError(
            f"Cannot create the folder for your conversations ({error.strerror}: {error.filename}). "
            "Make it writable, or choose another with --data-dir."
        ) from error
    return storage.Store.open(storage.open_account(data_folder))


def log_file(folder: Path | None) -> Path:
    """Return the path of the log."""
    return storage.data_dir(folder) / LOG_FILE


async def make_catalog(
    settings: Settings,
    store: StoreThread,
    *,
    folder: Path | None,
    config_folder: Path | None,
    environ: Mapping[str, str],
) -> Catalog:
    """Return the catalog of all providers that are configured or detected, and the guide."""
    # httpx costs as much as the rest of the start: loaded in a thread, keys are echoed meanwhile.
    await asyncio.to_thread(importlib.import_module, "httpx")
    from sterna.chat import add_discovered, build_catalog

    from .screens.guide_help import help_text

    catalog = build_catalog(
        settings,
        store,
        environ=environ,
        config_dir=config_folder,
        help_text=help_text,
        cache_dir=storage.data_dir(folder),
    )
    await add_discovered(catalog, settings, environ, late=True)
    catalog.finders.append(partial(add_server, catalog, settings, store, folder, config_folder, environ))
    await catalog.finders[-1]()
    catalog.rediscover = partial(add_discovered, catalog, settings, environ)
    return catalog


async def add_server(
    catalog: Catalog,
    settings: Settings,
    store: StoreThread,
    folder: Path | None,
    config_folder: Path | None,
    environ: Mapping[str, str],
) -> None:
    """Offer the models of the server that the account is signed in to, once it is known to have any."""
    if settings.blocked or "server" in catalog.names() or not await store.run(storage.ServerProfile.server_relays):
        return
    owner = await store.run(storage.AccountLinking.owner)
    await asyncio.to_thread(importlib.import_module, "sterna.sync.factory")
    from sterna.chat import server_provider
    from sterna.sync.errors import SignInError
    from sterna.sync.factory import open_token
    from sterna.sync.network.server_address import server_of

    try:
        accounts = await asyncio.to_thread(accounts_here, folder, config_folder, environ)
        account = await asyncio.to_thread(accounts.reconcile, owner)
        if account.local or account.kind != "sterna" or not await asyncio.to_thread(accounts.is_signed_in, account):
            return
        server, token = server_of(account.origin), open_token(accounts, account)
    except (SignInError, config.ConfigError, storage.StoreError) as error:
        logging.getLogger("sterna.sync").warning("the server's models are not offered: %s", error)
        return
    catalog.add_provider(server_provider(store, server.origin, server.host, token, settings.timeouts))


def accounts_here(folder: Path | None, config_folder: Path | None, environ: Mapping[str, str]) -> Accounts:
    """Return the accounts in the folders of the running application."""
    from sterna.sync.auth.accounts import Accounts

    return Accounts(storage.data_dir(folder), config_folder, environ=environ)


async def make_sync(
    folder: Path | None,
    config_folder: Path | None,
    environ: Mapping[str, str],
    store: StoreThread,
    on_report: Callable[[SyncReport], None],
) -> SyncSetup:
    """Return the sync engine of the account whose history is open, if it is signed in and may sync."""
    owner = await store.run(storage.AccountLinking.owner)
    if owner is None or (await asyncio.to_thread(config.load, config_folder, environ)).blocked:
        return SyncSetup()
    await asyncio.to_thread(importlib.import_module, "sterna.sync.factory")
    from sterna.sync.errors import SignInError
    from sterna.sync.factory import open_engine
    from sterna.sync.status import SyncReport

    try:
        accounts = await asyncio.to_thread(accounts_here, folder, config_folder, environ)
        account = await asyncio.to_thread(accounts.reconcile, owner)
        name = f"{account.name} at {account.origin.partition('://')[2]}"
        if (why_not := accounts.sync_obstacle(account)) is not None:
            return SyncSetup(name, report=SyncReport("off", sentence=why_not))
        if not await asyncio.to_thread(accounts.is_signed_in, account):
            return SyncSetup(name, report=SyncReport("signin", sentence="Not signed in."))
        engine = open_engine(accounts, account, store, on_report=on_report)
    except (SignInError, config.ConfigError, storage.StoreError) as error:
        return SyncSetup(owner[0], report=SyncReport("blocked", sentence=str(error)))
    return SyncSetup(name, engine, engine.report)


async def make_tracker(
    folder: Path | None, config_folder: Path | None, environ: Mapping[str, str], store: StoreThread
) -> Tracker | None:
    """Return the tracker of the account; None where analytics are off."""
    if not config.load(config_folder, environ).analytics.enabled:
        return None
    await asyncio.to_thread(importlib.import_module, "sterna.sync.factory")
    from sterna.sync.errors import SignInError
    from sterna.sync.factory import open_tracker

    owner = await store.run(storage.AccountLinking.owner)
    try:
        accounts = await asyncio.to_thread(accounts_here, folder, config_folder, environ)
        account = await asyncio.to_thread(accounts.reconcile, owner)
        return open_tracker(accounts, account, store)
    except (SignInError, config.ConfigError, storage.StoreError) as error:
        logging.getLogger("sterna.sync").warning("analytics are off: %s", error)
        return None


async def make_tools(
    folder: Path | None, config_folder: Path | None, environ: Mapping[str, str], settings: Settings
) -> ToolServers:
    """Return the toolbox of the running application; its servers start when they are needed."""
    await asyncio.to_thread(importlib.import_module, "sterna.tools.toolbox")
    from sterna.tools import open_toolbox

    return open_toolbox(settings, storage.data_dir(folder), config_folder, environ)


def make_turns(store: StoreThread, catalog: Catalog, settings: Settings) -> Turns:
    """Return the turns of the running application."""
    from sterna.chat import Turns

    return Turns(store, catalog, settings=settings)
