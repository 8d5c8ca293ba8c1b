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
    """Returns the account that was signed in to; nothing on this device has changed yet."""

    BINDINGS = [Binding("escape", "leave", "Cancel")]

    _creating = ""
    """Email and server of the account that is being created."""

    answer = query_one("#answer", Label)
    _invitation = query_one("#invitation", Field)

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self._accounts = accounts

    def compose(self) -> ComposeResult:
        """Compose the fields and buttons."""
        with Panel("Sign in", keys="enter next   esc cancel"):
            address = self._accounts.settings().server or ""
            yield Field("Server", address, placeholder="https://chat.example.org", id="address")
            yield Field("Email", placeholder="blank = sign in by browser", id="email")
            yield Field("Password", password=True, id="password")
            yield Field("Invitation", placeholder="from the server administrator", id="invitation")
            yield sentence("", id="answer", classes="answer")
            yield Buttons(("back", "Cancel"), ("create", "Create account"), ("enter", "Sign in", "primary"))

    def on_mount(self) -> None:
        """Hide the field for the invitation until the server requires one."""
        self._invitation.display = False

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Go on to the next field, or sign in from the last one."""
        if event.input.id == "invitation":
            self._enter(create=True)
        elif event.input.id == "password" or (event.input.id == "email" and not event.value.strip()):
            self._enter(create=False)
        else:
            self.focus_next()

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Sign in, create an account, or cancel."""
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
            self._invitation.display = True
            self._invitation.focus()
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

    def _say(self, text: str, *, good: bool = True) -> None:
        self.answer.display = True
        self.answer.update(Content.styled(clean(text, newlines=False), "$foreground" if good else "$error"))
        self.call_after_refresh(self.answer.scroll_visible, animate=False)


class Choose(Dialog[str | None]):
    """Question with a few options, each with a sentence about what it means. Returns the name of an option."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, question: str, options: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self._question, self._options = question, options

    def compose(self) -> ComposeResult:
        """Compose the question, the sentences and the buttons."""
        with Panel(self._question, keys="tab choose   esc cancel"):
            for _, title, meaning in self._options:
                yield sentence(f"{title}: {meaning}")
            yield Buttons(
                *(
                    (name, title, "default" if index else "primary")
                    for index, (name, title, _) in enumerate(self._options)
                )
            )

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the option that was chosen."""
        self.dismiss(event.button.id)
