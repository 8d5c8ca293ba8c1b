"""Exit codes of all commands."""

from __future__ import annotations

OK, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""Standard output is a pipe that its reader has closed."""
