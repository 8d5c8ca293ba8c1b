"""List of conversations."""

from __future__ import annotations

from .sidebar import Sidebar

__all__ = ["Sidebar"]
