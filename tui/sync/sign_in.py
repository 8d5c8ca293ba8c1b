"""Signing in from the chat: who somebody is, what becomes of the history here, and the yes to sending it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Button, Input, Label

from sterna.config import ConfigError
from sterna.storage import Store, StoreError
from sterna.storage.text import clean, one_line

from ..screens.panels import Buttons, Dialog, Field, Panel, sentence

if TYPE_CHECKING:
    from sterna.sync.auth.accounts import Accounts, Choice, Offer, SignedIn
    from sterna.sync.auth.gotrue import SignInServer, Tokens

    from ..app import SternaApp


class SignIn(Dialog["SignedIn | None"]):
    """Returns who has shown who they are; nothing on this computer has changed then."""

    BINDINGS = [Binding("escape", "leave", "Cancel")]

    _creating = ""
    """Server and email of the account that is being made."""

    answer = query_one("#answer", Label)
    _invited = query_one("#invitation", Field)

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self._accounts = accounts

    def compose(self) -> ComposeResult:
        """Three fields, three ways; one field more where an invitation is needed."""
        with Panel("Sign in", keys="enter next   esc cancel"):
            address = self._accounts.settings().server or ""
            yield Field("Server", address, placeholder="https://chat.example.org", id="address")
            yield Field("Email", placeholder="leave blank to sign in with a browser", id="email")
            yield Field("Password", password=True, id="password")
            yield Field("Invitation", placeholder="from the server administrator", id="invitation")
            yield sentence("", id="answer", classes="answer")
            yield Buttons(("back", "Cancel"), ("create", "Create account"), ("enter", "Sign in", "primary"))

    def on_mount(self) -> None:
        """The field is for who turns out to need it."""
        self._invited.display = False

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, and from the last one in."""
        if event.input.id == "invitation":
            self._enter(create=True)
        elif event.input.id == "password" or (event.input.id == "email" and not event.value.strip()):
            self._enter(create=False)
        else:
            self.focus_next()

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """One of the ways."""
        if event.button.id == "back":
            self.action_leave()
        else:
            self._enter(create=event.button.id == "create")

    def action_leave(self) -> None:
        """Cancel. A request for a new account may have reached the server already."""
        if self._creating:
            self.app.notify(f"{clean(self._creating)}: the account may have been created. Sign in to find out.")
        self.dismiss(None)

    @work(group="sign_in", exclusive=True)
    async def _enter(self, *, create: bool) -> None:
        from sterna.sync.auth.accounts import SignedIn
        from sterna.sync.errors import SignInError, SignupClosed

        address, email, password, invitation = (
            self.query_one(f"#{name}", Input).value for name in ("address", "email", "password", "invitation")
        )
        self._say("One moment …")
        try:
            server, kind, signer = self._accounts.sign_in_server(address)
            tokens: Tokens
            if create:
                self._creating = f"{email.strip()} at {server.host}"
                tokens = await signer.create(email.strip(), password, invitation.strip())
            elif email.strip():
                tokens = await signer.password(email.strip(), password)
            else:
                tokens = await self._by_browser(signer)
        except SignupClosed as error:
            self._say(str(error), good=False)
            self._invited.display = True
            self._invited.focus()
            return
        except SignInError as error:
            self._say(str(error), good=False)
            return
        finally:
            self._creating = ""
        self.dismiss(SignedIn(server, kind, tokens, created=create))

    async def _by_browser(self, signer: SignInServer) -> Tokens:
        from sterna.sync.auth.device_grant import wait_for_approval

        code = await signer.device_code()
        end = monotonic() + code.seconds

        def count_down() -> None:
            left = timedelta(seconds=max(0, round(end - monotonic())))
            page = f"Open {code.page} in a browser, here or elsewhere, and enter {code.user}"
            self._say(f"{page} (good for {str(left).removeprefix('0:')})")

        count_down()
        counting = self.set_interval(1, count_down)
        try:
            return await wait_for_approval(signer, code)
        finally:
            counting.stop()

    def _say(self, told: str, *, good: bool = True) -> None:
        self.answer.display = True
        self.answer.update(Content.styled(clean(told, newlines=False), "$foreground" if good else "$error"))
        self.call_after_refresh(self.answer.scroll_visible, animate=False)


