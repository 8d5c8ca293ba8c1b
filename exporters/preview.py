"""How an export begins, for a person to look at before it is written."""

from __future__ import annotations

from itertools import islice

from sterna.storage import HistoryReader

from .chat import Chat
from .files import ExportFiles
from .format import Options
from .registry import make

MESSAGES = 6
LENGTH = 1_200
"""Characters that are shown."""


def preview(store: HistoryReader, conversation_id: str, form: str) -> str:
    """Return the beginning of a conversation in a format. Raises NotFound."""
    messages = tuple(store.messages.after(conversation_id, None, MESSAGES))
    messages = tuple(
        message._replace(content=message.content[:LENGTH], parent_id=messages[place - 1].id if place else "")
        for place, message in enumerate(messages)
    )
    chat = Chat(store.conversations.get(conversation_id), store.conversations.settings(conversation_id), messages)
    pieces = make(form).pieces([chat], ExportFiles(), Options())
    if form == "html":  # its style comes first
        pieces = islice(pieces, 1, None)
    text = ""
    for piece in pieces:
        text += piece
        if len(text) >= LENGTH:
            return text[:LENGTH] + "…"
    return text
