"""Change of account in the running program: what becomes of the history here, and whether it is synced."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sterna.config import ConfigError
from sterna.storage import AccountLinking, Store, StoreError
from sterna.storage.text import one_line

from ..context import AppContext
from ..counts import counted
from .sign_in import Choose

if TYPE_CHECKING:
    from textual.app import App

    from sterna.sync.auth.accounts import Accounts, Choice, Offer, SignedIn


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a sign-in."""

    sentence: str = ""
    restart: bool = False
    """The program must start anew, with the history of that account."""


async def finish_sign_in(app: App[Any], context: AppContext, accounts: Accounts, signed: SignedIn) -> Outcome:
    """Ask what is to become of the history and whether to sync it, and do so."""
    try:
        offer = await asyncio.to_thread(accounts.offer, signed)
        choice = await _choose_history(app, offer, signed)
        if choice is None:
            return Outcome(await accounts.discard(signed))
        sending = accounts.current().sending if choice == "move" else await _ask_to_sync(app, offer, choice, signed)
        if sending is None:
            return Outcome(await accounts.discard(signed))
        await context.sync.stop()
        await context.analytics.pause()
        account = await accounts.settle(signed, choice, sending=sending)
    except (StoreError, ConfigError) as error:
        await context.analytics.resume(context.store)
        return Outcome(str(error))
    if account.file != await context.store.run(_path):
        await context.analytics.resume(context.store)
        return Outcome(restart=True)
    await context.sync.start(context.store)
    await context.analytics.resume(context.store)
    return Outcome(
        f"Signed in as {account.name}."
        + ("" if sending else " Nothing is sent until you turn sync on: sterna sync on.")
    )


async def sign_out(context: AppContext, accounts: Accounts) -> str:
    """Forget the sign-in; the history stays. Return a sentence about it."""
    await context.sync.stop()
    await context.analytics.pause()
    try:
        account = await asyncio.to_thread(accounts.agreed, await context.store.run(AccountLinking.owner))
        server_knows = await accounts.sign_out(account)
    except ConfigError as error:
        return str(error)
    finally:
        await context.sync.start(context.store)
        await context.analytics.resume(context.store)
    return "Signed out. Your history stays here." + ("" if server_knows else " The server could not be told.")


def _path(store: Store) -> Path:
    return store.db.path


async def _choose_history(app: App[Any], offer: Offer, signed: SignedIn) -> Choice | None:
    if offer.choices == ("move",):
        old, new = offer.moved_from.partition("://")[2], signed.server.host
        options = [("move", "Move", f"this history syncs with {new} from now on, and no longer with {old}.")]
        return "move" if await app.push_screen_wait(Choose(f"Your server is at {new} now", options)) else None
    if len(offer.choices) == 1 or (offer.owner and not offer.unsent):
        return offer.choices[0]
    many = offer.history.conversations
    here = "the conversation" if many == 1 else f"the {counted(many, 'conversation')}"
    who = one_line(signed.tokens.email, 60) or "this account"
    meanings = {
        "adopt": ("Add to my account", f"they become the history of {who}."),
        "merge": (
            "Add to my account",
            f"a copy of them is added to the history of {who}."
            if offer.owner
            else f"they are added to the history that {who} has on this computer.",
        ),
        "beside": (
            "Keep separate",
            f"they stay as they are. {who} starts with an empty history."
            if offer.owner
            else f"they stay on this computer only. {who} starts with an empty history.",
        ),
        "open": ("Keep separate", f"they stay as they are. The history that {who} has here is opened."),
    }
    options = [(str(choice), *meanings[choice]) for choice in offer.choices if choice in meanings]
    answer = await app.push_screen_wait(Choose(f"What to do with {here} on this computer?", options))
    return next((choice for choice in offer.choices if choice == answer), None)


async def _ask_to_sync(app: App[Any], offer: Offer, choice: Choice, signed: SignedIn) -> bool | None:
    what = "what you write from now on is"
    if choice in ("adopt", "merge") and offer.history.conversations:
        what = "your history, and what you write from now on, are"
    private = " Conversations kept on this computer are never sent." if offer.history.private else ""
    options = [
        ("yes", "Sync", f"{what} sent to {signed.server.host} and kept there.{private}"),
        ("no", "Not now", "you are signed in, and nothing is sent."),
    ]
    answer = await app.push_screen_wait(Choose(f"Sync your history to {signed.server.host}?", options))
    return None if answer is None else answer == "yes"
