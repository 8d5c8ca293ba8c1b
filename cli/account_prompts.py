"""What commands of the account share: who is current, and questions that only a terminal can be asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sterna.storage import AccountLinking, ServerProfile

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.providers import Catalog
    from sterna.storage import Store, StoreThread
    from sterna.sync.auth.accounts import Account, Accounts

    from .context import Place


def accounts_of(place: Place) -> Accounts:
    """The accounts of the folders that the person named."""
    from sterna.sync.auth.accounts import Accounts

    return Accounts(place.folder(), place.config_dir)


def current(accounts: Accounts, store: Store) -> Account:
    """The account whose history ``store`` is."""
    return accounts.agreed(store.linking.owner())


async def add_server(catalog: Catalog, settings: Settings, place: Place, store: StoreThread) -> None:
    """Offer the server that somebody is signed in at, once it has said that it answers questions."""

    if not await store.run(ServerProfile.server_relays):
        return
    from sterna.chat import server_provider
    from sterna.sync.factory import open_token
    from sterna.sync.network.server_address import server_of

    accounts = accounts_of(place)
    account = accounts.agreed(await store.run(AccountLinking.owner))
    if not account.local and account.kind == "sterna" and accounts.is_signed_in(account):
        server = server_of(account.origin)
        token = open_token(accounts, account)
        catalog.add_provider(server_provider(store, server.origin, server.host, token, settings.timeouts))


def can_ask() -> bool:
    """Whether a person is there to be asked."""
    return sys.stdin.isatty()
