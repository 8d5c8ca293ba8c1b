"""Names of the keys that the system's keyring holds.

Asking a keyring takes longer than the rest of a command. This note says which names it is worth asking for; a name that
the note does not have yet is asked for once. It holds names only, never keys.
"""

from __future__ import annotations

import json
from pathlib import Path

from .files import alone, write_private

NAMES_FILE = "keyring-names.json"


class KeyringNames:
    """The note of one configuration folder. A note that cannot be read or written costs time, never a key."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAMES_FILE

    def held(self, name: str) -> bool | None:
        """Return whether the keyring holds a key of this name; None when that is not known."""
        return self._read().get(name)

    def note(self, name: str, *, held: bool) -> None:
        """Remember whether the keyring holds a key of this name."""
        if self.held(name) is held:
            return
        try:
            with alone(self._path.parent):
                write_private(self._path, json.dumps(self._read() | {name: held}, indent=1) + "\n")
        except OSError:
            return  # it is asked again next time

    def _read(self) -> dict[str, bool]:
        try:
            noted = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return {name: held for name, held in noted.items() if held in (True, False)} if isinstance(noted, dict) else {}
