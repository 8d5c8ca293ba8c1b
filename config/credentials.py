"""Keys of endpoints and sign-ins of accounts: in the system's keyring, else in a file that only its owner reads.

The file is looked at first: a name is in it only when the keyring could not take the key, or lost it since.
A key is never logged, never part of a message and never part of a ``repr``.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from .errors import ConfigError
from .files import Turn, alone, write_private
from .keyring_names import KeyringNames
from .paths import CREDENTIALS_FILE, config_dir
from .settings import EndpointSettings

Source = Literal["keyring", "file"]


class Ring(Protocol):
    """A keyring that has proved to be there. ``OSError`` says that it did not do it, or not in time."""

    def get(self, name: str) -> str | None: ...
    def put(self, name: str, key: str) -> None: ...
    def delete(self, name: str) -> bool: ...


class Credentials:
    """The keys kept for one configuration folder.

    A sign-in is kept as a key is, under a name that no endpoint can have; its text is JSON on one line.
    """

    def __init__(
        self, folder: Path, ring: Callable[[], Ring | None], likely: Callable[[], bool] = lambda: True
    ) -> None:
        self._path = folder / CREDENTIALS_FILE
        self._ring = ring
        self._likely = likely
        self._in_ring = KeyringNames(folder)

    def turn(self, name: str) -> Turn:
        """The right of one process at a time to read what is kept under ``name``, change it elsewhere and keep that."""
        return Turn(self._path.with_name(f".{name}.lock"))

    def get(self, name: str) -> str | None:
        """The key, or ``None``. Raises :class:`ConfigError` when the file is there and cannot be read."""
        return self._read().get(name) or self._from_ring(name)

    def source(self, name: str) -> Source | None:
        """Where the key is kept."""
        if self._read().get(name):
            return "file"
        return "keyring" if self._ask_ring(name) else None

    def put(self, name: str, key: str) -> Source:
        """Keep ``key``; says where. Raises :class:`ConfigError` when nowhere."""
        key = key.strip()
        if not key or not key.isascii() or not key.isprintable():
            raise ConfigError("This is no key: it is empty or has characters that keys do not have. Copy it again.")
        ring = self._ring()
        if ring is not None:
            try:
                ring.put(name, key)
                kept = ring.get(name) == key
            except OSError:
                kept = False
            if kept:
                self._in_ring.note(name, held=True)
                self._change(name, None)
                return "keyring"
        self._change(name, key)
        return "file"

    def delete(self, name: str) -> list[Source]:
        """Forget the key; says where it was."""
        found: list[Source] = ["file"] if self._change(name, None) else []
        ring = self._ring()
        if ring is not None:
            try:
                if ring.delete(name):
                    found.append("keyring")
            except OSError as error:
                raise ConfigError(
                    f"The system's keyring still has the key of {name}: {error}. Delete it there."
                ) from None
            self._in_ring.note(name, held=False)
        return found

    def _from_ring(self, name: str) -> str | None:
        """Return the keyring's key of ``name``, without asking where there is surely none."""
        held = self._in_ring.held(name)
        asks = self._likely() if held is None else held
        return self._ask_ring(name) if asks else None

    def _ask_ring(self, name: str) -> str | None:
        ring = self._ring()
        if ring is None:
            return None
        try:
            key = ring.get(name)
        except OSError:
            return None  # locked or gone: the same as no key, and the sentence of a 401 says where to put one
        self._in_ring.note(name, held=key is not None)
        return key

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read ({error.strerror or type(error).__name__}).") from None
        except (ValueError, RecursionError):
            raise ConfigError(f"{self._path} is damaged. Delete it and save the keys again.") from None
        if not isinstance(kept, dict):
            raise ConfigError(f"{self._path} is damaged. Delete it and save the keys again.")
        return {name: key for name, key in kept.items() if isinstance(key, str)}

    def _change(self, name: str, key: str | None) -> bool:
        """Whether the file had the name; writes only when something changes."""
        if key is None and not self._path.exists():
            return False
        try:
            with alone(self._path.parent):
                kept = self._read()
                had = name in kept
                if key is not None:
                    kept[name] = key
                elif had:
                    del kept[name]
                else:
                    return False
                write_private(self._path, json.dumps(kept, indent=1) + "\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigError(f"{self._path} cannot be written ({reason}). The change is not kept.") from None
        return had


def here(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """The keys that belong to ``folder``, else to the usual one. Another folder has other keys in the keyring too."""
    from . import system_keyring

    place = config_dir(folder, environ)
    usual = folder is None and not environ.get("STERNA_CONFIG_DIR", "").strip()
    service = "sterna" if usual else f"sterna:{place.resolve()}"
    return Credentials(place, lambda: system_keyring.system(service), partial(system_keyring.likely, environ))


def get(name: str) -> str | None:
    """The key of ``name`` (an endpoint), or ``None``."""
    return here().get(name)


def put(name: str, key: str) -> Source:
    """Keep the key of ``name``; says where it is kept."""
    return here().put(name, key)


def delete(name: str) -> list[Source]:
    """Forget the key of ``name``; says where it was kept."""
    return here().delete(name)


def key_of(
    endpoint: EndpointSettings,
    environ: Mapping[str, str] = os.environ,
    *,
    folder: Path | None = None,
    limit: float = 30,
) -> str | None:
    """An endpoint's key: of its variable, else of its command (``limit`` seconds), else as kept under its name.

    Raises :class:`ConfigError` when the command fails. May take a while: not for the event loop.
    """
    if endpoint.key_env and environ.get(endpoint.key_env, "").strip():
        return environ[endpoint.key_env].strip()
    if endpoint.key_command:
        advice = f"Check key_command of [endpoints.{endpoint.name}] in config.toml."
        return printed(endpoint.key_command, f"the key of {endpoint.name}", advice, limit)
    return here(folder, environ).get(endpoint.name)


def printed(command: str, what: str, advice: str, limit: float = 30) -> str:
    """The first line that ``command`` prints. No shell is involved, and its words are not repeated: they may hold a
    secret. Raises :class:`ConfigError`."""
    try:
        words = shlex.split(command)
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"The command for {what} took more than {limit:g} s. {advice}") from None
    except (OSError, ValueError, IndexError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not a command"
        raise ConfigError(f"The command for {what} cannot be run ({reason}). {advice}") from None
    text = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0 or not text:
        raise ConfigError(f"The command for {what} gave none (status {done.returncode}). {advice}")
    return text.splitlines()[0].strip()
