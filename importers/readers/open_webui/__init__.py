"""Open WebUI: its database, and the chats that it exports as JSON."""

from .reader import OpenWebUi

__all__ = ["OpenWebUi"]
