"""The accounts of this computer: who is current, how one signs in, and what a sign-in does to the history here.

What a file holds belongs to the account that the file itself names (``sync_account``); ``accounts.json`` finds the
files, config.toml says which server is meant, and the credentials keep the tokens. In that order they are believed.
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
from sterna.storage import History, Listed, Store
from sterna.storage.accounts import registry

from ..errors import BadAddress, Refused, SignInError, SignInNeeded, WrongAccount
from ..network.server_address import Server, server_of
from .gotrue import SignInServer, Tokens
from .token_session import CommandTokenSession, StoredTokenSession, TokenSession

if TYPE_CHECKING:
    from sterna.config.credentials import Credentials

Kind = Literal["sterna", "upstream"]
Choice = Literal["again", "move", "adopt", "merge", "open", "beside"]
"""What becomes of the history here: it is the account's already; it is, and the server has another address now; it
becomes the account's; a copy is added to the file that the account has here, or to a new one; that file is opened and
this one left alone; an empty file begins, and this one is left alone."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account of this computer."""

    file: Path
    user_id: str
    """Empty for a local one, as the origin and the email are."""
    origin: str
    email: str
    kind: Kind
    sending: bool = False
    """Whether its owner said yes to sending."""
    server_id: str = ""
    """The server's own id, the same at whatever address it is."""

    @property
    def local(self) -> bool:
        """Whether no server knows it."""
        return not self.origin

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.email or (registry.LOCAL if self.local else self.user_id)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who has shown who they are; nothing on this computer has changed yet."""

    server: Server
    kind: Kind
    tokens: Tokens = field(repr=False)
    created: bool = False
    """Whether the account was made by this sign-in."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can become of the history here, the usual first."""

    choices: tuple[Choice, ...]
    history: History
    """What the current file holds."""
    moved_from: str = ""
    """The address at which the account is known here, where that is another one of the same server."""
    owner: str = ""
    """The server of the account that the history here belongs to, where that is another account."""
    unsent: int = 0
    """Changes of that history which its server was never told."""


