"""Runs histories, and counts them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from both import Both
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operations import happen
from tables import Postgres

Operations = list[tuple[Any, ...]]
TIMES = int(os.environ.get("HISTORIES", "1"))
"""Factor for the number of histories, which are new in every run. `make walks` sets a large one."""


def histories(operations: st.SearchStrategy[tuple[Any, ...]], *, number: int) -> Callable[[Any], Any]:
    """A test that gets ``number`` histories of up to twelve operations."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        checked = settings(
            max_examples=number * TIMES,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        )
        return checked(given(operations=st.lists(operations, min_size=1, max_size=12))(test))

    return decorate


def check(server: Postgres, operations: Operations) -> Both:
    """Both engines keep the same after each of these."""
    with Both(server) as both:
        both.signed_up(both.email, {"name": "Ada"})
        for operation in operations:
            happen(both, operation)
        return both
