"""Prompt: multi-line input with history, folded pastes and slash commands."""

from .pastes import plain
from .prompt import Prompt

__all__ = ["Prompt", "plain"]
