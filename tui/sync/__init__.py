"""Sync as a person sees it: the messenger of this sitting, the page behind the status line, and the sign-in."""

from __future__ import annotations

from .controller import Link, LinkFactory, Made

__all__ = ["Link", "LinkFactory", "Made"]
