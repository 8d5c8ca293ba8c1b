"""config.toml as the program uses it.

Reading never fails: what is wrong becomes a sentence in ``Settings.problems`` and the rest applies; where it is about
models, ``Settings.blocked`` keeps the program from asking any. Reading takes the
standard library's parser, which is fast; writing takes tomlkit, which keeps comments and order.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from .errors import ConfigError
from .paths import CONFIG_FILE, config_dir
from .problems import Problems
from .request_settings import RequestSettings
from .schema import BY_PATH, Value, find

ENDPOINT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Ui:
    """How things look; each is explained in :data:`config.KNOWN`."""

    sidebar: bool = True
    sidebar_width: int = 32
    show_reasoning: bool = False
    show_token_count: bool = True
    vim: bool = True
    mouse: bool = True
    animation: bool = True
    symbols: Literal["auto", "unicode", "ascii"] = "auto"
    confirm_delete: bool = False
    enter_sends: bool = True


@dataclass(frozen=True, slots=True)
class TimeoutSettings:
    """Seconds to wait for an endpoint."""

    connect: float = 10.0
    read: float = 120.0
    write: float = 30.0


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The server of the history. It holds no token: those are with the credentials."""

    server: str | None = None
    kind: Literal["sterna", "upstream"] = "sterna"
    enabled: bool = False
    interval: float | None = None
    supabase_url: str | None = None
    anon_key: str = field(default="", repr=False)
    token_command: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Whether use is told to the server of the history; never what was written."""

    enabled: bool = False


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """One table ``[endpoints.NAME]``. It holds no key, only ways to one."""

    name: str
    url: str = field(repr=False)
    label: str = ""
    key_env: str = ""
    key_command: str = field(default="", repr=False)
    models: tuple[str, ...] = ()
    context_length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    omit: tuple[str, ...] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stream: bool | None = None
    model_options: Mapping[str, RequestSettings] = field(default_factory=dict, repr=False)
    """Tables ``[endpoints.NAME.models."MODEL"]``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person set, and the defaults for the rest."""

    model: str = ""
    system_prompt: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Literal["", "low", "medium", "high"] = ""
    theme: str = ""
    similar: bool = True
    discover: bool = True
    ui: Ui = field(default_factory=Ui)
    timeouts: TimeoutSettings = field(default_factory=TimeoutSettings)
    sync: SyncSettings = field(default_factory=SyncSettings)
    analytics: AnalyticsSettings = field(default_factory=AnalyticsSettings)
    keys: Mapping[str, str] = field(default_factory=dict)
    """Action id to key or keys (split by commas); an empty text takes the key away."""
    endpoints: tuple[EndpointSettings, ...] = ()
    """In the order of the file, which is the order of preference."""
    problems: tuple[str, ...] = ()
    """What could not be used, in sentences for the person."""
    blocked: str = field(default="", compare=False)
    """Why no model may be asked: what the file says of models, or all of it, cannot be read. Guessing would send a
    prompt where the person did not mean it to go."""
    path: Path | None = None
    """The file it was read from, whether or not it is there."""


def load(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in ``folder``, else in the usual one."""
    path = config_dir(folder, environ) / CONFIG_FILE
    found = Problems(path)
    table = _read(path, found)
    values: dict[str, Value] = {}
    keys: dict[str, str] = {}
    endpoints: dict[str, dict[str, Any]] = {}
    for name in table.get("endpoints", {}) if isinstance(table.get("endpoints"), dict) else ():
        endpoints[name] = {}
    for where, value in _leaves(table):
        known = find(where)
        if known is None:
            found.unknown(where)
            continue
        read = known.check(value)
        if read is None:
            found.wrong(where, known, value)
        elif where[0] == "keys":
            keys[".".join(where[1:])] = str(read)
        elif where[0] == "endpoints" and len(where) == 5:
            endpoints[where[1]].setdefault("models", {}).setdefault(where[3], {})[where[4]] = read
        elif where[0] == "endpoints":
            endpoints[where[1]][where[2]] = read
        else:
            values[".".join(where)] = read
    made = _endpoints(endpoints, found)
    return _settings(values, keys, made, found)


