"""Long random walks of plain SQL leave the same in both engines. ``walk.py`` takes more of them, longer ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tables import Postgres
from walk import walk

WALKS, STEPS = 6, 25
DAY = datetime.now(UTC).toordinal() * WALKS
FOUND = (114, 149, 314)
"""Seeds that led to a difference once: null seconds, corrected seconds of what had failed, seconds past int4."""


@pytest.mark.parametrize("seed", range(DAY, DAY + WALKS))
def test_both_engines_keep_the_same_along_the_walks_of_the_day(server: Postgres, seed: int) -> None:
    assert walk(server, seed, STEPS) is None


@pytest.mark.parametrize("seed", FOUND)
def test_walks_that_found_a_difference_find_none_any_more(server: Postgres, seed: int) -> None:
    assert walk(server, seed, 35) is None
