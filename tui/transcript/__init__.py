"""The conversation on the screen."""

from __future__ import annotations

from .keys import BINDINGS
from .parts import Look
from .source import Reply
from .transcript import Transcript

__all__ = ["BINDINGS", "Look", "Reply", "Transcript"]
