"""Accounts of this device: ``accounts.json``, with names, files and server origins, and no secrets.

The list says which file is current and finds the file of an account. Whose a file is, the file itself says
(``sync_account``); where a crash came between the two, the list is what gets corrected. See
docs/specification/schema.md#local-account.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .. import ids
from ..database.sqlite_errors import unwritable
from ..errors import NotFound, StoreCorrupt, StoreTooNew

REGISTRY = "accounts.json"
VERSION = 1
OPENED = "opened"
"""Of an entry: a history was opened in its file. If that is missing or empty later, it was lost."""
LOCAL = "This device"
"""Name of an account that no server knows."""


class AccountEntry(NamedTuple):
    """One account of the list."""

    file: str
    """The name of its file, in the folder of the list."""
    name: str = LOCAL
    """Name of the account: the email, once it is signed in."""
    origin: str = ""
    """The server it belongs to; empty for a local one."""
    user_id: str = ""
    kind: str = ""
    """``sterna`` or ``upstream``."""
    sending: bool = False
    """True once its owner allowed sending."""
    server_id: str = ""
    """The server's own id, by which it is known at another address; empty where it has none."""

    @property
    def local(self) -> bool:
        """Return whether no server knows the account."""
        return not self.origin


def listed(data_dir: Path) -> list[AccountEntry]:
    """Return every account, in the order in which they were added."""
    open_account(data_dir)
    return [_entry(item) for item in _content(data_dir / REGISTRY)["accounts"]]


def current(data_dir: Path) -> AccountEntry:
    """Return the account whose history is shown."""
    name = open_account(data_dir).name
    return next((item for item in listed(data_dir) if item.file == name), AccountEntry(name))


def keep(data_dir: Path, account: AccountEntry, *, make_current: bool = False) -> None:
    """Note an account, new or known by its file, and make it the current one if wanted, in one step."""

    def change(content: dict[str, Any]) -> None:
        result: dict[str, Any] = {"file": account.file, "name": account.name, "origin": account.origin or None}
        result |= {"user_id": account.user_id or None, "kind": account.kind or None, "sending": account.sending}
        result |= {"server_id": account.server_id} if account.server_id else {}
        known = next((item for item in content["accounts"] if item["file"] == account.file), None)
        if known is None:
            content["accounts"].append(result)
        else:
            known.update(result)  # what a later version noted beside it stays
        if make_current:
            content["current"] = account.file

    _change(data_dir, change)


def switch(data_dir: Path, file: str) -> None:
    """Make a known account the current one. Raises NotFound."""

    def change(content: dict[str, Any]) -> None:
        if all(item["file"] != file for item in content["accounts"]):
            raise NotFound("There is no such account on this device.")
        content["current"] = file

    _change(data_dir, change)


def forget(data_dir: Path, file: str, *, token: ids.Token = ids.base36) -> None:
    """Take an account out of the list; a new local one becomes current where it was."""

    def change(content: dict[str, Any]) -> None:
        content["accounts"] = [item for item in content["accounts"] if item["file"] != file]
        if content["current"] == file:
            name = new_file(data_dir, token=token)
            content["accounts"].append({"file": name, "name": LOCAL, "origin": None})
            content["current"] = name

    _change(data_dir, change)


def new_file(data_dir: Path, *, token: ids.Token = ids.base36) -> str:
    """Return a file name that is not taken yet, for a new account."""
    while True:
        name = f"{token(ids.RANDOM_LENGTH)}.db"
        if not (data_dir / name).exists():
            return name


def was_opened(path: Path) -> bool:
    """Return True when the list beside ``path`` says that a history was opened in it."""
    registry = path.parent / REGISTRY
    if not registry.exists():
        return False
    return any(entry.get(OPENED) for entry in _content(registry)["accounts"] if entry["file"] == path.name)


def mark_opened(path: Path) -> None:
    """Note in the list beside ``path`` that a history was opened in it. Raises StoreError; does nothing twice."""
    if not (path.parent / REGISTRY).exists() or was_opened(path):
        return

    def change(content: dict[str, Any]) -> None:
        for entry in content["accounts"]:
            if entry["file"] == path.name:
                entry[OPENED] = True

    _change(path.parent, change)


