"""Data exports of Claude.ai: conversations as trees or lists, projects, and what Claude remembers."""

from .reader import ClaudeAi

__all__ = ["ClaudeAi"]
