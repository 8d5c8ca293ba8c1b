"""The system's keyring, once it has proved to be a real one.

A session bus that hangs must not hang the chat, so every call runs in a thread of its own with a limit. Back ends that
keep nothing (``fail``, ``null``) or keep plain text in a place nobody expects count as no keyring.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

DETECTION = 3.0
"""Seconds to find the keyring: this is where a hanging bus hangs."""
PATIENCE = 20.0
"""Seconds for one call: a person may be asked to unlock it."""

UNFIT = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.file")


@dataclass(frozen=True, slots=True)
class SystemRing:
    """The keys of one service in a back end of the package ``keyring``."""

    backend: KeyringBackend
    service: str
    patience: float = PATIENCE

    def get(self, name: str) -> str | None:
        """The key, or ``None``. Raises ``OSError`` when the keyring does not give it in time or at all."""
        return self._do(partial(self.backend.get_password, self.service, name))

    def put(self, name: str, key: str) -> None:
        """Keep the key. Raises ``OSError``."""
        self._do(partial(self.backend.set_password, self.service, name, key))

    def delete(self, name: str) -> bool:
        """Whether there was one. Raises ``OSError``."""
        if self.get(name) is None:
            return False
        self._do(partial(self.backend.delete_password, self.service, name))
        return True

    def _do(self, call: Callable[[], T]) -> T:
        try:
            return within(self.patience, call)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - back ends raise what their system raises; its text may hold the key
            raise OSError(f"it failed with {type(error).__name__}") from None


class _Answer(Generic[T]):
    value: T
    error: Exception | None = None


def within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` gives or raises; ``TimeoutError`` when it is not back in time (its thread is then left behind)."""
    answer: _Answer[T] = _Answer()

    def run() -> None:
        try:
            answer.value = call()
        except Exception as error:  # noqa: BLE001 - handed over to the caller's thread
            answer.error = error

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError("it did not answer")
    if answer.error is not None:
        raise answer.error
    return answer.value


def fit(backend: KeyringBackend) -> bool:
    """Whether keys are safe there and stay there."""
    chained = getattr(backend, "backends", ())  # a chain is as good as its worst link
    return not type(backend).__module__.startswith(UNFIT) and all(fit(one) for one in chained)


@lru_cache(maxsize=1)
def _found() -> KeyringBackend | None:
    """The system's back end, looked for once: a bus that hung would hang again."""

    def look() -> KeyringBackend:
        import keyring

        return keyring.get_keyring()

    try:
        backend = within(DETECTION, look)
    except Exception:  # noqa: BLE001 - whatever its discovery trips over, there is no keyring to use
        return None
    return backend if fit(backend) else None


def likely(environ: Mapping[str, str]) -> bool:
    """Tell whether this system may have a keyring, without loading anything.

    On Linux a keyring is reached through the session bus, unless a back end was chosen by hand.
    """
    if sys.platform == "darwin" or environ.get("DBUS_SESSION_BUS_ADDRESS") or environ.get("PYTHON_KEYRING_BACKEND"):
        return True
    return Path(f"/run/user/{os.getuid()}/bus").exists() or (_config_root(environ) / "keyringrc.cfg").exists()


def _config_root(environ: Mapping[str, str]) -> Path:
    """Return the folder in which the package ``keyring`` looks for its own settings on Linux."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "python_keyring"


def system(service: str) -> SystemRing | None:
    """The system's keyring, or ``None`` when there is none to trust."""
    backend = _found()
    return SystemRing(backend, service) if backend is not None else None
