"""Everything that can happen, mixed, and what both engines must refuse."""

from __future__ import annotations

import pytest
from account_operations import ACCOUNT
from histories import Operations, check, histories
from memory_operations import MEMORIES
from operations import APPLIED, KEYLESS, LISTED, REFUSED, SPOKEN
from tables import Postgres
from visit_operations import VISITS


@pytest.mark.parametrize("part", range(2))
@histories(SPOKEN | LISTED | ACCOUNT | MEMORIES | VISITS | APPLIED | KEYLESS, number=25)
def test_both_engines_keep_the_same_whatever_happens(server: Postgres, part: int, operations: Operations) -> None:
    check(server, operations)


@histories(SPOKEN | REFUSED, number=30)
def test_what_one_engine_refuses_the_other_refuses_and_nothing_changes(
    server: Postgres, operations: Operations
) -> None:
    check(server, operations)
