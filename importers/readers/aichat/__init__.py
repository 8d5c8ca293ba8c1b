"""aichat: sessions, each a YAML file, and ``messages.md``, a log of what was asked outside of sessions."""

from .reader import Aichat

__all__ = ["Aichat"]
