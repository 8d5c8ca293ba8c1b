"""Where programs keep their files on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Home folder, environment and platform, from which a source says where its files are."""

    home: Path = field(default_factory=Path.home)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    platform: str = sys.platform

    def folder(self, *variables: str, default: Path | str) -> Path:
        """Return the folder that the first set environment variable names, else ``default`` below home."""
        for variable in variables:
            if value := self.environment.get(variable, "").strip():
                return self.expand(value)
        return self.home / default

    def listed(self, variable: str) -> list[Path]:
        """Return the path in an environment variable, if it is set."""
        value = self.environment.get(variable, "").strip()
        return [self.expand(value)] if value else []

    @property
    def config(self) -> Path:
        """Folder of settings by the XDG rules."""
        return self.folder("XDG_CONFIG_HOME", default=".config")

    @property
    def data(self) -> Path:
        """Folder of data by the XDG rules, also on macOS."""
        return self.folder("XDG_DATA_HOME", default=".local/share")

    @property
    def application_support(self) -> Path:
        """Folder of applications: ``~/Library/Application Support`` on macOS, that of settings elsewhere."""
        return self.home / "Library" / "Application Support" if self.platform == "darwin" else self.config

    def expand(self, path: str) -> Path:
        """Return an absolute path; ``~`` is home."""
        if path == "~" or path.startswith("~/"):
            return self.home / path[2:]
        return Path(path) if path.startswith("/") or Path(path).is_absolute() else self.home / path
