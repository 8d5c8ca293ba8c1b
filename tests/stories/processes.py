"""Commands of ``sterna`` run as processes in folders of their own."""

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
    """Return what ``condition`` returns once that is true. Fail after :data:`LIMIT` seconds."""
    limit = time.monotonic() + LIMIT
    while not (result := condition()):
        assert time.monotonic() < limit, f"waited in vain until {what}"
        time.sleep(0.05)  # a condition may start a process
    return result


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@dataclass
class RunningCommand:
    """Command that is running."""

    process: subprocess.Popen[bytes]
    output: bytes = b""

    def wait_for_output(self, text: str) -> None:
        """Return once it has printed ``text``."""
        assert self.process.stdout is not None
        while text.encode() not in self.output:
            chunk = self.process.stdout.read(4096)
            if not chunk:
                ended = self.wait()
                raise AssertionError(f"exited without printing {text!r}: {ended}")
            self.output += chunk

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, text: str = "") -> Outcome:
        """Send the rest of its input, and wait until it exits."""
        out, err = self.process.communicate(text.encode() if text else None, timeout=LIMIT)
        return Outcome(self.process.returncode, (self.output + out).decode(), err.decode())


@dataclass(frozen=True)
class Home:
    """Data folder, configuration folder, and commands that use them."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment of commands, without settings of this device."""
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
        """Make the server at ``url`` the only provider."""
        (self.folder / "config").mkdir()
        (self.folder / "config" / "config.toml").write_text(
            f'model = "test/model"\ndiscover = false\n[endpoints.test]\nurl = "{url}"\n'
        )

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> RunningCommand:
        """Start a command."""
        pipe = subprocess.PIPE
        command = [STERNA, *arguments]
        return RunningCommand(
            subprocess.Popen(command, bufsize=0, env=self.environ, stdin=stdin, stdout=pipe, stderr=pipe)
        )

    def run(self, *arguments: str) -> Outcome:
        """Run a command until it exits."""
        return self.start(*arguments).wait()

    def json(self, *arguments: str) -> Any:
        """Return the object that a command prints."""
        return json.loads(self.run(*arguments, "--json").out)

    def json_lines(self, *arguments: str) -> list[Any]:
        """Return the objects that a command prints, one per line."""
        return [json.loads(line) for line in self.run(*arguments, "--json").out.splitlines()]

    def messages(self, name: str = "last") -> list[tuple[str, str, str]]:
        """Return role, text and finish of each message."""
        return [
            (message["role"], message["content"], message["finish"]) for message in self.json("show", name)["messages"]
        ]
