"""Error of this room."""

from __future__ import annotations


class ToolError(Exception):
    """A server or a tool cannot be used; the message is a sentence for the person and the model."""
