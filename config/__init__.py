"""Settings in config.toml, and credentials kept out of it.

Here are reading, checking and rewriting the settings, the system's keyring with a private file as its replacement, and
the log file. It imports no other room, and only ``tui``, ``cli``, ``chat`` and ``sync`` import it: storage and
providers take values as arguments. Names are loaded when they are first used, because a command that prints a list
needs no settings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    from . import credentials
    from .credentials import Credentials
    from .paths import config_dir
    from .schema import KNOWN, Known, nearest
    from .settings import (
        EndpointSettings,
        Settings,
        SyncSettings,
        TimeoutSettings,
        Ui,
        load,
        remove_endpoint,
        save_value,
    )

__all__ = [
    "KNOWN",
    "ConfigError",
    "Credentials",
    "EndpointSettings",
    "Known",
    "Settings",
    "SyncSettings",
    "TimeoutSettings",
    "Ui",
    "config_dir",
    "credentials",
    "load",
    "nearest",
    "remove_endpoint",
    "save_value",
]

_MODULES = {
    "schema": ("KNOWN", "Known", "nearest"),
    "paths": ("config_dir",),
    "credentials": ("Credentials",),
    "settings": (
        "EndpointSettings",
        "Settings",
        "SyncSettings",
        "TimeoutSettings",
        "Ui",
        "load",
        "remove_endpoint",
        "save_value",
    ),
}
"""Names by the module that defines them."""


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
