"""Open an address in the desktop's browser; without a desktop nothing is started, for it would take the screen."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping

START_SECONDS = 10.0
"""Longest wait for the program that starts a browser."""


def opener(environ: Mapping[str, str], platform: str) -> tuple[str, ...] | None:
    """Return the command that opens an address, without the address; None where there is no desktop."""
    candidates: list[tuple[str, ...]] = []
    if platform == "darwin":
        candidates.append(("open",))
    if environ.get("WSL_DISTRO_NAME"):
        candidates += [("wslview",), ("rundll32.exe", "url.dll,FileProtocolHandler")]
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        candidates += [("xdg-open",), ("gio", "open")]
    return next((each for each in candidates if shutil.which(each[0], path=environ.get("PATH"))), None)


async def open_address(address: str, environ: Mapping[str, str]) -> bool:
    """Open ``address``, which was checked to be one of the web or of mail; return False where that is not possible."""
    command = opener(environ, sys.platform)
    if command is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            address,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
        async with asyncio.timeout(START_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return True  # it became the browser itself, and runs on
    except OSError:
        return False
