"""Settings in force, and changes to them, which are written into config.toml at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from sterna import config
from sterna.config import Settings


class SettingsFile:
    """Settings of the running application and the file that they come from."""

    def __init__(self, settings: Settings, folder: Path | None, environ: Mapping[str, str]) -> None:
        self.current = settings
        self.folder = folder
        """Folder of config.toml; None: the default one."""
        self.environ = environ
        self.changed: Callable[[], Awaitable[None]] | None = None
        """Called after a change, to apply it."""
        self._read = self._seen = self._state()
        """The file as it was read, and as it was seen last."""

    @property
    def path(self) -> Path:
        """Path of config.toml."""
        return self.current.path or self._folder()

    @property
    def themes_folder(self) -> Path:
        """Folder with themes of one's own."""
        return (self.current.path.parent if self.current.path is not None else self._folder()) / "themes"

    async def save(self, key_path: str, value: object) -> None:
        """Write one value and apply it. Raises ConfigError with a sentence."""
        await asyncio.to_thread(config.save_value, key_path, value, self._folder())
        await self.reload()
        if self.changed is not None:
            await self.changed()

    async def remove_endpoint(self, name: str) -> None:
        """Remove the table of a provider. Raises ConfigError with a sentence."""
        await asyncio.to_thread(config.remove_endpoint, name, self._folder())
        await self.reload()

    async def reload(self) -> Settings:
        """Read the file again."""
        self._read = await asyncio.to_thread(self._state)
        self.current = await asyncio.to_thread(config.load, self.folder, self.environ)
        return self.current

    async def follow(self) -> bool:
        """Read the file again if another program has changed it; return whether it has.

        It is read when two calls have seen the same: an editor may be writing it. Raises ConfigError, and keeps the
        settings, where models could not be asked with what it says now.
        """
        before, state = self._seen, await asyncio.to_thread(self._state)
        self._seen = state
        if state is None or state == self._read or state != before:
            return False
        self._read = state
        found = await asyncio.to_thread(config.load, self.folder, self.environ)
        if found.blocked:
            raise config.ConfigError(f"{found.blocked} Until it is corrected, the settings stay as they were.")
        self.current = found
        return True

    def credentials(self) -> config.Credentials:
        """Return the keys of providers, which are kept outside config.toml."""
        return config.credentials.open_credentials(self.folder, self.environ)

    def _state(self) -> tuple[int, int, int] | None:
        """Return what tells whether the file has changed; None where there is none."""
        try:
            found = os.stat(self._folder() / config.CONFIG_FILE)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _folder(self) -> Path:
        return config.config_dir(self.folder, self.environ)
