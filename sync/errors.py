"""What can keep somebody from being signed in. Each error's text is a sentence for a person that says what to do."""

from __future__ import annotations

from typing import Literal

SIGN_IN_AGAIN = "Sign in again: sterna login"

Reason = Literal["network", "timeout", "tls", "portal", "server", "limited"]


class SignInError(Exception):
    """Anything that sign-in, or going on with one, can meet; ``str(error)`` may be shown as it is."""


class BadAddress(SignInError):
    """What was given is no address of a server."""


class Insecure(SignInError):
    """The address is not https, and not of this computer."""


class CannotReach(SignInError):
    """No answer of the server came. Nothing is known of the sign-in, which goes on once an answer does come."""

    def __init__(self, sentence: str, reason: Reason, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.reason: Reason = reason
        self.retry_after = retry_after
        """Seconds that the server asked to wait."""


class NotASterna(SignInError):
    """Something answers there that is no Sterna server."""


class WrongPassword(SignInError):
    """Email or password are not right."""


class SignupClosed(SignInError):
    """No account can be made there, or not without an invitation."""


class Refused(SignInError):
    """The server does not take what was given, and says why."""


class AccountExists(Refused):
    """A new account was asked for with an email that has one."""


class Denied(SignInError):
    """Somebody said no in the browser."""


class CodeEnded(SignInError):
    """Nobody approved the code in time."""


class SignInNeeded(SignInError):
    """There is no sign-in, or the server has ended it. What is on this computer stays; only sending waits."""


class AccountShut(SignInNeeded):
    """Whoever runs the server has shut the account."""


class WrongAccount(SignInNeeded):
    """The sign-in is somebody else's than the history's. Nothing may be sent with it."""


class SendingOff(SignInNeeded):
    """The owner has not said yes to sending, or took it back, or config.toml means another server."""
