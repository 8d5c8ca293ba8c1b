"""gptme: a folder for each conversation, with the log that it shows, and those of its other branches."""

from .reader import Gptme

__all__ = ["Gptme"]
