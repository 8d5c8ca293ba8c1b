"""Log of what other programs asked of the history: one JSON object per line, in the data folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAME = "mcp-calls.jsonl"
LARGEST = 1_000_000
"""Bytes of the log after which its older half is dropped."""
LONGEST = 500
"""Characters of one argument that are logged."""


class CallLog:
    """Log of tool calls. Only its owner can read it, because it has words that were searched for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def add(self, client: str, tool: str, arguments: Mapping[str, Any], result: str) -> None:
        """Write one call; ``result`` says in words what was given. Raises OSError: no answer goes unlogged."""
        short = {name: _short(value) for name, value in arguments.items() if value not in (None, "", False)}
        entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "client": client, "tool": tool}
        line = json.dumps(entry | {"arguments": short, "result": result}, ensure_ascii=False) + "\n"
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(line.encode("utf-8", "replace"))
            too_large = file.tell() > LARGEST
        if too_large:
            self._drop_older_half()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the calls, oldest first; lines that are no such objects are passed over."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry

    def _drop_older_half(self) -> None:
        lines = self.path.read_bytes().splitlines(keepends=True)
        new = self.path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(lines[len(lines) // 2 :])
        new.replace(self.path)


def _short(value: object) -> object:
    return value[:LONGEST] + "…" if isinstance(value, str) and len(value) > LONGEST else value
