"""Dialogs for signing in: email and password, or a code for the browser, and questions with a few answers."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Button, Input, Label

from sterna.storage.text import clean
from sterna.sync.auth.accounts import Accounts, SignedIn

from ..dialogs.panels import Buttons, Dialog, Field, Panel, sentence

if TYPE_CHECKING:
    from sterna.sync.auth.gotrue import SignInServer, Tokens


class SignIn(Dialog[SignedIn | None]):
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
        from sterna.sync.errors import SignInError, SignupClosed

        address, email, password, invitation = (
            self.query_one(f"#{name}", Input).value for name in ("address", "email", "password", "invitation")
        )
        self._say("Signing in…")
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
            page = f"Open {code.page} in a browser on any device and enter {code.user}"
            self._say(f"{page} (valid for {str(left).removeprefix('0:')})")

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
