"""Copy to wherever the user can paste from.

A terminal takes an escape sequence (OSC 52), never responds, and often ignores it. So the text also goes to what does
respond: tmux's own buffer, and the clipboard program of the desktop. Where neither is there, it is in a file too.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

TOOL_SECONDS = 2.0
"""Longest wait for a clipboard program."""

FILE = "copied.txt"

WITHOUT_CLIPBOARD = ("dumb", "linux", "vt100", "vt102", "vt220")
"""Values of TERM without a clipboard."""

WITH_OSC52 = ("kitty", "foot", "alacritty", "wezterm", "ghostty", "iterm", "contour", "rio")
"""Parts of TERM or TERM_PROGRAM of terminals that take OSC 52 by default."""


async def copy_elsewhere(text: str, environ: Mapping[str, str], folder: Path | None) -> str:
    """Put ``text`` where it can be pasted from, besides OSC 52; return where as the end of "Copied message …"."""
    if environ.get("TMUX") and await _run(("tmux", "load-buffer", "-w", "-"), text, environ):
        off = await _output(("tmux", "show-options", "-sv", "set-clipboard"), environ) == "off"
        return " to the tmux buffer (prefix ] pastes it)" if off else ""
    for tool in tools(environ, sys.platform):
        if await _run(tool, text, environ):
            return ""
    names = f"{environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')}".lower()
    if any(name in names for name in WITH_OSC52) or environ.get("WT_SESSION"):
        return ""
    path = await asyncio.to_thread(_write, text, folder) if folder is not None else None
    no_clipboard = environ.get("TERM", "") in WITHOUT_CLIPBOARD
    if path is None:
        return "" if not no_clipboard else ", but this terminal has no clipboard"
    return f" to {path}" if no_clipboard else f", if this terminal allows it, and to {path}"


def tools(environ: Mapping[str, str], platform: str) -> list[tuple[str, ...]]:
    """Return the commands that may reach the desktop's clipboard, the likeliest first."""
    commands: list[tuple[str, ...]] = []
    if platform == "darwin":
        commands.append(("pbcopy",))
    if environ.get("WAYLAND_DISPLAY"):
        commands.append(("wl-copy",))
    if environ.get("DISPLAY"):
        commands += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    if environ.get("WSL_DISTRO_NAME"):
        commands.append(("clip.exe",))
    return commands


async def _run(command: tuple[str, ...], text: str, environ: Mapping[str, str]) -> bool:
    """Return whether a program took the text."""
    if shutil.which(command[0], path=environ.get("PATH")) is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environ),
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TOOL_SECONDS):
            await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0


async def _output(command: tuple[str, ...], environ: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=dict(environ)
    )
    out, _ = await process.communicate()
    return out.decode("utf-8", "replace").strip()


def _write(text: str, folder: Path) -> Path | None:
    """Write the text into a file that only its owner can read, and return its path; None where that fails."""
    path = folder / FILE
    try:
        with open(path, "w", encoding="utf-8", errors="replace", opener=_private) as file:
            file.write(text)
    except OSError:
        return None
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
