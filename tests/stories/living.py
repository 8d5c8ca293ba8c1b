"""A home of its own for a story, and ``sterna`` run in it as a person's shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STERNA = str(Path(sys.executable).with_name("sterna"))
LIMIT = 60


def until(condition: Callable[[], Any], what: str) -> Any:
    """What ``condition`` gives once that is true; fails when it never is."""
    limit = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < limit, f"waited in vain until {what}"
        time.sleep(0.02)
    return found


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass
class Going:
    """A command that is going on."""

    process: subprocess.Popen[bytes]
    heard: bytes = b""

    def hear(self, text: str) -> None:
        """Return once it has printed ``text``."""
        assert self.process.stdout is not None
        while text.encode() not in self.heard:
            piece = self.process.stdout.read(4096)
            if not piece:
                ended = self.end()
                raise AssertionError(f"it ended without {text!r}: {ended}")
            self.heard += piece

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self, text: str = "") -> Outcome:
        """Give it the rest of its input, and wait for its end."""
        out, err = self.process.communicate(text.encode() if text else None, timeout=LIMIT)
        return Outcome(self.process.returncode, (self.heard + out).decode(), err.decode())


@dataclass(frozen=True)
class Home:
    """A data folder, a configuration folder, and the commands run over them."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of the machine's own gets in."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "STERNA_DATA_DIR": str(self.folder / "data"),
            "STERNA_CONFIG_DIR": str(self.folder / "config"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def configure(self, url: str) -> None:
        """Make the server at ``url`` the only endpoint."""
        (self.folder / "config").mkdir()
        (self.folder / "config" / "config.toml").write_text(
            f'model = "test/model"\ndiscover = false\n[endpoints.test]\nurl = "{url}"\n'
        )

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> Going:
        """A command that is going on."""
        pipe = subprocess.PIPE
        command = [STERNA, *arguments]
        return Going(subprocess.Popen(command, bufsize=0, env=self.environ, stdin=stdin, stdout=pipe, stderr=pipe))

    def run(self, *arguments: str) -> Outcome:
        """A command that has come to its end."""
        return self.start(*arguments).end()

    def json(self, *arguments: str) -> Any:
        """The object that a command prints."""
        return json.loads(self.run(*arguments, "--json").out)

    def json_lines(self, *arguments: str) -> list[Any]:
        """The objects that a command prints, one a line."""
        return [json.loads(line) for line in self.run(*arguments, "--json").out.splitlines()]

    def messages(self, name: str = "last") -> list[tuple[str, str, str]]:
        """Role, text and end of each message."""
        return [(one["role"], one["content"], one["finish"]) for one in self.json("show", name)["messages"]]
