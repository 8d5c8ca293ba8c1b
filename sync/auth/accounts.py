"""Accounts of this device: the current one, sign-in, and the effect of a sign-in on the local history.

A history belongs to the account that its file names (``sync_account``); ``accounts.json`` lists the files, config.toml
names the server, and the credentials hold the tokens. Where they disagree, the first of them is right.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sterna import config, storage
from sterna.config import SyncSettings, credentials
from sterna.storage import AccountEntry, HistorySize, Store
from sterna.storage.accounts import registry

from ..errors import BadAddress, Refused, SignInError, SignInNeeded, WrongAccount
from ..network.server_address import Server, server_of
from .gotrue import SignInServer, Tokens
from .token_session import CommandTokenSession, StoredTokenSession, TokenSession

if TYPE_CHECKING:
    from sterna.config.credentials import Credentials

Kind = Literal["sterna", "upstream"]
Choice = Literal["again", "move", "adopt", "merge", "open", "beside"]
"""Use of the local history after a sign-in. ``again``: it belongs to the account already. ``move``: it does, and the
server has a new address. ``adopt``: it becomes the account's. ``merge``: a copy of it is added to the account's file.
``open``: the account's file is opened. ``beside``: the account gets a new, empty file."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account of this device."""

    file: Path
    user_id: str
    """Empty for a local account, as origin and email are."""
    origin: str
    email: str
    kind: Kind
    sending: bool = False
    """The user agreed to sync."""
    server_id: str = ""
    """Id of the server, independent of its address."""

    @property
    def local(self) -> bool:
        """Return whether the account is local."""
        return not self.origin

    @property
    def name(self) -> str:
        """Return the name for the user."""
        return self.email or (registry.LOCAL if self.local else self.user_id)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Successful sign-in that has not changed anything on this device yet."""

    server: Server
    kind: Kind
    tokens: Tokens = field(repr=False)
    created: bool = False
    """The account was created by this sign-in."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Choices for the local history, the default first."""

    choices: tuple[Choice, ...]
    history: HistorySize
    """Content of the current file."""
    moved_from: str = ""
    """Former address of the server, where the account is known here under another one."""
    owner: str = ""
    """Server of the account that the current history belongs to, where that is another account."""
    unsent: int = 0
    """Changes of that history that were never sent."""


