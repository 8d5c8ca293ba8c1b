"""Search over everything, as one types."""

from __future__ import annotations

from .screen import SearchScreen

__all__ = ["SearchScreen"]
