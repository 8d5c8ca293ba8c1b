"""Data export of ChatGPT: one ``conversations.json``, or since 2026 many ``conversations-NNN.json`` and ``.dat`` files."""

from .reader import ChatGPT

__all__ = ["ChatGPT"]
