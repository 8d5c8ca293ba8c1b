"""Fixtures of the stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_openai import Server
from tests.stories.processes import Home


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, server: Server) -> Home:
    made = Home(tmp_path)
    made.configure(server.url)
    return made
