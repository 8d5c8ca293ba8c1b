"""The desktop's own way to open a file or an address; without one nothing starts that would take the screen."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path


def opener(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """Return the program that opens files, None where there is no desktop."""
    if platform == "darwin":
        return shutil.which("open", path=environ.get("PATH"))
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open", path=environ.get("PATH"))
    return shutil.which("wslview", path=environ.get("PATH")) if environ.get("WSL_DISTRO_NAME") else None


async def open_file(path: Path, environ: Mapping[str, str]) -> bool:
    """Open a file in the desktop's program for it; return whether that could be started."""
    return await _open(str(path), environ)


async def open_address(address: str, environ: Mapping[str, str]) -> bool:
    """Open an address, which was checked to be one of the web or of mail; return whether that could be started."""
    return await _open(address, environ)


async def _open(target: str, environ: Mapping[str, str]) -> bool:
    program = opener(environ)
    if program is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            target,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(3):
            return await process.wait() == 0
    except TimeoutError:
        return True  # it shows the file itself
