"""A store on a real file, whose clock the test owns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from ticking import Ticking

from storage import Store

settings.register_profile("sterna", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sterna")


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def store(tmp_path: Path, clock: Ticking) -> Iterator[Store]:
    opened = Store.open(tmp_path / "account.db", clock=clock)
    yield opened
    opened.close()
