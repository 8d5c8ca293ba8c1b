"""Image of the system's clipboard, read with a tool of the system: a terminal passes on text only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from sterna.storage import Invalid

from .inspection import MAX_BYTES

SECONDS = 10
_APPLE_SCRIPT = ("osascript", "-e", "the clipboard as «class PNGf»")
_HEX = re.compile(rb"data PNGf([0-9A-Fa-f]+)")


def clipboard_image(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bytes:
    """Return the image in the clipboard, as PNG. Raises Invalid without one, and without a tool that reads it.

    It waits for another program: call it in a thread.
    """
    commands = [command for command in _commands(environ, platform) if shutil.which(command[0]) is not None]
    if not commands:
        raise Invalid(_no_tool(environ, platform))
    for command in commands:
        if content := _output(command):
            return content
    raise Invalid("There is no image in the clipboard. Copy one first.")


def _commands(environ: Mapping[str, str], platform: str) -> list[Sequence[str]]:
    if platform == "darwin":
        return [("pngpaste", "-"), _APPLE_SCRIPT]
    commands: list[Sequence[str]] = []
    if environ.get("WAYLAND_DISPLAY"):
        commands.append(("wl-paste", "--no-newline", "--type", "image/png"))
    if environ.get("DISPLAY"):
        commands.append(("xclip", "-selection", "clipboard", "-t", "image/png", "-o"))
    return commands


def _output(command: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    content = done.stdout if done.returncode == 0 else b""
    if command[0] == "osascript":
        match = _HEX.search(content)
        content = bytes.fromhex(match[1].decode()) if match and len(match[1]) % 2 == 0 else b""
    if len(content) > MAX_BYTES:
        raise Invalid("The image in the clipboard is too large. Save it as a file, and make it smaller.")
    return content


def _no_tool(environ: Mapping[str, str], platform: str) -> str:
    if platform == "darwin":
        return "The clipboard cannot be read, because osascript is missing. Save the image and attach the file."
    if environ.get("WAYLAND_DISPLAY"):
        return "Images in the clipboard are read with wl-paste. Install wl-clipboard, or attach a file."
    if environ.get("DISPLAY"):
        return "Images in the clipboard are read with xclip. Install it, or attach a file."
    return "The clipboard of this terminal's computer cannot be reached from here. Attach a file instead."
