"""The conversation on the screen."""

from __future__ import annotations

from .parts import Look
from .source import Reply
from .transcript import Transcript

__all__ = ["Look", "Reply", "Transcript"]
