"""Exit codes of every command."""

from __future__ import annotations

OK, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""The reader of the pipe has what it wanted."""
