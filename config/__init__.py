"""What a person set: config.toml, and keys kept out of it."""

from __future__ import annotations

from . import credentials
from .errors import ConfigError
from .known import KNOWN, Known, nearest
from .paths import config_dir
from .settings import EndpointSettings, Settings, SyncSettings, TimeoutSettings, Ui, load, save_value

__all__ = [
    "KNOWN",
    "ConfigError",
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
    "save_value",
]
