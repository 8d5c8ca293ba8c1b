"""Runs histories, and counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from both import Both
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from operations import happen
from tables import Postgres

from tests.generated import examples

Operations = list[tuple[Any, ...]]


def histories(operations: st.SearchStrategy[tuple[Any, ...]], *, number: int) -> Callable[[Any], Any]:
    """A test that gets ``number`` histories of up to twelve operations."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        given_operations = given(operations=st.lists(operations, min_size=1, max_size=12))
        unchecked = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
        return examples(number, suppress_health_check=unchecked)(given_operations(test))

    return decorate


def check(server: Postgres, operations: Operations) -> Both:
    """Both engines keep the same after each of these."""
    with Both(server) as both:
        both.signed_up(both.email, {"name": "Ada"})
        for operation in operations:
            happen(both, operation)
        return both
