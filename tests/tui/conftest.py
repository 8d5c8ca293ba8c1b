"""A person's home for each test; what it is made of stands in home.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh one, with nothing of the machine's own in reach."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return Home(tmp_path)
