"""Arguments that are read before any command is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_OPTIONS = ("--data-dir", "--config-dir")
COMPLETION_VARIABLE = "_STERNA_COMPLETE"
"""Environment variable by which a shell requests completions."""


def only_folders(arguments: Sequence[str]) -> dict[str, Path] | None:
    """Return the folders by option if there are no other arguments, else None."""
    from pathlib import Path

    folders: dict[str, Path] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        value = value if equals else next(rest, "")
        if name not in FOLDER_OPTIONS or not value or value.startswith("-"):
            return None
        folders[name] = Path(value)
    return folders
