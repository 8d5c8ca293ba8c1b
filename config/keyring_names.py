"""Index of the names under which the system's keyring holds keys.

A query to a keyring takes longer than the rest of a command. The index tells which names are worth a query; a name that
is not in it yet is queried once. It contains names only, never keys.
"""

from __future__ import annotations

import json
from pathlib import Path

from .files import locked, write_private

NAMES_FILE = "keyring-names.json"


class KeyringNames:
    """Index of one configuration folder. An index that cannot be read or written costs time, never a key."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAMES_FILE

    def is_held(self, name: str) -> bool | None:
        """Return whether the keyring holds a key of this name; None when that is not known."""
        return self._read().get(name)

    def record(self, name: str, *, held: bool) -> None:
        """Record whether the keyring holds a key of this name."""
        if self.is_held(name) is held:
            return
        try:
            with locked(self._path.parent):
                write_private(self._path, json.dumps(self._read() | {name: held}, indent=1) + "\n")
        except OSError:
            return  # the keyring is queried again next time

    def _read(self) -> dict[str, bool]:
        try:
            names = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return {name: held for name, held in names.items() if held in (True, False)} if isinstance(names, dict) else {}
