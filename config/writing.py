"""Changes of config.toml in place, one value at a time, with comments and order preserved."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .files import locked, write_private
from .loading import parse
from .paths import CONFIG_FILE, config_dir
from .values import require_setting, split_path

HEADER = "# Settings of Sterna. What is not here has its default; the documentation explains every setting.\n"


def save_value(key_path: str, value: object, folder: Path | None = None) -> None:
    """Set ``key_path`` (``ui.sidebar_width``) to ``value``, or remove it for ``None``.

    Raises :class:`ConfigError` with a sentence when the value is not valid, or the file cannot be read or written.
    """
    path = split_path(key_path)
    _write(config_dir(folder) / CONFIG_FILE, path, _checked(path, value), "The setting was not saved.")


def create_file(folder: Path | None = None) -> Path:
    """Create config.toml if it is missing, and return its path. Raises :class:`ConfigError`."""
    file = config_dir(folder) / CONFIG_FILE
    try:
        with locked(file.parent):
            if not file.exists():
                write_private(file, HEADER)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written ({error.strerror or type(error).__name__}).") from None
    return file


def remove_endpoint(name: str, folder: Path | None = None) -> None:
    """Remove ``[endpoints.NAME]`` if it is there. Raises :class:`ConfigError`."""
    _write(config_dir(folder) / CONFIG_FILE, ("endpoints", name), None, "Nothing was removed.")


def _write(file: Path, path: tuple[str, ...], value: object, consequence: str) -> None:
    try:
        with locked(file.parent):
            text = _changed(file, path, value)
            if text is not None:
                write_private(file, text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{file} cannot be written ({reason}). {consequence}") from None
    except UnicodeEncodeError:
        raise ConfigError(f"{'.'.join(path)} has to be text in UTF-8. {consequence}") from None


def _checked(path: tuple[str, ...], value: object) -> object:
    setting = require_setting(path)
    if value is None:
        return None
    if setting.check(value) is None:
        raise ConfigError(f"{'.'.join(path)} has to be {setting.expected}.")
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _changed(file: Path, path: tuple[str, ...], value: object) -> str | None:
    """Return the new text of the file, or ``None`` when nothing changes."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        parse(file)
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        text = HEADER if value is not None else ""
    except ConfigError as error:
        raise ConfigError(f"{error} Correct the file first. Nothing in it was changed.") from None
    try:
        document = tomlkit.parse(text)
        if not _set(document, _as_written(document, path), value):
            return None
        written = tomlkit.dumps(document)
        tomlkit.parse(written)
    except TOMLKitError as error:
        raise ConfigError(
            f"{file} cannot be changed automatically ({error}). Set {'.'.join(path)} in an editor."
        ) from None
    return written


def _as_written(document: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path as the file has it: to TOML, ``conversation.rename = "f3"`` without quotes is a nested table."""
    inner: Any = document.get(path[0])
    parts = tuple(path[-1].split("."))
    if path[0] != "keys" or not isinstance(inner, Mapping) or path[-1] in inner:
        return path
    for name in parts[:-1]:
        inner = inner.get(name)
        if not isinstance(inner, Mapping):
            return path
    return ("keys", *parts)


def _set(document: MutableMapping[str, Any], path: tuple[str, ...], value: object) -> bool:
    table = document
    for name in path[:-1]:
        if name not in table:
            if value is None:
                return False
            table[name] = {}
        inner = table[name]
        if not isinstance(inner, MutableMapping):
            raise ConfigError(f"{name} in config.toml is not a table. Correct it first; the setting was not saved.")
        table = inner
    if value is None:
        return table.pop(path[-1], None) is not None
    table[path[-1]] = value
    return True
