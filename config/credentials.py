"""API keys of endpoints and sign-ins of accounts: in the system's keyring, else in a file that only its owner can read.

The file takes precedence: a name is in it only when the keyring could not store the key, or has lost it since.
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
from .files import ProcessLock, locked, write_private
from .keyring_names import KeyringNames
from .paths import CREDENTIALS_FILE, config_dir
from .settings import EndpointSettings

Source = Literal["keyring", "file"]


class Keyring(Protocol):
    """Keyring that has been detected. Each method raises ``OSError`` when it fails or does not answer in time."""

    def get(self, name: str) -> str | None: ...
    def put(self, name: str, key: str) -> None: ...
    def delete(self, name: str) -> bool: ...


class Credentials:
    """Keys and sign-ins of one configuration folder.

    A sign-in is stored like a key, as JSON on one line, under a name that no endpoint can have.
    """

    def __init__(
        self,
        folder: Path,
        open_keyring: Callable[[], Keyring | None],
        may_have_keyring: Callable[[], bool] = lambda: True,
    ) -> None:
        self._path = folder / CREDENTIALS_FILE
        self._open_keyring = open_keyring
        self._may_have_keyring = may_have_keyring
        self._keyring_names = KeyringNames(folder)

    def lock(self, name: str) -> ProcessLock:
        """Return the lock under which one process at a time reads ``name``, renews it at its issuer and stores it."""
        return ProcessLock(self._path.with_name(f".{name}.lock"))

    def get(self, name: str) -> str | None:
        """Return the key, or ``None``. Raises :class:`ConfigError` when the file exists and cannot be read."""
        return self._read().get(name) or self._from_keyring(name)

    def source(self, name: str) -> Source | None:
        """Return where the key is stored, or ``None``."""
        if self._read().get(name):
            return "file"
        return "keyring" if self._query_keyring(name) else None

    def put(self, name: str, key: str) -> Source:
        """Store ``key``, and return where. Raises :class:`ConfigError` when it cannot be stored."""
        key = key.strip()
        if not key or not key.isascii() or not key.isprintable():
            raise ConfigError(
                "This is not a valid key: it is empty or has characters that keys do not have. Copy it again."
            )
        keyring = self._open_keyring()
        if keyring is not None:
            try:
                keyring.put(name, key)
                stored = keyring.get(name) == key
            except OSError:
                stored = False
            if stored:
                self._keyring_names.record(name, held=True)
                self._change(name, None)
                return "keyring"
        self._change(name, key)
        return "file"

    def delete(self, name: str) -> list[Source]:
        """Delete the key, and return where it was stored."""
        sources: list[Source] = ["file"] if self._change(name, None) else []
        keyring = self._open_keyring()
        if keyring is not None:
            try:
                if keyring.delete(name):
                    sources.append("keyring")
            except OSError as error:
                raise ConfigError(
                    f"The system's keyring still has the key of {name}: {error}. Delete it there."
                ) from None
            self._keyring_names.record(name, held=False)
        return sources

    def _from_keyring(self, name: str) -> str | None:
        """Return the keyring's key of ``name``, without a query where it is known to have none."""
        held = self._keyring_names.is_held(name)
        query = self._may_have_keyring() if held is None else held
        return self._query_keyring(name) if query else None

    def _query_keyring(self, name: str) -> str | None:
        keyring = self._open_keyring()
        if keyring is None:
            return None
        try:
            key = keyring.get(name)
        except OSError:
            return None  # locked or gone: the same as no key, and the sentence for a 401 says where to put one
        self._keyring_names.record(name, held=key is not None)
        return key

    def _read(self) -> dict[str, str]:
        try:
            stored = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read ({error.strerror or type(error).__name__}).") from None
        except (ValueError, RecursionError):
            raise ConfigError(f"{self._path} is damaged. Delete it and save the keys again.") from None
        if not isinstance(stored, dict):
            raise ConfigError(f"{self._path} is damaged. Delete it and save the keys again.")
        return {name: key for name, key in stored.items() if isinstance(key, str)}

    def _change(self, name: str, key: str | None) -> bool:
        """Set or delete a key in the file, and return whether the file had one; nothing is written without a change."""
        if key is None and not self._path.exists():
            return False
        try:
            with locked(self._path.parent):
                stored = self._read()
                had_key = name in stored
                if key is not None:
                    stored[name] = key
                elif had_key:
                    del stored[name]
                else:
                    return False
                write_private(self._path, json.dumps(stored, indent=1) + "\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConfigError(f"{self._path} cannot be written ({reason}). The change was not saved.") from None
        return had_key


def open_credentials(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Return the credentials of ``folder``, else of the default one; each has its own keys in the keyring too."""
    from . import system_keyring

    resolved = config_dir(folder, environ)
    is_default = folder is None and not environ.get("STERNA_CONFIG_DIR", "").strip()
    service = "sterna" if is_default else f"sterna:{resolved.resolve()}"
    return Credentials(
        resolved, lambda: system_keyring.open_keyring(service), partial(system_keyring.may_exist, environ)
    )


def get(name: str) -> str | None:
    """Return the key of ``name`` (an endpoint), or ``None``."""
    return open_credentials().get(name)


def put(name: str, key: str) -> Source:
    """Store the key of ``name``, and return where."""
    return open_credentials().put(name, key)


def delete(name: str) -> list[Source]:
    """Delete the key of ``name``, and return where it was stored."""
    return open_credentials().delete(name)


def endpoint_key(
    endpoint: EndpointSettings,
    environ: Mapping[str, str] = os.environ,
    *,
    folder: Path | None = None,
    timeout: float = 30,
) -> str | None:
    """Return an endpoint's key: from its variable, else from its command, else as stored under its name.

    Raises :class:`ConfigError` when the command fails, or takes longer than ``timeout`` seconds. It blocks, so call it
    outside the event loop.
    """
    if endpoint.key_env and environ.get(endpoint.key_env, "").strip():
        return environ[endpoint.key_env].strip()
    if endpoint.key_command:
        advice = f"Check key_command of [endpoints.{endpoint.name}] in config.toml."
        return command_output(endpoint.key_command, f"the key of {endpoint.name}", advice, timeout)
    return open_credentials(folder, environ).get(endpoint.name)


def command_output(command: str, purpose: str, advice: str, timeout: float = 30) -> str:
    """Return the first line that ``command`` prints; it is run without a shell.

    Raises :class:`ConfigError`, without the words of the command: they may contain a secret.
    """
    try:
        words = shlex.split(command)
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"The command for {purpose} took longer than {timeout:g} s. {advice}") from None
    except (OSError, ValueError, IndexError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not a command"
        raise ConfigError(f"The command for {purpose} cannot be run ({reason}). {advice}") from None
    text = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0 or not text:
        raise ConfigError(f"The command for {purpose} printed none (exit code {done.returncode}). {advice}")
    return text.splitlines()[0].strip()