class Accounts:
    """Accounts of one data folder and one configuration folder."""

    def __init__(
        self,
        data_dir: Path,
        config_dir: Path | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
        keys: Credentials | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._config_dir = config_dir
        self._environ = environ
        self._now = now
        self._keys = keys or credentials.open_credentials(config_dir, environ)

    def settings(self) -> SyncSettings:
        """Return the current table ``[sync]``."""
        return config.load(self._config_dir, self._environ).sync

    def is_analytics_enabled(self) -> bool:
        """Return whether config.toml allows analytics now."""
        return config.load(self._config_dir, self._environ).analytics.enabled

    def all(self) -> list[Account]:
        """Return all accounts, oldest first."""
        return [self._account(entry) for entry in registry.listed(self._data_dir)]

    def current(self) -> Account:
        """Return the account whose history is shown."""
        return self._account(registry.current(self._data_dir))

    def switch(self, account: Account) -> None:
        """Show another account's history from the next start on, and use its server."""
        registry.switch(self._data_dir, account.file.name)
        if not account.local:
            self._set_server(account)

    def find(self, name: str) -> Account:
        """Return the account with that email, file or server. Raises :class:`Refused` unless there is exactly one."""
        accounts = [
            account
            for account in self.all()
            if name in (account.email, account.name, account.file.name, account.file.stem, account.origin)
        ]
        if len(accounts) == 1:
            return accounts[0]
        problem = "Several accounts are named" if accounts else "No account here is named"
        raise Refused(f"{problem} {storage.one_line(name, 60)}. `sterna accounts` lists them with their files.")

    def reconcile(self, owner: tuple[str, str] | None) -> Account:
        """Return the current account, after its entry was corrected by the owner that its file names."""
        entry = registry.current(self._data_dir)
        if owner is not None and (entry.origin, entry.user_id) != owner:
            entry = entry._replace(origin=owner[0], user_id=owner[1], name=owner[1], sending=False)
            registry.keep(self._data_dir, entry)
        return self._account(entry)

    def set_sending(self, account: Account, sending: bool) -> Account:
        """Turn sync of the account on or off."""
        account = replace(account, sending=sending)
        self._note(account)
        if sending:
            config.save_value("sync.enabled", True, self._config_dir)
        return account

    def sync_obstacle(self, account: Account) -> str | None:
        """Return a sentence about why the account is not synced, or None. Tokens are not checked."""
        settings = self.settings()
        if account.local:
            return "This history is only on this device. To sync it, sign in: sterna login URL"
        if settings.server and _origin(settings.server) != account.origin:
            return (
                f"config.toml names the server {settings.server}, but this history belongs to {account.origin}. "
                "Correct sync.server, or sign in to the other server: sterna login URL"
            )
        if not account.sending or not settings.enabled:
            return "Sync is off. Turn it on: sterna sync on"
        return None

    # Signing in

    def sign_in_server(self, address: str) -> tuple[Server, Kind, SignInServer]:
        """Return server, kind and sign-in endpoints of ``address``. Raises :class:`SignInError`."""
        settings = self.settings()
        server = server_of(address)
        meant = settings.server is None or _origin(settings.server) == server.origin
        kind: Kind = settings.kind if meant else self._kind_of(server)
        return server, kind, self._signer(server, kind)

    async def sign_in_by_command(self, address: str) -> SignedIn | None:
        """Sign in with the token that ``sync.token_command`` prints; None where it is not set."""
        command = self.settings().token_command
        if not command:
            return None
        server, kind, signer = self.sign_in_server(address)
        access = await CommandTokenSession(server.origin, _token_command(command)).token()
        user_id, email = await signer.user(access)
        return SignedIn(server, kind, Tokens(user_id, email, access, "", 0))

    async def cancel_sign_in(self, signed: SignedIn) -> str:
        """End a sign-in that was not completed, at the server too. Return a sentence about what remains of it."""
        with suppress(SignInError):
            await self._signer(signed.server, signed.kind).logout(signed.tokens.access)
        if signed.created:
            return f"Your account at {signed.server.host} was created, but you are not signed in. Sign in to use it."
        return "Nothing was changed."

    def offer(self, signed: SignedIn) -> Offer:
        """Return the choices for the local history. Blocks."""
        who = (signed.server.origin, signed.tokens.user_id)
        current = registry.current(self._data_dir)
        store = Store.open(self._data_dir / current.file)
        try:
            owner, history, unsent = store.linking.owner(), store.linking.history(), store.sync_metadata.waiting()
        finally:
            store.close()
        if owner == who:
            return Offer(("again",), history)
        known = self._known(signed)
        moved = known.origin if known is not None and known.origin != who[0] else ""
        if owner is not None and known is not None and known.file == current.file and owner[1] == who[1]:
            return Offer(("move",), history, moved_from=owner[0])
        if owner is not None:
            first: Choice = "open" if known else "beside"
            return Offer((first, "merge") if history.conversations else (first,), history, moved, owner[0], unsent)
        if known:
            return Offer(("merge", "open") if history.conversations else ("open",), history)
        return Offer(("adopt", "beside") if history.conversations else ("adopt",), history)

    async def complete_sign_in(self, signed: SignedIn, choice: Choice, *, sending: bool) -> Account:
        """Store the sign-in, apply ``choice`` and make the account current. Raises :class:`storage.StoreError`."""
        current = registry.current(self._data_dir)
        who = (signed.server.origin, signed.tokens.user_id)
        known = self._known(signed)
        if choice in ("again", "move", "adopt"):
            file = current.file
        elif choice == "beside" or known is None:
            file = registry.new_file(self._data_dir)
        else:
            file = known.file
        account = Account(
            self._data_dir / file, who[1], who[0], signed.tokens.email, signed.kind, sending,
            signed.tokens.server_id or (known.server_id if known is not None else ""),
        )  # fmt: skip
        had = await asyncio.to_thread(self._keys.get, _name(account))
        session = self._stored_session(account)
        try:
            if signed.tokens.refresh:
                # tokens first: if they cannot be stored, the history must not change its owner
                await session.replace(signed.tokens)
            await asyncio.to_thread(self._update_files, account, current.file if choice == "merge" else None)
        except storage.StoreError:
            if had is None:
                await asyncio.to_thread(self._keys.delete, _name(account))
            raise
        await asyncio.to_thread(self._make_current, account)
        return account

    async def sign_out(self, account: Account) -> bool:
        """Delete the tokens of an account; its history and unsent changes stay. Return whether the server knows."""
        return await self._stored_session(account).forget()

    def is_signed_in(self, account: Account) -> bool:
        """Return whether there are tokens, valid or not. Blocks. Raises :class:`config.ConfigError`."""
        if account.local:
            return False
        return bool(self.settings().token_command) or self._keys.get(_name(account)) is not None

    def token_source(self, account: Account) -> credentials.Source | None:
        """Return where the tokens are stored."""
        return None if account.local else self._keys.source(_name(account))

    def forget_tokens(self, account: Account) -> None:
        """Delete the tokens without a request: the server has deleted the account."""
        if not account.local:
            self._keys.delete(_name(account))

    def session(self, account: Account) -> TokenSession:
        """Return the source of an account's tokens."""
        command = self.settings().token_command
        if command:
            return CommandTokenSession(
                account.origin, _token_command(command), why_not=partial(self._current_obstacle, account.file)
            )
        return self._stored_session(account)

    def _stored_session(self, account: Account) -> StoredTokenSession:
        server = self._signer(server_of(account.origin), account.kind)
        whole = account.kind == "upstream"
        why_not = partial(self._current_obstacle, account.file)
        return StoredTokenSession(
            _name(account), account.origin, self._keys, server, whole=whole, why_not=why_not, now=self._now
        )

    def _current_obstacle(self, file: Path) -> str | None:
        """Return why the account is not synced now, read anew because another process may have changed it."""
        account = next((account for account in self.all() if account.file == file), None)
        return "This account does not exist here any more." if account is None else self.sync_obstacle(account)

    def _signer(self, server: Server, kind: Kind) -> SignInServer:
        if kind == "sterna":
            return SignInServer(server)
        settings = self.settings()
        if not settings.supabase_url or not settings.anon_key:
            raise BadAddress("An upstream server needs a sign-in at Supabase. Set sync.supabase_url and sync.anon_key.")
        return SignInServer(server_of(settings.supabase_url), anon_key=settings.anon_key)

    def _update_files(self, account: Account, merged: str | None) -> None:
        """Give the account its file, and add the file ``merged`` to it. Each step is a transaction."""
        data = account.file.parent
        store = Store.open(account.file)
        try:
            if self._has_moved(account):
                store.linking.move_account(account.origin)
            store.linking.adopt(account.origin, account.user_id, account.email)
            if merged is not None and merged != account.file.name:
                other = Store.open(data / merged)
                try:
                    other.live_replies.recover_interrupted()
                    other.waiting_prompts.give_up()
                    store.linking.merge_from(other.linking)
                    store.attachments.copy_from(other.attachments)
                finally:
                    other.close()
        finally:
            store.close()

    def _make_current(self, account: Account) -> None:
        self._note(account, make_current=True)
        self._set_server(account)
        if account.sending:
            config.save_value("sync.enabled", True, self._config_dir)

    def _note(self, account: Account, *, make_current: bool = False) -> None:
        entry = AccountEntry(
            account.file.name, account.name, account.origin, account.user_id, account.kind, account.sending,
            account.server_id,
        )  # fmt: skip
        registry.keep(self._data_dir, entry, make_current=make_current)

    def _set_server(self, account: Account) -> None:
        """Write the account's server to config.toml."""
        settings = self.settings()
        if settings.server != account.origin:
            config.save_value("sync.server", account.origin, self._config_dir)
        if settings.kind != account.kind:
            config.save_value("sync.kind", account.kind, self._config_dir)

    def _known(self, signed: SignedIn) -> AccountEntry | None:
        """Return the account's entry: by its address, else by the id of its server, which may have moved."""
        user_id, origin, server_id = signed.tokens.user_id, signed.server.origin, signed.tokens.server_id
        entries = [entry for entry in registry.listed(self._data_dir) if entry.user_id == user_id]
        here = next((entry for entry in entries if entry.origin == origin), None)
        return here or next((entry for entry in entries if server_id and entry.server_id == server_id), None)

    def _has_moved(self, account: Account) -> bool:
        """Return whether the account's file is of the same server at another address."""
        entries = registry.listed(self._data_dir)
        entry = next((entry for entry in entries if entry.file == account.file.name), None)
        return (
            entry is not None
            and entry.user_id == account.user_id
            and entry.origin != account.origin
            and entry.server_id == account.server_id != ""
        )

    def _kind_of(self, server: Server) -> Kind:
        known: Sequence[Account] = [account for account in self.all() if account.origin == server.origin]
        return known[0].kind if known else "sterna"

    def _account(self, entry: AccountEntry) -> Account:
        email = "" if entry.local or entry.name == entry.user_id else entry.name
        kind: Kind = "upstream" if entry.kind == "upstream" else "sterna"
        return Account(
            self._data_dir / entry.file, entry.user_id, entry.origin, email, kind, entry.sending and not entry.local,
            entry.server_id,
        )  # fmt: skip


async def check_sign_in(session: TokenSession, account: Account, owner: tuple[str, str] | None) -> None:
    """Check before each cycle that file, account and token belong together, and that sync is on.

    Raises :class:`SignInNeeded`, of which :class:`SyncDisabled` is one.
    """
    if owner is None:
        raise SignInNeeded("This history belongs to no account. Sign in: sterna login URL")
    if owner != (account.origin, account.user_id):
        raise WrongAccount("This history belongs to another account now. Restart Sterna.")
    await session.check(*owner)


def _token_command(command: str) -> Callable[[], str]:
    advice = "Check sync.token_command in config.toml."
    return partial(credentials.command_output, command, "the access token", advice)


def _origin(address: str | None) -> str | None:
    """Return the origin that a setting names, or None."""
    try:
        return server_of(address).origin if address else None
    except SignInError:
        return None


def _name(account: Account) -> str:
    """Return the name of the account's credentials; no provider can have this name."""
    return f"account.{account.file.stem}"
