"""Data exports of ChatGPT: ``conversations.json``, or since 2026 ``conversations-NNN.json`` and ``.dat`` files."""

from .reader import ChatGPT

__all__ = ["ChatGPT"]
