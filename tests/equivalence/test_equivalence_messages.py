"""PostgreSQL and the SQLite mirror keep the same of every history of messages, after each step of it."""

from __future__ import annotations

import pytest
from histories import Operations, check, histories
from operations import APPLIED, KEYLESS, SPOKEN
from tables import Postgres


@pytest.mark.parametrize("part", range(4))
@histories(SPOKEN | SPOKEN | APPLIED | KEYLESS, number=20)
def test_both_engines_keep_the_same_of_any_conversation(server: Postgres, part: int, operations: Operations) -> None:
    check(server, operations)
