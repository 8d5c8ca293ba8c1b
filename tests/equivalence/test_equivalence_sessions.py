"""PostgreSQL and the SQLite mirror keep the same of every history of conversations, after each step of it."""

from __future__ import annotations

import pytest
from histories import Operations, check, histories
from operations import APPLIED, KEYLESS, LISTED
from tables import Postgres


@pytest.mark.parametrize("part", range(2))
@histories(LISTED | LISTED | APPLIED | KEYLESS, number=30)
def test_both_engines_keep_the_same_of_any_list_of_conversations(
    server: Postgres, part: int, operations: Operations
) -> None:
    check(server, operations)
