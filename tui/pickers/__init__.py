"""Pickers: models, themes, and the sources of the command palette."""

from __future__ import annotations

from .models import ModelPicker
from .palette import ActionCommands, ConversationCommands
from .themes import ThemePicker

__all__ = ["ActionCommands", "ConversationCommands", "ModelPicker", "ThemePicker"]