class Choose(Dialog[str | None]):
    """One of a few, each with a sentence that says what it means. Returns its word."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, question: str, ways: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self._question, self._ways = question, ways

    def compose(self) -> ComposeResult:
        """The question, the sentences, the buttons."""
        with Panel(self._question, keys="tab choose   esc cancel"):
            for _, name, meaning in self._ways:
                yield sentence(f"{name}: {meaning}")
            yield Buttons(
                *((word, name, "default" if n else "primary") for n, (word, name, _) in enumerate(self._ways))
            )

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return what was pressed."""
        self.dismiss(event.button.id)


async def settle(app: SternaApp, accounts: Accounts, signed: SignedIn) -> str:
    """Ask what is to become of the history and whether it may be sent, and do so; gives a sentence."""
    try:
        offer = await asyncio.to_thread(accounts.offer, signed)
        choice = await _choice(app, offer, signed)
        if choice is None:
            return await accounts.discard(signed)
        sending = accounts.current().sending if choice == "move" else await _may_send(app, offer, choice, signed)
        if sending is None:
            return await accounts.discard(signed)
        await app.link.end()
        await app.analytics.pause()
        account = await accounts.settle(signed, choice, sending=sending)
    except (StoreError, ConfigError) as error:
        await app.analytics.resume(app.store)
        return str(error)
    if account.file != await app.store.run(_file):
        await app.analytics.resume(app.store)
        app.again = True  # with that account's history
        app.spawn(app.leave(0), "app.again")
        return ""
    await app.begin_link()
    await app.analytics.resume(app.store)
    return f"Signed in as {account.name}." + (
        "" if sending else " Nothing is sent until you turn sync on: sterna sync on."
    )


async def sign_out(app: SternaApp, accounts: Accounts) -> str:
    """Forget the sign-in; the history stays. Gives a sentence."""
    await app.link.end()
    await app.analytics.pause()
    try:
        account = await asyncio.to_thread(accounts.agreed, await app.store.run(Store.owner))
        told = await accounts.sign_out(account)
    except ConfigError as error:
        return str(error)
    finally:
        await app.begin_link()
        await app.analytics.resume(app.store)
    return "Signed out. Your history stays here." + ("" if told else " The server could not be told.")


def _file(store: Store) -> Path:
    return store.path


async def _choice(app: SternaApp, offer: Offer, signed: SignedIn) -> Choice | None:
    if offer.choices == ("move",):
        old, new = offer.moved_from.partition("://")[2], signed.server.host
        ways = [("move", "Move", f"this history syncs with {new} from now on, and no longer with {old}.")]
        return "move" if await app.push_screen_wait(Choose(f"Your server is at {new} now", ways)) else None
    if len(offer.choices) == 1 or (offer.owner and not offer.unsent):
        return offer.choices[0]
    many = offer.history.conversations
    here = "the conversation" if many == 1 else f"the {many:,} conversations"
    who = one_line(signed.tokens.email, 60) or "this account"
    means = {
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
    ways = [(str(one), *means[one]) for one in offer.choices if one in means]
    answer = await app.push_screen_wait(Choose(f"What to do with {here} on this computer?", ways))
    return next((one for one in offer.choices if one == answer), None)


async def _may_send(app: SternaApp, offer: Offer, choice: Choice, signed: SignedIn) -> bool | None:
    what = "what you write from now on is"
    if choice in ("adopt", "merge") and offer.history.conversations:
        what = "your history, and what you write from now on, are"
    private = " Conversations kept on this computer are never sent." if offer.history.private else ""
    ways = [
        ("yes", "Sync", f"{what} sent to {signed.server.host} and kept there.{private}"),
        ("no", "Not now", "you are signed in, and nothing is sent."),
    ]
    answer = await app.push_screen_wait(Choose(f"Sync your history to {signed.server.host}?", ways))
    return None if answer is None else answer == "yes"
