"""A timer of the system that gathers while no chat is open: of systemd, or an agent of launchd on macOS."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from .places import Places

NAME = "sterna-gather"
LABEL = "sterna.gather"
MINUTES = 15

Run = Callable[[Sequence[str]], bool]
"""Run a command and return whether it succeeded."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Files of the timer, and the commands that start and stop it."""

    files: dict[Path, str]
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]


def timer(places: Places, command: Sequence[str]) -> Timer:
    """Return the timer that runs a command every quarter of an hour."""
    return _launchd(places, command) if places.platform == "darwin" else _systemd(places, command)


def install(wanted: Timer, run: Run) -> bool:
    """Write the files and start the timer; returns whether the system took it."""
    for path, text in wanted.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return all(run(command) for command in wanted.start)


def uninstall(wanted: Timer, run: Run) -> bool:
    """Stop the timer and remove its files; returns whether there were any."""
    there = [path for path in wanted.files if path.exists()]
    if there:
        for command in wanted.stop:
            run(command)
    for path in there:
        path.unlink(missing_ok=True)
    return bool(there)


def run_quietly(command: Sequence[str]) -> bool:
    """Run a command without its output."""
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _systemd(places: Places, command: Sequence[str]) -> Timer:
    folder = places.config / "systemd" / "user"
    service = (
        "[Unit]\n"
        "Description=Gather the histories of other programs into Sterna\n\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"ExecStart={' '.join(map(_quoted, command))}\n"
        "Nice=10\n"
        "IOSchedulingClass=idle\n"
    )
    schedule = (
        "[Unit]\n"
        "Description=Gather the histories of other programs into Sterna regularly\n\n"
        "[Timer]\n"
        "OnStartupSec=2min\n"
        f"OnUnitInactiveSec={MINUTES}min\n\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )
    name = f"{NAME}.timer"
    reload = ("systemctl", "--user", "daemon-reload")
    return Timer(
        {folder / f"{NAME}.service": service, folder / name: schedule},
        (reload, ("systemctl", "--user", "enable", "--now", name)),
        (("systemctl", "--user", "disable", "--now", name),),
    )


def _quoted(word: str) -> str:
    """Return a word for ExecStart, in which ``%`` and ``$`` have a meaning."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'


def _launchd(places: Places, command: Sequence[str]) -> Timer:
    path = places.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    words = "".join(f"        <string>{escape(word)}</string>\n" for word in command)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
        '<plist version="1.0">\n<dict>\n'
        f"    <key>Label</key>\n    <string>{LABEL}</string>\n"
        f"    <key>ProgramArguments</key>\n    <array>\n{words}    </array>\n"
        f"    <key>StartInterval</key>\n    <integer>{MINUTES * 60}</integer>\n"
        "    <key>RunAtLoad</key>\n    <true/>\n"
        "    <key>ProcessType</key>\n    <string>Background</string>\n"
        "</dict>\n</plist>\n"
    )
    return Timer({path: text}, (("launchctl", "load", "-w", str(path)),), (("launchctl", "unload", "-w", str(path)),))
