"""An import: what readers yield, as batches of rows for the store, with a count of what became of everything.

It performs no SQL: whoever runs it (a command, the screen) passes each batch to the store in the store's thread.
"""

from __future__ import annotations

import io
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sterna.storage.attachments.files import AttachmentFiles
from sterna.storage.imports.records import IncomingConversation, Taken
from sterna.storage.records import Attachment

from .attached_files import keep_files
from .incoming import Refused, fingerprint, incoming
from .reader import Reader
from .records import Conversation, Skipped
from .spilled import SpilledList
from .tree import FileTree

BATCH_MESSAGES = 10_000
BATCH_CHARACTERS = 6_000_000
MOST_REASONS = 1_000
"""Skipped items that are named; more are only counted."""

Unit = tuple[Reader, str]


@dataclass(slots=True)
class SourceCount:
    """What became of the conversations of one source."""

    label: str
    found: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    older: int = 0
    """A newer state of it was here."""
    deleted: int = 0
    """It was deleted here."""
    skipped: int = 0
    messages: int = 0
    """Messages that were added."""
    kept: int = 0
    """Texts and titles that were changed here and stayed."""


@dataclass(slots=True)
class Account:
    """Honest account of an import."""

    sources: dict[str, SourceCount] = field(default_factory=dict)
    skipped: list[tuple[str, Skipped]] = field(default_factory=list)
    """Names of sources and what was not read."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what was left out of conversations that were taken."""

    def total(self, name: str) -> int:
        """Return the sum of one count over all sources."""
        return sum(getattr(count, name) for count in self.sources.values())

    def counts(self) -> dict[str, int]:
        """Return the sums of all sources."""
        names = ("found", "new", "updated", "unchanged", "older", "deleted", "skipped", "messages", "kept")
        return {name: self.total(name) for name in names}

    def join(self, other: Account) -> None:
        """Add the account of another part of the same import."""
        for name, count in other.sources.items():
            mine = self.sources.setdefault(name, SourceCount(count.label))
            for key in other.counts():
                setattr(mine, key, getattr(mine, key) + getattr(count, key))
        self.skipped += other.skipped
        self.notes += other.notes

    def add(self, source: str, taken: Taken) -> None:
        count = self.sources[source]
        if taken.status == "refused":
            self.skip(source, Skipped("It has an id or a value that cannot be stored.", taken.id))
            return
        count.found += 1
        setattr(count, taken.status, getattr(count, taken.status) + 1)
        if taken.status in ("new", "updated"):
            count.messages += taken.messages
        count.kept += taken.kept

    def skip(self, source: str, item: Skipped) -> None:
        self.sources[source].found += 1
        self.sources[source].skipped += 1
        if len(self.skipped) < MOST_REASONS:
            self.skipped.append((source, item))

    def note(self, sentence: str) -> None:
        if len(self.notes) < MOST_REASONS:
            self.notes.append(sentence)


@dataclass(slots=True)
class Batch:
    """Conversations for one transaction."""

    conversations: list[IncomingConversation]
    done: float
    """Part of the whole that has been read, from 0 to 1."""


