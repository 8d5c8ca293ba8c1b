"""Errors of signing in and staying signed in. The text of each is a sentence for the user, with advice."""

from __future__ import annotations

from typing import Literal

SIGN_IN_AGAIN = "Sign in again: sterna login"
INVALID_RESPONSE = "Unexpected answer from the server. Contact its administrator."

Reason = Literal["network", "timeout", "tls", "portal", "server", "limited"]


class SignInError(Exception):
    """Failure of a sign-in, or of a request that needs one. ``str(error)`` is safe to show."""


class BadAddress(SignInError):
    """Text that is no valid address of a server."""


class InsecureAddress(SignInError):
    """Address that is neither https nor on this computer."""


class CannotReach(SignInError):
    """No response from the server. The sign-in itself stays valid."""

    def __init__(self, sentence: str, reason: Reason, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.reason: Reason = reason
        self.retry_after = retry_after
        """Wait in seconds that the server asked for."""


class NotASternaServer(SignInError):
    """Response of something other than a Sterna server."""


class WrongPassword(SignInError):
    """Wrong email or password."""


class SignupClosed(SignInError):
    """Server without open sign-up, or with sign-up by invitation only."""


class Refused(SignInError):
    """Request that the server rejected with a reason."""


class AccountExists(Refused):
    """Sign-up with an email that already has an account."""


class SignInDenied(SignInError):
    """Sign-in denied in the browser."""


class CodeExpired(SignInError):
    """Device code that expired before it was approved."""


class SignInNeeded(SignInError):
    """Missing or expired sign-in. The local history stays usable; only sync waits."""


class AccountDisabled(SignInNeeded):
    """Account that the server's administrator has disabled."""


class WrongAccount(SignInNeeded):
    """Sign-in of another account than the history's. Nothing may be sent with it."""


class SyncDisabled(SignInNeeded):
    """Sync not agreed to, turned off, or configured for another server."""
