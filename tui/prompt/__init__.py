"""Where a person writes."""

from .prompt import Prompt

__all__ = ["Prompt"]