class Import:
    """One import of some units of a tree."""

    def __init__(
        self,
        tree: FileTree,
        units: Sequence[Unit],
        *,
        now: datetime,
        tags: tuple[str, ...] = (),
        batch_messages: int = BATCH_MESSAGES,
    ) -> None:
        self.account = Account()
        self.is_stopped = False
        """Set it to stop reading; what was read until then is still to be written."""
        self._tree = _CountedTree(tree)
        self._units = units
        self._now = now
        self._tags = tags
        self._batch_messages = batch_messages
        self._new: set[str] = set()
        for reader, _ in units:
            self.account.sources.setdefault(reader.name, SourceCount(reader.label))

    def batches(self) -> Generator[Batch]:
        """Yield everything in batches. What cannot be read is in the account."""
        weights = [self._weight(path) for _, path in self._units]
        whole, before = sum(weights) or 1, 0
        batch: list[IncomingConversation] = []
        messages = characters = 0
        for (reader, path), weight in zip(self._units, weights, strict=True):
            if self.is_stopped:
                break
            self._tree.read = 0
            for conversation in self._conversations(reader, path):
                batch.append(conversation)
                messages += len(conversation.messages)
                characters += _size(conversation)
                if messages >= self._batch_messages or characters >= BATCH_CHARACTERS:
                    yield Batch(batch, (before + min(self._tree.read, weight)) / whole)
                    batch, messages, characters = [], 0, 0
            before += weight
        if batch:
            yield Batch(batch, 1.0)

    def keep_files(
        self, batch: Batch, compared: Sequence[tuple[Taken, Sequence[int]]], files: AttachmentFiles
    ) -> list[Attachment]:
        """Keep the files of the messages that will be written, and return them for the store."""
        kept: list[Attachment] = []
        for conversation, (_, places) in zip(batch.conversations, compared, strict=True):
            if conversation.files and places:
                kept += keep_files(conversation, places, files)
        return kept

    def count(self, batch: Batch, taken: Sequence[Taken]) -> None:
        """Add the result of a batch to the account."""
        for conversation, result in zip(batch.conversations, taken, strict=True):
            if result.status == "new" and result.id in self._new:  # it is in two files, and nothing was written yet
                result = Taken(result.id, "unchanged")
            self._new.add(result.id)
            self.account.add(conversation.source, result)
            for sentence in conversation.notes:
                self.account.note(f"{conversation.title[:60]}: {sentence}")

    def _conversations(self, reader: Reader, path: str) -> Iterator[IncomingConversation]:
        file_time = self._file_time(path)
        begun: Counter[str] = Counter()
        items: Iterator[Conversation | Skipped] | None = None
        while not self.is_stopped:
            try:
                items = iter(reader.read(self._tree, path)) if items is None else items
                item = next(items, None)
            except Exception as error:  # noqa: BLE001 - a reader of another package may raise anything
                what = str(error) if isinstance(error, OSError | ValueError | sqlite3.Error) and str(error) else ""
                reason = what or f"The reader failed ({type(error).__name__}: {error})."
                self.account.skip(reader.name, Skipped(reason, where=path))
                return
            if item is None:
                return
            if isinstance(item, Skipped):
                self.account.skip(reader.name, item if item.where else replace(item, where=path))
                continue
            try:
                occurrence = 0
                if not item.id:
                    name = fingerprint(item)
                    occurrence = begun[name]
                    begun[name] += 1
                yield incoming(
                    item, reader.name, now=self._now, file_time=file_time, occurrence=occurrence, tags=self._tags
                )
            except Refused as error:
                self.account.skip(reader.name, Skipped(str(error), item.id, path))
            except (TypeError, ValueError, AttributeError, KeyError, OverflowError, RecursionError) as error:
                reason = f"It cannot be stored ({type(error).__name__}: {error})."
                self.account.skip(reader.name, Skipped(reason, str(item.id), path))

    def _weight(self, path: str) -> int:
        """Return the bytes that a reader is expected to read of a unit."""
        if path in self._tree.files:
            return self._tree.size(path)
        return sum(
            self._tree.size(each) for each in self._tree.children(path) if b"\0" not in self._tree.head(each)[:512]
        )

    def _file_time(self, path: str) -> float | None:
        if path in self._tree.files:
            return self._tree.modified(path)
        times = (self._tree.modified(each) for each in self._tree.children(path))
        return max((at for at in times if at is not None), default=None)


def _size(conversation: IncomingConversation) -> int:
    """Return the characters that a conversation has, in memory or in a file."""
    if isinstance(conversation.messages, SpilledList):
        return conversation.messages.size
    rows = sum(
        len(row["content"]) + len(row["metadata"]) + len(row["reasoning"] or "") for row in conversation.messages
    )
    return rows + sum(file.size for files in conversation.files.values() for file in files)


class _CountedTree(FileTree):
    """Tree that counts the bytes which are read."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self.files = frozenset(tree.paths)
        self.read = 0

    @property
    def paths(self) -> Sequence[str]:
        return self._tree.paths

    def open(self, path: str) -> BinaryIO:
        return io.BufferedReader(_Counted(self._tree.open(path), self), 1 << 16)

    def head(self, path: str) -> bytes:
        return self._tree.head(path)

    def local(self, path: str) -> AbstractContextManager[Path]:
        return self._tree.local(path)

    def size(self, path: str) -> int:
        return self._tree.size(path)

    def modified(self, path: str) -> float | None:
        return self._tree.modified(path)


class _Counted(io.RawIOBase):
    def __init__(self, file: BinaryIO, tree: _CountedTree) -> None:
        self._counted = file
        self._tree = tree

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._counted.seekable()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._counted.seek(offset, whence)

    def tell(self) -> int:
        return self._counted.tell()

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._counted.read(len(buffer))
        buffer[: len(data)] = data
        self._tree.read += len(data)
        return len(data)

    def close(self) -> None:
        self._counted.close()
        super().close()
