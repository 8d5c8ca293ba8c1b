"""The system's keyring, if it has a secure one.

A session bus that hangs must not hang the chat, so every call runs in a thread of its own with a timeout. Back ends
that store nothing (``fail``, ``null``) or store plain text in an unexpected file count as no keyring.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

DETECTION_TIMEOUT = 3.0
"""Seconds to detect the keyring: a broken session bus hangs here."""
CALL_TIMEOUT = 20.0
"""Seconds for one call: the user may have to unlock the keyring."""

INSECURE = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.file")


class SystemKeyring(NamedTuple):
    """Keys of one service in a back end of the package ``keyring``."""

    backend: KeyringBackend
    service: str
    timeout: float = CALL_TIMEOUT

    def get(self, name: str) -> str | None:
        """Return the key, or ``None``. Raises ``OSError`` when the keyring fails or does not answer in time."""
        return self._call(partial(self.backend.get_password, self.service, name))

    def put(self, name: str, key: str) -> None:
        """Save the key. Raises ``OSError``."""
        self._call(partial(self.backend.set_password, self.service, name, key))

    def delete(self, name: str) -> bool:
        """Delete the key, and return whether there was one. Raises ``OSError``."""
        if self.get(name) is None:
            return False
        self._call(partial(self.backend.delete_password, self.service, name))
        return True

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call_with_timeout(self.timeout, call)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - back ends raise what their system raises; its text may hold the key
            raise OSError(f"it failed with {type(error).__name__}") from None


class _Outcome(Generic[T]):
    value: T
    error: Exception | None = None


def call_with_timeout(seconds: float, call: Callable[[], T]) -> T:
    """Return the result of ``call``, or raise its error; after ``seconds`` raise ``TimeoutError`` and abandon it."""
    outcome: _Outcome[T] = _Outcome()

    def run() -> None:
        try:
            outcome.value = call()
        except Exception as error:  # noqa: BLE001 - handed over to the caller's thread
            outcome.error = error

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError("it did not answer")
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def is_secure(backend: KeyringBackend) -> bool:
    """Return whether the back end stores keys, and stores them encrypted."""
    chained = getattr(backend, "backends", ())  # a chain is as good as its worst link
    return not type(backend).__module__.startswith(INSECURE) and all(map(is_secure, chained))


@lru_cache(maxsize=1)
def _detect() -> KeyringBackend | None:
    """Return the system's back end, detected once per process: a bus that hung would hang again."""

    def load() -> KeyringBackend:
        import keyring

        return keyring.get_keyring()

    try:
        backend = call_with_timeout(DETECTION_TIMEOUT, load)
    except Exception:  # noqa: BLE001 - whatever fails in its discovery, there is no keyring to use
        return None
    return backend if is_secure(backend) else None


def may_exist(environ: Mapping[str, str]) -> bool:
    """Return whether this system may have a keyring, without loading anything.

    On Linux a keyring is reached through the session bus, unless a back end was configured.
    """
    if sys.platform == "darwin" or environ.get("DBUS_SESSION_BUS_ADDRESS") or environ.get("PYTHON_KEYRING_BACKEND"):
        return True
    return Path(f"/run/user/{os.getuid()}/bus").exists() or (_config_root(environ) / "keyringrc.cfg").exists()


def _config_root(environ: Mapping[str, str]) -> Path:
    """Return the folder in which the package ``keyring`` looks for its own settings on Linux."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "python_keyring"


def open_keyring(service: str) -> SystemKeyring | None:
    """Return the system's keyring, or ``None`` when there is no secure one."""
    backend = _detect()
    return SystemKeyring(backend, service) if backend is not None else None
