"""Messages of the open conversation."""

from __future__ import annotations

from .parts import MessageOptions
from .source import Reply
from .transcript import Transcript

__all__ = ["MessageOptions", "Reply", "Transcript"]