def _change(data_dir: Path, change: Callable[[dict[str, Any]], None]) -> None:
    from filelock import FileLock

    registry = data_dir / REGISTRY
    open_account(data_dir)
    try:
        with FileLock(f"{registry}.lock", mode=0o600):
            content = _content(registry)
            if content.get("version") != VERSION:
                raise StoreTooNew(f"{registry} was written by a newer Sterna. Update Sterna; nothing was changed.")
            change(content)
            _replace(registry, content)
    except OSError as error:
        raise unwritable(error, registry) from error


def _replace(registry: Path, content: dict[str, Any]) -> None:
    draft = registry.with_name(f".{REGISTRY}.{ids.base36(ids.RANDOM_LENGTH)}")
    try:
        _write(draft, content)
        draft.replace(registry)
    finally:
        draft.unlink(missing_ok=True)


def _entry(result: dict[str, Any]) -> AccountEntry:
    texts = {name: result.get(name) for name in ("name", "origin", "user_id", "kind", "server_id")}
    given = {name: value for name, value in texts.items() if isinstance(value, str)}
    return AccountEntry(result["file"], **given, sending=result.get("sending") is True)


def open_account(data_dir: Path, *, token: ids.Token = ids.base36) -> Path:
    """Return the file of the current account; the first start registers a local account under a random name.

    Two processes that start at once agree on one account: the registry gets its final name once, or not at all.
    """
    registry = data_dir / REGISTRY
    try:
        if not registry.exists():
            _first(registry, token)
        return data_dir / _current(registry)
    except OSError as error:
        if not registry.exists() and (result := _found_beside(registry)) is not None:
            return data_dir / result  # a copy on a medium that cannot be written
        raise unwritable(error, registry) from error


def _first(registry: Path, token: ids.Token) -> None:
    name = _found_beside(registry) or f"{token(ids.RANDOM_LENGTH)}.db"
    content = {"version": VERSION, "current": name, "accounts": [{"file": name, "name": LOCAL, "origin": None}]}
    draft = registry.with_name(f".{REGISTRY}.{token(ids.RANDOM_LENGTH)}")
    _write(draft, content)
    try:
        os.link(draft, registry)  # unlike a rename, refuses when another process was first
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        _claim(draft, registry)
    finally:
        draft.unlink(missing_ok=True)


def _found_beside(registry: Path) -> str | None:
    """Return the name of the one history in the folder, whose list was lost; None for an empty folder."""
    files = [file for file in registry.parent.glob("*.db") if ".backup-" not in file.name and file.stat().st_size]
    if len(files) > 1:
        names = ", ".join(sorted(file.name for file in files))
        raise StoreCorrupt(
            f"{registry} is gone, and there are several histories beside it ({names}). Put it back, or write one that "
            'names yours: {"version": 1, "current": "<name>.db", "accounts": [{"file": "<name>.db"}]}.'
        )
    return files[0].name if files else None


def _claim(draft: Path, registry: Path) -> None:
    from filelock import FileLock

    with FileLock(f"{registry}.lock", mode=0o600):
        if not registry.exists():
            draft.replace(registry)


def _write(path: Path, content: dict[str, Any]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _current(registry: Path) -> str:
    name: str = _content(registry)["current"]
    return name


def _content(registry: Path) -> dict[str, Any]:
    damaged = StoreCorrupt(
        f"{registry} is damaged. The conversations are in the .db files beside it: move {REGISTRY} away and write one "
        'that names the file, {"version": 1, "current": "<name>.db", "accounts": [{"file": "<name>.db"}]}.'
    )
    try:
        content: Any = json.loads(registry.read_text("utf-8"))
        names = [content["current"], *(item["file"] for item in content.setdefault("accounts", []))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise damaged from None
    if not all(isinstance(name, str) and name.endswith(".db") and Path(name).name == name for name in names):
        raise damaged
    result: dict[str, Any] = content
    return result
