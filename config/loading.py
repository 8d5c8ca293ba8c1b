"""Reading of config.toml.

Reading never fails: a problem becomes a sentence in ``Settings.problems`` and the rest applies; a problem that concerns
models is in ``Settings.blocked`` too, with which no request is sent. Reading uses the standard library's parser, which
is fast; ``writing`` uses tomlkit, which keeps comments and order.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .errors import ConfigError
from .kinds import Value
from .paths import CONFIG_FILE, config_dir
from .problems import Problems
from .schema import BY_PATH, find_setting
from .settings import (
    AnalyticsSettings,
    BudgetSettings,
    EndpointSettings,
    HistorySettings,
    MeaningSettings,
    OfflineSettings,
    PriceSettings,
    Settings,
    SyncSettings,
    TimeoutSettings,
    TitleSettings,
    ToolSettings,
    Ui,
)

if TYPE_CHECKING:
    from .mcp_servers import McpServerSettings
    from .request_settings import RequestSettings

ENDPOINT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def load(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of ``folder``, else of the default one."""
    file = config_dir(folder, environ) / CONFIG_FILE
    problems = Problems(file)
    tables = _read(file, problems)
    values: dict[str, Value] = {}
    keys: dict[str, str] = {}
    endpoints: dict[str, dict[str, Any]] = {}
    prices: dict[str, dict[str, Any]] = {}
    servers: dict[str, dict[str, Any]] = {}
    for name in tables.get("endpoints", {}) if isinstance(tables.get("endpoints"), dict) else ():
        endpoints[name] = {}
    for name, table in tables["mcp"].items() if isinstance(tables.get("mcp"), dict) else ():
        if isinstance(table, dict):
            servers[name] = {}
    for path, value in leaves(tables):
        setting = find_setting(path)
        checked = setting.check(value) if setting is not None else None
        if checked is None and path[0] == "mcp" and len(path) > 1:
            servers.pop(path[1], None)  # part of what keeps it within bounds may be missing
        if setting is None:
            problems.add_unknown(path)
        elif checked is None:
            problems.add_invalid(path, setting, value)
        elif path[0] == "keys":
            keys[".".join(path[1:])] = str(checked)
        elif path[0] == "prices":
            prices.setdefault(path[1], {})[path[2]] = checked
        elif path[0] == "mcp":
            if path[1] in servers:
                servers[path[1]][path[2]] = checked
        elif path[0] == "endpoints" and len(path) == 5:
            endpoints[path[1]].setdefault("models", {}).setdefault(path[3], {})[path[4]] = checked
        elif path[0] == "endpoints":
            endpoints[path[1]][path[2]] = checked
        else:
            values[".".join(path)] = checked
    by_model = {model: PriceSettings(**price) for model, price in prices.items()}
    return _settings(values, keys, by_model, _endpoints(endpoints, problems), _mcp_servers(servers, problems), problems)


def _read(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        return parse(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problems.add_unreadable(f"{path} cannot be read ({reason}).")
    except ConfigError as error:
        problems.add_unreadable(str(error))
    return {}


def parse(path: Path) -> dict[str, Any]:
    """Return the file's tables. Raises ``OSError``, or :class:`ConfigError` that names the file and the line."""
    _require_regular(path)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 (byte {error.start + 1}).") from None
    except RecursionError:
        raise ConfigError(f"{path} has lists inside lists too deep to be read.") from None
    except ValueError as error:  # TOMLDecodeError, and numbers with thousands of digits
        match = re.fullmatch(r"(.*?)(?: \(at (.*)\))?", str(error), re.DOTALL)
        reason, position = match.groups() if match else (str(error), None)
        raise ConfigError(f"{path}{', ' + position if position else ''}: {reason}.") from None


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


def leaves(table: Mapping[str, Any], parent: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value with its path. A table inside that of an endpoint, model or server is one value."""
    for key, value in table.items():
        path = (*parent, key)
        if isinstance(value, dict) and not _is_value(path):
            if value or len(path) > 1:
                yield from leaves(value, path)
        else:
            yield path, value


def _is_value(path: tuple[str, ...]) -> bool:
    if path[0] == "mcp":
        return len(path) == 3
    if path[0] != "endpoints":
        return False
    return len(path) == 5 if path[2:3] == ("models",) else len(path) == 3


def _endpoints(tables: Mapping[str, Mapping[str, Any]], problems: Problems) -> tuple[EndpointSettings, ...]:
    endpoints = []
    for name, values in tables.items():
        if not ENDPOINT_NAME.fullmatch(name) or name == "guide":
            problems.add_endpoint(name, "needs another name: lower-case letters, digits, - and _, and not guide.")
        elif "url" not in values:
            problems.add_endpoint(name, f"needs a url, {BY_PATH['endpoints.NAME.url'].expected}.")
        else:
            fields = dict(values)
            models = fields.pop("models") if isinstance(fields.get("models"), dict) else {}
            endpoints.append(EndpointSettings(name=name, **fields, model_options=_request_settings(models)))
    return tuple(endpoints)


def _request_settings(models: Mapping[str, Mapping[str, Any]]) -> dict[str, RequestSettings]:
    if not models:
        return {}
    from .request_settings import RequestSettings

    return {model: RequestSettings(**settings) for model, settings in models.items()}


def _mcp_servers(tables: Mapping[str, Mapping[str, Any]], problems: Problems) -> tuple[McpServerSettings, ...]:
    if not tables:
        return ()
    from .mcp_servers import usable

    return usable(tables, problems)


def _settings(
    values: Mapping[str, Value],
    keys: Mapping[str, str],
    prices: Mapping[str, PriceSettings],
    endpoints: tuple[EndpointSettings, ...],
    servers: tuple[McpServerSettings, ...],
    problems: Problems,
) -> Settings:
    def table(prefix: str) -> dict[str, Any]:
        return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}

    top: dict[str, Any] = {key: value for key, value in values.items() if "." not in key}
    return Settings(
        **top,
        history=HistorySettings(**table("history.")),
        titles=TitleSettings(**table("titles.")),
        budget=BudgetSettings(**table("budget.")),
        prices=MappingProxyType(dict(prices)),
        ui=Ui(**table("ui.")),
        timeouts=TimeoutSettings(**table("timeouts.")),
        offline=OfflineSettings(**table("offline.")),
        sync=SyncSettings(**table("sync.")),
        analytics=AnalyticsSettings(**table("analytics.")),
        meaning=MeaningSettings(**table("meaning.")),
        keys=MappingProxyType(dict(keys)),
        endpoints=endpoints,
        tools=ToolSettings(**table("tools.")),
        mcp=servers,
        problems=tuple(problems.sentences),
        blocked="\n".join(problems.blocking),
        path=problems.path,
    )
