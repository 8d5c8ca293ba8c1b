"""Accounts of the folders of a command, shared by the commands that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sterna.storage import ServerProfile

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.providers import Catalog
    from sterna.storage import Store, StoreThread
    from sterna.sync.auth.accounts import Account, Accounts

    from .context import CommandContext


def open_accounts(context: CommandContext) -> Accounts:
    """Return the accounts in the folders of the command."""
    from sterna.sync.auth.accounts import Accounts

    return Accounts(context.folder(), context.config_dir)


def current_account(accounts: Accounts, store: Store) -> Account:
    """Return the account of ``store``."""
    return accounts.reconcile(store.linking.owner())


async def add_server_provider(
    catalog: Catalog, settings: Settings, context: CommandContext, store: StoreThread
) -> None:
    """Add the relay of the server that the user is signed in to, if the server has one."""
    if not await store.run(ServerProfile.server_relays):
        return
    from sterna.chat import server_provider
    from sterna.storage import AccountLinking
    from sterna.sync.factory import open_token
    from sterna.sync.network.server_address import server_of

    accounts = open_accounts(context)
    account = accounts.reconcile(await store.run(AccountLinking.owner))
    if not account.local and account.kind == "sterna" and accounts.is_signed_in(account):
        server = server_of(account.origin)
        token = open_token(accounts, account)
        catalog.add_provider(server_provider(store, server.origin, server.host, token, settings.timeouts))
