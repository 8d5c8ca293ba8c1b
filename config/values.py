"""Single settings by their path: their value, and a value for them as text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .kinds import Value, nearest
from .loading import leaves, parse
from .paths import CONFIG_FILE, config_dir
from .schema import SETTINGS, find_setting
from .setting import Setting


def split_path(path: str) -> tuple[str, ...]:
    """Return the parts of ``ui.sidebar`` or ``endpoints.work.models."gpt-4.1".temperature``.

    An action's id has dots: ``keys.conversation.rename`` is one key in one table.
    """
    if path.startswith("keys.") and '"' not in path:
        return "keys", path.removeprefix("keys.")
    try:
        table: Any = tomllib.loads(f"{path} = 0")
    except tomllib.TOMLDecodeError:
        return tuple(path.split("."))
    parts: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        ((name, table),) = table.items()
        parts.append(name)
    return tuple(parts) or (path,)


def require_setting(path: tuple[str, ...]) -> Setting:
    """Return the setting at ``path``. Raises ConfigError, with the name that was probably meant."""
    setting = find_setting(path)
    if setting is None:
        shown = ".".join(path)
        near = nearest(shown, (setting.path for setting in SETTINGS))
        raise ConfigError(f"There is no setting {shown}." + (f" Did you mean {near}?" if near else ""))
    return setting


def parse_value(setting: Setting, text: str) -> Value:
    """Return the value that ``text`` stands for: a list or table of TOML, the text itself, or another value of TOML.

    The first of these that the setting accepts counts. Raises ConfigError with a sentence.
    """
    candidates = [text, toml_value(text)]
    if text.lstrip().startswith(("[", "{")):
        candidates.reverse()
    for candidate in candidates:
        checked = setting.check(candidate)
        if checked is not None:
            return checked
    raise ConfigError(f"{setting.path} has to be {setting.expected}.")


def toml_value(text: str) -> Any:
    """Return the value that ``text`` is in TOML; the text itself if it is none."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return table["value"] if set(table) == {"value"} else text


def written_values(folder: Path | None = None) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Yield path and value of each valid setting in config.toml, in its order.

    Raises ConfigError where the file cannot be read.
    """
    file = config_dir(folder) / CONFIG_FILE
    try:
        tables: Mapping[str, Any] = parse(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror or type(error).__name__}).") from None
    for path, value in leaves(tables):
        setting = find_setting(path)
        checked = setting.check(value) if setting is not None else None
        if checked is not None:
            yield (path[0], ".".join(path[1:])) if path[0] == "keys" else path, checked


def current_value(path: tuple[str, ...], folder: Path | None = None) -> Value:
    """Return the value in config.toml, else the default. Raises ConfigError for a setting that does not exist."""
    setting = require_setting(path)
    return dict(written_values(folder)).get(path, setting.default)


def plain_value(value: Value) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def as_toml(value: Value) -> str:
    """Return a value as config.toml has it; nothing for one without a default."""
    import tomlkit  # needed for single values only

    if value is None:
        return ""
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update(value)
        return table.as_string()
    return str(tomlkit.item(plain_value(value)).as_string())
