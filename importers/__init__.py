"""Readers of other programs' histories, independent of where the conversations go.

A reader recognizes its files by their content and yields conversations as plain records; it knows neither the database
nor the screen. Other packages add readers through the entry point ``sterna.importers``.
"""

from .reader import Reader
from .records import ROOT, Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from .times import moment, naive_moment
from .tree import FileTree

__all__ = [
    "ROOT",
    "Attachment",
    "Conversation",
    "FileTree",
    "Message",
    "Reader",
    "Skipped",
    "Text",
    "ToolCall",
    "Unsupported",
    "moment",
    "naive_moment",
]
