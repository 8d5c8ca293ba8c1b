"""Paths of the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CONFIG_FILE = "config.toml"
CREDENTIALS_FILE = "credentials.json"


def config_dir(override: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of config.toml: ``override``, else ``$STERNA_CONFIG_DIR``, else the platform's default."""
    if override is not None:
        return override
    named = environ.get("STERNA_CONFIG_DIR", "").strip()
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path  # needed for the default only

    return user_config_path("sterna", appauthor=False)
