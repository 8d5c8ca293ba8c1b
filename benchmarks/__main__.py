"""Run every measurement, shortest first."""

from __future__ import annotations

import importlib

NAMES = (
    "one_shot",
    "bulk_import",
    "import_chatgpt",
    "gather",
    "server_triggers",
    "server_append",
    "server_push",
    "sync_wire",
    "sync_bulk",
    "sync_capture",
    "sync_live",
    "sync_server",
    "streaming",
    "first_paint",
    "opening",
    "branches",
    "sidebar",
    "search",
    "stats",
    "similar",
    "meaning",
)

for name in NAMES:
    importlib.import_module(f"benchmarks.{name}").main()
