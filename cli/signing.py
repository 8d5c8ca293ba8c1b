"""What commands of the account share: who is current, and questions that only a terminal can be asked."""

from __future__ import annotations

import sys

from storage import Store
from sync.accounts import Account, Accounts

from .place import Place


def accounts_of(place: Place) -> Accounts:
    """The accounts of the folders that the person named."""
    return Accounts(place.folder(), place.config_dir)


def current(accounts: Accounts, store: Store) -> Account:
    """The account whose history ``store`` is."""
    return accounts.agreed(store.owner())


def can_ask() -> bool:
    """Whether a person is there to be asked."""
    return sys.stdin.isatty()
