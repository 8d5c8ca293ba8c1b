"""Changing one value of config.toml in place."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .files import alone, write_private
from .schema import KNOWN, find, nearest
from .settings import parse

HEADER = "# Sterna's settings. What is not here has its default; every setting is explained in the documentation.\n"


def change(path: Path, key_path: str, value: object) -> None:
    """Set ``key_path`` (``ui.sidebar_width``) to ``value``, or take it out for ``None``."""
    where = _split(key_path)
    value = _checked(where, value)
    try:
        with alone(path.parent):
            text = _changed(path, where, value)
            if text is not None:
                write_private(path, text)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror or type(error).__name__}). The setting is not kept."
        ) from None


def remove_table(path: Path, where: tuple[str, ...]) -> None:
    """Take a whole table out of the file, such as ``("endpoints", "work")``; nothing happens where it is not there."""
    try:
        with alone(path.parent):
            text = _changed(path, where, None)
            if text is not None:
                write_private(path, text)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror or type(error).__name__}). Nothing was removed."
        ) from None


def _split(key_path: str) -> tuple[str, ...]:
    """An action's id has dots of its own: ``keys.conversation.rename`` is one key in one table."""
    if key_path.startswith("keys."):
        return ("keys", key_path.removeprefix("keys."))
    return tuple(key_path.split("."))


def _checked(where: tuple[str, ...], value: object) -> object:
    known = find(where)
    if known is None:
        near = nearest(".".join(where), (one.path for one in KNOWN))
        raise ConfigError(f"There is no setting {'.'.join(where)}." + (f" Did you mean {near}?" if near else ""))
    if value is None:
        return None
    if known.check(value) is None:
        raise ConfigError(f"{'.'.join(where)} has to be {known.expected}.")
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _changed(path: Path, where: tuple[str, ...], value: object) -> str | None:
    """The file's new text, or ``None`` when nothing changes."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        parse(path)
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        text = HEADER if value is not None else ""
    except ConfigError as error:
        raise ConfigError(f"{error} Correct the file first; it is left as it is and the setting is not kept.") from None
    try:
        document = tomlkit.parse(text)
        if not _set(document, _as_written(document, where), value):
            return None
        written = tomlkit.dumps(document)
        tomlkit.parse(written)
    except TOMLKitError as error:
        raise ConfigError(
            f"{path} cannot be changed by the program ({error}). Set {'.'.join(where)} in it by hand."
        ) from None
    return written


def _as_written(document: Mapping[str, Any], where: tuple[str, ...]) -> tuple[str, ...]:
    """The path in the file: ``conversation.rename = "f3"`` without quotes is a table in a table to TOML."""
    inner: Any = document.get(where[0])
    parts = tuple(where[-1].split("."))
    if where[0] != "keys" or not isinstance(inner, Mapping) or where[-1] in inner:
        return where
    for name in parts[:-1]:
        inner = inner.get(name)
        if not isinstance(inner, Mapping):
            return where
    return ("keys", *parts)


def _set(document: MutableMapping[str, Any], where: tuple[str, ...], value: object) -> bool:
    table = document
    for name in where[:-1]:
        if name not in table:
            if value is None:
                return False
            table[name] = {}
        inner = table[name]
        if not isinstance(inner, MutableMapping):
            raise ConfigError(f"{name} in config.toml is not a table. Correct it first; the setting is not kept.")
        table = inner
    if value is None:
        return table.pop(where[-1], None) is not None
    table[where[-1]] = value
    return True
