"""Run every measurement, shortest first."""

from __future__ import annotations

import importlib

NAMES = ("bulk_import", "streaming", "first_paint", "opening", "sidebar", "search")

for name in NAMES:
    importlib.import_module(f"benchmarks.{name}").main()
