"""Search through all titles and messages, as the user types."""

from __future__ import annotations

from .screen import SearchScreen

__all__ = ["SearchScreen"]