def save_value(key_path: str, value: object, folder: Path | None = None) -> None:
    """Set one value in config.toml and keep everything else as it is, comments too; ``None`` takes it out.

    Raises :class:`ConfigError` with a sentence when the value is not possible or the file could not be read before.
    """
    from .writing import change  # tomlkit is loaded by the first change only

    change(config_dir(folder) / CONFIG_FILE, key_path, value)


def remove_endpoint(name: str, folder: Path | None = None) -> None:
    """Take ``[endpoints.NAME]`` out of config.toml and keep everything else. Raises :class:`ConfigError`."""
    from .writing import remove_table

    remove_table(config_dir(folder) / CONFIG_FILE, ("endpoints", name))


def _read(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        return parse(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problems.unread(f"{path} cannot be read ({reason}).")
    except ConfigError as error:
        problems.unread(str(error))
    return {}


def parse(path: Path) -> dict[str, Any]:
    """The file's tables. Raises ``OSError``, or :class:`ConfigError` naming the file and the line."""
    _require_regular(path)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 (byte {error.start + 1}).") from None
    except RecursionError:
        raise ConfigError(f"{path} has lists inside lists too deep to be read.") from None
    except ValueError as error:  # TOMLDecodeError, and numbers with thousands of digits
        found = re.fullmatch(r"(.*?)(?: \(at (.*)\))?", str(error), re.DOTALL)
        reason, place = found.groups() if found else (str(error), None)
        raise ConfigError(f"{path}{', ' + place if place else ''}: {reason}.") from None


def _require_regular(path: Path) -> None:
    """Raise :class:`ConfigError` for a link to nothing, and for a pipe or device, which could be read forever."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        for link in (path, *path.parents):
            if link.is_symlink() and not link.exists():
                raise ConfigError(f"{link} is a link to {link.readlink()}, which does not exist.") from None
        raise
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ConfigError(f"{path} is not a regular file.")


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path. A table inside of an endpoint's, or of a model's, is one value."""
    for key, value in table.items():
        where = (*above, key)
        if isinstance(value, dict) and not _is_value(where):
            if value or len(where) > 1:
                yield from _leaves(value, where)
        else:
            yield where, value


def _is_value(where: tuple[str, ...]) -> bool:
    if where[0] != "endpoints":
        return False
    return len(where) == 5 if where[2:3] == ("models",) else len(where) == 3


def _endpoints(tables: Mapping[str, Mapping[str, Any]], problems: Problems) -> tuple[EndpointSettings, ...]:
    made = []
    for name, values in tables.items():
        if not ENDPOINT_NAME.fullmatch(name) or name == "guide":
            problems.endpoint(name, "needs another name: small letters, digits, - and _, and not guide.")
        elif "url" not in values:
            problems.endpoint(name, f"needs a url, {BY_PATH['endpoints.NAME.url'].expected}.")
        else:
            own = dict(values)
            single = own.pop("models") if isinstance(own.get("models"), dict) else {}
            options = {model: RequestSettings(**one) for model, one in single.items()}
            made.append(EndpointSettings(name=name, **own, model_options=options))
    return tuple(made)


def _settings(
    values: Mapping[str, Value],
    keys: Mapping[str, str],
    endpoints: tuple[EndpointSettings, ...],
    problems: Problems,
) -> Settings:
    def part(prefix: str) -> dict[str, Any]:
        return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}

    top: dict[str, Any] = {key: value for key, value in values.items() if "." not in key}
    return Settings(
        **top,
        ui=Ui(**part("ui.")),
        timeouts=TimeoutSettings(**part("timeouts.")),
        sync=SyncSettings(**part("sync.")),
        analytics=AnalyticsSettings(**part("analytics.")),
        keys=MappingProxyType(dict(keys)),
        endpoints=endpoints,
        problems=tuple(problems.sentences),
        blocked="\n".join(problems.blocking),
        path=problems.path,
    )
