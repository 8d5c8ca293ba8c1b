"""Writing through the names of chat memory leaves the same in both engines."""

from __future__ import annotations

import pytest
from histories import Operations, check, histories
from memory_operations import MEMORIES
from operations import SPOKEN
from tables import Postgres


@pytest.mark.parametrize("part", range(2))
@histories(MEMORIES | SPOKEN, number=25)
def test_both_engines_remember_the_same(server: Postgres, part: int, operations: Operations) -> None:
    check(server, operations)
