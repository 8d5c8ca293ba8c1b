"""PostgreSQL and the SQLite mirror keep the same of every account, after each thing that happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from account_operations import ACCOUNT, EMAIL, META
from both import Both
from histories import Operations, check, histories
from hypothesis import given
from operations import happen
from tables import Postgres

from tests.generated import examples


@pytest.mark.parametrize("part", range(2))
@histories(ACCOUNT, number=30)
def test_both_engines_keep_the_same_of_any_account(server: Postgres, part: int, operations: Operations) -> None:
    check(server, operations)


@examples(20)
@given(email=EMAIL, meta=META)
def test_both_engines_make_the_same_profile_of_a_first_sign_in(
    server: Postgres, email: str | None, meta: Mapping[str, Any] | None
) -> None:
    with Both(server) as both:
        both.signed_up(both.email if email else None, meta)
        happen(both, ("sign in", email, meta))
