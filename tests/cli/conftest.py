"""Fixtures: the command line, run in this process in its own folder, with a scripted provider."""

from __future__ import annotations

import gc
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sterna import cli
from sterna.config.log_file import LogFile
from tests.fake_openai import Server


@dataclass(frozen=True)
class Result:
    """Result of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the only object that was printed."""
        return json.loads(self.out)

    def lines(self) -> list[Any]:
        """Return the objects that were printed, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set up folders for the test, without keys, locale and colors of the device."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENROUTER_API_KEY", "NO_COLOR", "_STERNA_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STERNA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("STERNA_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    (tmp_path / "config").mkdir()
    return tmp_path


@pytest.fixture
def configured(home: Path, server: Server) -> Path:
    """Return a home whose model is that of the scripted provider."""
    (home / "config" / "config.toml").write_text(
        f'model = "test/model"\ndiscover = false\nretries = 0\n[endpoints.test]\nurl = "{server.url}"\n'
    )
    return home


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a function that runs the command line with arguments and input."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    # it would keep everything that this test makes from being collected, and the tests after it go on in this process
    monkeypatch.setattr(gc, "freeze", lambda: None)

    def command(*arguments: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capfd.readouterr()
        code = cli.main(list(arguments))
        out, err = capfd.readouterr()
        return Result(code, out, err)

    yield command
    root = logging.getLogger()
    for handler in [item for item in root.handlers if isinstance(item, LogFile)]:
        root.removeHandler(handler)
    logging.captureWarnings(False)
    gc.enable()
