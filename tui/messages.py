"""Requests that cross widgets: a widget posts one, the main screen or the application answers it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class ConversationRequested(Message):
    """Open a conversation, at a message if one is named."""

    conversation_id: str | None
    """None asks for a new one."""
    message_id: str | None = None


@dataclass
class ActionRequested(Message):
    """Run the action of that id, as a click on a hint does."""

    action_id: str


class OpenRequested(Message):
    """Open the history again, which could not be opened before."""


class RestartRequested(Message):
    """Start the program anew: it is to show the history of another account."""
