"""Lists to choose from: models, and the sources of the command palette."""

from __future__ import annotations

from .models import ModelPicker
from .palette import ActionCommands, ConversationCommands

__all__ = ["ActionCommands", "ConversationCommands", "ModelPicker"]
