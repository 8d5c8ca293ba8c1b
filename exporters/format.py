"""What a format is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from .chat import Chat
from .files import ExportFiles


class Options(NamedTuple):
    """Choices of an export; a format ignores those that mean nothing to it."""

    branches: bool = False
    """Write branches that the chat does not show, too."""
    only_complete: bool = False
    """Leave out replies that failed or were stopped, and the messages that they answer."""


class Format(ABC):
    """A form of text in which conversations leave."""

    name: ClassVar[str]
    """Name on the command line."""
    suffix: ClassVar[str]
    """End of the name of its files."""

    @abstractmethod
    def pieces(self, chats: Iterable[Chat], files: ExportFiles, options: Options) -> Iterator[str]:
        """Yield the text of these conversations, piece by piece. ``chats`` is read once."""
