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
            return Outcome(await accounts.cancel_sign_in(signed))
        sending = accounts.current().sending if choice == "move" else await _ask_to_sync(app, offer, choice, signed)
        if sending is None:
            return Outcome(await accounts.cancel_sign_in(signed))
        await context.sync.stop()
        await context.analytics.pause()
        account = await accounts.complete_sign_in(signed, choice, sending=sending)
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
        account = await asyncio.to_thread(accounts.reconcile, await context.store.run(AccountLinking.owner))
        server_knows = await accounts.sign_out(account)
    except ConfigError as error:
        return str(error)
    finally:
        await context.sync.start(context.store)
        await context.analytics.resume(context.store)
    return "Signed out. Your history stays here." + ("" if server_knows else " The server could not be notified.")


def _path(store: Store) -> Path:
    return store.db.path


async def _choose_history(app: App[Any], offer: Offer, signed: SignedIn) -> Choice | None:
    if offer.choices == ("move",):
        old, new = offer.moved_from.partition("://")[2], signed.server.host
        options = [("move", "Move", f"this history syncs with {new} from now on, no longer with {old}.")]
        return "move" if await app.push_screen_wait(Choose(f"Your server moved to {new}", options)) else None
    if len(offer.choices) == 1 or (offer.owner and not offer.unsent):
        return offer.choices[0]
    who = one_line(signed.tokens.email, 60) or "this account"
    answer = await app.push_screen_wait(Choose(history_question(offer), history_options(offer, who)))
    return next((choice for choice in offer.choices if choice == answer), None)


def history_question(offer: Offer) -> str:
    """Return the question about the history on this device."""
    count = offer.history.conversations
    what = {0: "the history", 1: "the conversation"}.get(count) or f"the {counted(count, 'conversation')}"
    return f"What to do with {what} on this device?"


def history_options(offer: Offer, who: str) -> list[tuple[str, str, str]]:
    """Return name, title and meaning of each choice."""
    if offer.history.conversations < 2:
        it, them, stays, becomes, added = "it", "it", "it stays", "it becomes", "it is added"
    else:
        it, them, stays, becomes, added = "they", "them", "they stay", "they become", "they are added"
    unchanged = f"{stays} as {it} {'is' if it == 'it' else 'are'}"
    meanings = {
        "adopt": ("Add to my account", f"{becomes} the history of {who}."),
        "merge": (
            "Add to my account",
            f"a copy of {them} is added to the history of {who}."
            if offer.owner
            else f"{added} to the history that {who} has on this device.",
        ),
        "beside": (
            "Keep separate",
            f"{unchanged if offer.owner else f'{stays} on this device only'}. {who} starts with an empty history.",
        ),
        "open": ("Keep separate", f"{unchanged}. The history that {who} has on this device is opened."),
    }
    return [(str(choice), *meanings[choice]) for choice in offer.choices if choice in meanings]


async def _ask_to_sync(app: App[Any], offer: Offer, choice: Choice, signed: SignedIn) -> bool | None:
    what = "what you write from now on is"
    if choice in ("adopt", "merge") and offer.history.conversations:
        what = "your history and what you write from now on are"
    private = " Conversations kept on this device are never sent." if offer.history.private else ""
    options = [
        ("yes", "Sync", f"{what} sent to {signed.server.host} and stored there.{private}"),
        ("no", "Not now", "you stay signed in, and nothing is sent."),
    ]
    answer = await app.push_screen_wait(Choose(f"Sync your history to {signed.server.host}?", options))
    return None if answer is None else answer == "yes"