class Accounts:
    """Those of one data folder and one configuration folder."""

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
        """The table ``[sync]`` as it is now."""
        return config.load(self._config_dir, self._environ).sync

    def agreed_to_analytics(self) -> bool:
        """Whether the person said yes, as config.toml is now."""
        return config.load(self._config_dir, self._environ).analytics.enabled

    def all(self) -> list[Account]:
        """Every account, in the order they came."""
        return [self._account(one) for one in registry.listed(self._data_dir)]

    def current(self) -> Account:
        """The account whose history is shown."""
        return self._account(registry.current(self._data_dir))

    def switch(self, account: Account) -> None:
        """Show another account's history from the next start on, and mean its server."""
        registry.switch(self._data_dir, account.file.name)
        if not account.local:
            self._mean(account)

    def named(self, name: str) -> Account:
        """The account with that email, file or server. Raises :class:`Refused` where it is none, or several."""
        found = [one for one in self.all() if name in (one.email, one.name, one.file.name, one.file.stem, one.origin)]
        if len(found) == 1:
            return found[0]
        several = "Several accounts are called" if found else "No account here is called"
        raise Refused(f"{several} {storage.one_line(name, 60)}. `sterna accounts` shows them and their files.")

    def agreed(self, owner: tuple[str, str] | None) -> Account:
        """The current account, its entry corrected by what its file says of its owner."""
        entry = registry.current(self._data_dir)
        if owner is not None and (entry.origin, entry.user_id) != owner:
            entry = replace(entry, origin=owner[0], user_id=owner[1], name=owner[1], sending=False)
            registry.keep(self._data_dir, entry)
        return self._account(entry)

    def set_sending(self, account: Account, sending: bool) -> Account:
        """Say yes, or no, to sending this account's history."""
        account = replace(account, sending=sending)
        self._note(account)
        if sending:
            config.save_value("sync.enabled", True, self._config_dir)
        return account

    def why_not(self, account: Account) -> str | None:
        """What speaks against sending, in a sentence; None when all agree. Tokens are not looked at."""
        settings = self.settings()
        if account.local:
            return "This history is on this computer only. To have it follow you: sterna login URL"
        if settings.server and _origin(settings.server) != account.origin:
            return (
                f"config.toml names the server {settings.server}, this history belongs to {account.origin}. Correct "
                "sync.server, or sign in at the other: sterna login URL"
            )
        if not account.sending or not settings.enabled:
            return "Sending is off. To say yes to it: sterna sync on"
        return None

    # Signing in

    def sign_in_server(self, address: str) -> tuple[Server, Kind, SignInServer]:
        """Where one signs in for the server at ``address``. Raises :class:`SignInError`."""
        settings = self.settings()
        server = server_of(address)
        meant = settings.server is None or _origin(settings.server) == server.origin
        kind: Kind = settings.kind if meant else self._kind_of(server)
        return server, kind, self._signer(server, kind)

    async def by_command(self, address: str) -> SignedIn | None:
        """Whose token ``sync.token_command`` prints; None where there is no such command."""
        command = self.settings().token_command
        if not command:
            return None
        server, kind, signer = self.sign_in_server(address)
        access = await CommandTokenSession(server.origin, _printing(command)).token()
        user_id, email = await signer.user(access)
        return SignedIn(server, kind, Tokens(user_id, email, access, "", 0))

    async def discard(self, signed: SignedIn) -> str:
        """End a sign-in that somebody went back on, at the server too; gives what is left of it, in a sentence."""
        with suppress(SignInError):
            await self._signer(signed.server, signed.kind).logout(signed.tokens.access)
        if signed.created:
            return f"Your account at {signed.server.host} was created, but you are not signed in. Sign in to use it."
        return "Nothing was changed."

    def offer(self, signed: SignedIn) -> Offer:
        """What can become of the history here. Not for the event loop."""
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

    async def settle(self, signed: SignedIn, choice: Choice, *, sending: bool) -> Account:
        """Keep the sign-in and do as chosen. The account is current then. Raises :class:`storage.StoreError`."""
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
        session = self._kept(account)
        try:
            if signed.tokens.refresh:
                # first the tokens: where they cannot be kept, the history should not have changed hands
                await session.replace(signed.tokens)
            await asyncio.to_thread(self._take_in, account, current.file if choice == "merge" else None)
        except storage.StoreError:
            if had is None:
                await asyncio.to_thread(self._keys.delete, _name(account))
            raise
        await asyncio.to_thread(self._begin_with, account)
        return account

    async def sign_out(self, account: Account) -> bool:
        """Forget the tokens of an account; its history and what waits stay. Whether the server heard of it."""
        return await self._kept(account).forget()

    def is_signed_in(self, account: Account) -> bool:
        """Whether there are tokens, good or not. May raise :class:`config.ConfigError`; not for the event loop."""
        if account.local:
            return False
        return bool(self.settings().token_command) or self._keys.get(_name(account)) is not None

    def kept_where(self, account: Account) -> credentials.Source | None:
        """Where its tokens are."""
        return None if account.local else self._keys.source(_name(account))

    def forget_tokens(self, account: Account) -> None:
        """Remove what is kept of a sign-in, without a word to the server: it knows the account no more."""
        if not account.local:
            self._keys.delete(_name(account))

    def session(self, account: Account) -> TokenSession:
        """Who gives tokens for an account."""
        command = self.settings().token_command
        if command:
            return CommandTokenSession(
                account.origin, _printing(command), why_not=partial(self._why_not_now, account.file)
            )
        return self._kept(account)

    def _kept(self, account: Account) -> StoredTokenSession:
        server = self._signer(server_of(account.origin), account.kind)
        whole = account.kind == "upstream"
        why_not = partial(self._why_not_now, account.file)
        return StoredTokenSession(
            _name(account), account.origin, self._keys, server, whole=whole, why_not=why_not, now=self._now
        )

    def _why_not_now(self, file: Path) -> str | None:
        """A no counts at once, also for the chat that is open in another terminal."""
        found = next((one for one in self.all() if one.file == file), None)
        return "There is no such account here any more." if found is None else self.why_not(found)

    def _signer(self, server: Server, kind: Kind) -> SignInServer:
        if kind == "sterna":
            return SignInServer(server)
        settings = self.settings()
        if not settings.supabase_url or not settings.anon_key:
            raise BadAddress(
                "An upstream server signs in at Supabase. Set sync.supabase_url and sync.anon_key in config.toml first."
            )
        return SignInServer(server_of(settings.supabase_url), anon_key=settings.anon_key)

    def _take_in(self, account: Account, merged: str | None) -> None:
        """The work in the files; each is a transaction."""
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
                    store.linking.merge_from(other.linking)
                finally:
                    other.close()
        finally:
            store.close()

    def _begin_with(self, account: Account) -> None:
        self._note(account, make_current=True)
        self._mean(account)
        if account.sending:
            config.save_value("sync.enabled", True, self._config_dir)

    def _note(self, account: Account, *, make_current: bool = False) -> None:
        entry = Listed(
            account.file.name, account.name, account.origin, account.user_id, account.kind, account.sending,
            account.server_id,
        )  # fmt: skip
        registry.keep(self._data_dir, entry, make_current=make_current)

    def _mean(self, account: Account) -> None:
        """Let config.toml name the account's server."""
        settings = self.settings()
        if settings.server != account.origin:
            config.save_value("sync.server", account.origin, self._config_dir)
        if settings.kind != account.kind:
            config.save_value("sync.kind", account.kind, self._config_dir)

    def _known(self, signed: SignedIn) -> Listed | None:
        """Return the account's entry: by its address, else by the id of its server, which may have moved."""
        user_id, origin, server_id = signed.tokens.user_id, signed.server.origin, signed.tokens.server_id
        entries = [one for one in registry.listed(self._data_dir) if one.user_id == user_id]
        here = next((one for one in entries if one.origin == origin), None)
        return here or next((one for one in entries if server_id and one.server_id == server_id), None)

    def _has_moved(self, account: Account) -> bool:
        """Return whether the account's file is of the same server at another address."""
        entries = registry.listed(self._data_dir)
        entry = next((one for one in entries if one.file == account.file.name), None)
        return (
            entry is not None
            and entry.user_id == account.user_id
            and entry.origin != account.origin
            and entry.server_id == account.server_id != ""
        )

    def _kind_of(self, server: Server) -> Kind:
        known: Sequence[Account] = [one for one in self.all() if one.origin == server.origin]
        return known[0].kind if known else "sterna"

    def _account(self, entry: Listed) -> Account:
        email = "" if entry.local or entry.name == entry.user_id else entry.name
        kind: Kind = "upstream" if entry.kind == "upstream" else "sterna"
        return Account(
            self._data_dir / entry.file, entry.user_id, entry.origin, email, kind, entry.sending and not entry.local,
            entry.server_id,
        )  # fmt: skip


async def check(session: TokenSession, account: Account, owner: tuple[str, str] | None) -> None:
    """Before each cycle: file, account and token name one and the same, and its owner says yes to sending.

    Raises :class:`SignInNeeded`, of which :class:`SendingOff` is one.
    """
    if owner is None:
        raise SignInNeeded("This history belongs to no account. Sign in: sterna login URL")
    if owner != (account.origin, account.user_id):
        raise WrongAccount("The history here belongs to another account now. Start Sterna again.")
    await session.check(*owner)


def _printing(command: str) -> Callable[[], str]:
    advice = "Check sync.token_command in config.toml."
    return partial(credentials.command_output, command, "the access token", advice)


def _origin(address: str | None) -> str | None:
    """The origin that a setting names; None where it names none."""
    try:
        return server_of(address).origin if address else None
    except SignInError:
        return None


def _name(account: Account) -> str:
    """Under what the credentials keep its tokens; no endpoint can be called so."""
    return f"account.{account.file.stem}"
