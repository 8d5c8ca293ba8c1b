"""The desktop's own way to open a file."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path


def opener(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """Return the program that opens files, None where there is no desktop."""
    if platform == "darwin":
        return shutil.which("open")
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return shutil.which("wslview") if environ.get("WSL_DISTRO_NAME") else None


async def open_file(path: Path, environ: Mapping[str, str]) -> bool:
    """Open a file in the desktop's program for it; return whether that could be started."""
    program = opener(environ)
    if program is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            str(path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(3):
            return await process.wait() == 0
    except TimeoutError:
        return True  # it shows the file itself
