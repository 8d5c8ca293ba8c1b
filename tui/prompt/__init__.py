"""Prompt: multi-line input with history, folded pastes, slash commands and completion."""

from .prompt import Prompt
from .stored_draft import plain

__all__ = ["Prompt", "plain"]
