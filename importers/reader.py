"""What a reader is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from .records import Conversation, Mark, Skipped
from .tree import FileTree


class Reader(ABC):
    """Reader of one source. It has no state: one object reads any number of exports."""

    name: ClassVar[str]
    """Short name in the command line and in the ``from:`` filter: lower case, ``claude-code``. Never changes, because
    conversations are recognized by it and their id."""
    label: ClassVar[str]
    """Name of the program for people: ``Claude Code``."""
    is_generic: ClassVar[bool] = False
    """Whether many programs write this form (Markdown, OpenAI messages): it gets only what no other reader claims."""

    @abstractmethod
    def detect(self, tree: FileTree) -> list[str]:
        """Return the paths in a tree that this reader can read, each of them one unit of work.

        A unit is a file, or a folder whose files belong together (``""`` is the whole tree). Decide by content, of
        which :meth:`FileTree.head` returns the beginning, and raise nothing.
        """

    @abstractmethod
    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        """Yield the conversations of one unit, one at a time.

        An item that cannot be read becomes a :class:`Skipped` and the next one is read. An exception ends this unit
        only; the conversations yielded before are kept.
        """

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        """Yield what changed in a unit that is followed, and a Mark for the next time; ``""`` stands for the beginning.

        A Conversation with ``is_partial`` needs only its new and changed messages. Without a Mark everything is read
        whenever a file of the unit changed. The mark is forgotten when a file shrank or begins differently.
        """
        yield from self.read(tree, path)
