"""Number of cases that are generated for a test. They are new in each run."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

TIMES = int(os.environ.get("TIMES", "1"))
"""Factor for the number of cases; large in `make strict` and `make walks`."""


def examples(number: int, **more: Any) -> settings:
    """Return settings for ``number`` cases, times :data:`TIMES`. They decorate a test."""
    return settings(max_examples=number * TIMES, **more)
