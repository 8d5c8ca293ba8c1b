"""Requests that cross widgets: a child posts one, the main screen answers it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class ConversationRequested(Message):
    """Open a conversation, at a message if one is named."""

    session_id: str | None
    """None asks for a new one."""
    message_id: str | None = None


@dataclass
class ActionRequested(Message):
    """Do what the action of that id does; a mouse click on a hint or the palette asks so."""

    action_id: str
