"""Visits and what happens in them are the same in both engines."""

from __future__ import annotations

import pytest
from account_operations import ACCOUNT
from histories import Operations, check, histories
from tables import Postgres
from visit_operations import VISITS


@pytest.mark.parametrize("part", range(2))
@histories(VISITS, number=15)
def test_both_engines_keep_the_same_visits(server: Postgres, part: int, operations: Operations) -> None:
    check(server, operations)


@histories(VISITS | ACCOUNT, number=8)
def test_visits_follow_their_account(server: Postgres, operations: Operations) -> None:
    check(server, operations)
