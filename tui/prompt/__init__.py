"""Where a person writes."""

from .pastes import plain
from .prompt import Prompt

__all__ = ["Prompt", "plain"]
