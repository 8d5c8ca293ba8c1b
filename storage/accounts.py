"""Which accounts this machine holds: ``accounts.json``, names and files, no secrets (decision 7)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from . import ids
from .errors import StoreCorrupt, StoreReadOnly

REGISTRY = "accounts.json"


def open_account(data_dir: Path, *, token: ids.Token = ids.base36) -> Path:
    """The file of the current account. The first start registers a local account, whose file gets a random name.

    Two processes that start at once agree on one account: the registry gets its final name once, or not at all.
    """
    registry = data_dir / REGISTRY
    try:
        if not registry.exists():
            _first(registry, token)
        return data_dir / _current(registry)
    except OSError as error:
        raise StoreReadOnly(
            f"{registry} cannot be made or read ({error.strerror}). Give your user the right to write {data_dir}."
        ) from error


def _first(registry: Path, token: ids.Token) -> None:
    name = f"{token(ids.RANDOM_LENGTH)}.db"
    content = {"version": 1, "current": name, "accounts": [{"file": name, "name": "This computer", "origin": None}]}
    draft = registry.with_name(f".{REGISTRY}.{token(ids.RANDOM_LENGTH)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, registry)  # unlike a rename, refuses when another process was first
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        _claim(draft, registry)
    finally:
        draft.unlink(missing_ok=True)


def _claim(draft: Path, registry: Path) -> None:
    from filelock import FileLock

    with FileLock(f"{registry}.lock", mode=0o600):
        if not registry.exists():
            draft.replace(registry)


def _current(registry: Path) -> str:
    damaged = StoreCorrupt(
        f"{registry} is damaged. The conversations are in the .db files beside it: move {REGISTRY} away and write one "
        'that names the file, {"version": 1, "current": "<name>.db", "accounts": [{"file": "<name>.db"}]}.'
    )
    try:
        content: Any = json.loads(registry.read_text("utf-8"))
        name = content["current"]
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    if not isinstance(name, str) or not name.endswith(".db") or Path(name).name != name:
        raise damaged
    return name
