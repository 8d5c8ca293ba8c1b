"""One round of gathering: the files of a source that changed, as batches for the store.

It performs no SQL, so that it can run in a thread of its own: whoever runs it passes each batch to the store.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sterna.storage.attachments.files import AttachmentFiles
from sterna.storage.imports.gathered import FollowedFile, SourceChoice
from sterna.storage.imports.records import IncomingConversation
from sterna.storage.records import Attachment

from ..attached_files import keep_files
from ..incoming import Refused, fingerprint, incoming
from ..reader import Reader
from ..records import Conversation, Mark, Skipped
from ..registry import readers
from .files import FollowedTree, Found, SourceFile, excluded, find_files, followed, is_continued
from .places import Places
from .sources import SOURCES, Root, Source

BATCH_MESSAGES = 500
"""Messages of one transaction: the chat is in use meanwhile."""


@dataclass(slots=True)
class GatherBatch:
    """Conversations for one transaction, and the state of the files that were read to their ends."""

    conversations: list[IncomingConversation] = field(default_factory=list)
    files: dict[str, FollowedFile] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def messages(self) -> int:
        return sum(len(conversation.messages) for conversation in self.conversations)

    def keep_files(self, store: AttachmentFiles) -> list[Attachment]:
        """Keep the files of the messages, and return them for the store."""
        kept: list[Attachment] = []
        for conversation in self.conversations:
            if conversation.files:
                kept += keep_files(conversation, list(conversation.files), store)
        return kept


def roots_of(source: Source, places: Places, choice: SourceChoice, projects: tuple[str, ...] = ()) -> list[Root]:
    """Return where the files of a source are: its own places, and those in folders of a person."""
    roots = list(source.roots(places))
    if source.folders:
        folders = [places.expand(folder) for folder in (*choice.folders, *projects) if folder]
        roots += [Root(folder / name) for folder in dict.fromkeys(folders) for name in source.folders]
    elif choice.folders:
        patterns = roots[0].patterns if roots else ("**",)
        roots += [Root(places.expand(folder), patterns) for folder in choice.folders]
    unique: dict[Path, Root] = {}
    for root in roots:
        unique.setdefault(root.path, root)
    return list(unique.values())


def find(name: str, places: Places, choice: SourceChoice, projects: tuple[str, ...] = ()) -> Found:
    """Return the files of a source."""
    roots = roots_of(SOURCES[name], places, choice, projects)
    return find_files(roots, choice.excludes, places.home)


def available() -> list[str]:
    """Return the names of the sources that can be followed."""
    known = set(readers().names)
    return [name for name in SOURCES if name in known]


def gather(
    name: str, found: Found, before: Mapping[str, FollowedFile], choice: SourceChoice, *, now: datetime | None = None
) -> Iterator[GatherBatch]:
    """Yield what changed since ``before`` in batches, the last one with the states of files without history."""
    changed = {
        path: file
        for path, file in found.files.items()
        if file.is_history and not file.same_as(before.get(str(file.path)))
    }
    reader = readers().named(name)
    if not changed or reader is None:
        return
    work = _Work(reader, found, before, choice, now or datetime.now(UTC))
    yield from work.batches(changed, is_by_folder=SOURCES[name].is_by_folder)


class _Work:
    def __init__(
        self,
        reader: Reader,
        found: Found,
        before: Mapping[str, FollowedFile],
        choice: SourceChoice,
        now: datetime,
    ) -> None:
        self._reader = reader
        self._files = found.files
        self._before = before
        self._choice = choice
        self._now = now
        self._tree = FollowedTree(found.files)
        self._batch = GatherBatch()
        self._begun: Counter[str] = Counter()
        self._busy: set[str] = set()
        """Units that could not be read now."""

    def batches(self, changed: Mapping[str, SourceFile], *, is_by_folder: bool) -> Iterator[GatherBatch]:
        looked_at = set(changed)
        if is_by_folder:
            folders = {path.rpartition("/")[0] for path in changed}
            looked_at = {path for path in self._files if path.rpartition("/")[0] in folders}
        try:
            units = list(dict.fromkeys(self._reader.detect(self._tree.only(looked_at))))
        except Exception as error:  # noqa: BLE001 - a reader of another package may raise anything
            self._batch.skipped.append(Skipped(f"The reader failed ({type(error).__name__}: {error})."))
            units = []
        rest = dict(changed)
        for unit in units:
            mark = ""
            for batch_or_mark in self._read(unit, self._mark(unit)):
                if isinstance(batch_or_mark, Mark):
                    mark = batch_or_mark.text
                elif batch_or_mark is not None:
                    yield batch_or_mark
            if unit in self._busy:  # it is tried again in the next round
                rest.pop(unit, None)
            for path in [path for path in rest if path == unit or path.startswith(f"{unit}/" if unit else "")]:
                file = rest.pop(path)
                self._batch.files[str(file.path)] = followed(file, mark if path == unit else "")
            if self._batch.messages >= BATCH_MESSAGES:
                yield self._next()
        self._batch.files |= {str(file.path): followed(file, "") for file in rest.values()}
        yield self._next()

    def _mark(self, unit: str) -> str:
        file = self._files.get(unit)
        before = self._before.get(str(file.path)) if file is not None else None
        if file is None or before is None or not before.mark:
            return ""
        return before.mark if is_continued(file, before) else ""

    def _read(self, unit: str, mark: str) -> Iterator[GatherBatch | Mark | None]:
        try:
            for item in self._reader.read_since(self._tree, unit, mark):
                if isinstance(item, Mark):
                    yield item
                elif isinstance(item, Skipped):
                    self._batch.skipped.append(item)
                else:
                    self._take(item, unit)
                    if self._batch.messages >= BATCH_MESSAGES:
                        yield self._next()
        except Exception as error:  # noqa: BLE001 - one file never stops the others
            reason = str(error) if isinstance(error, OSError | ValueError) and str(error) else type(error).__name__
            self._batch.skipped.append(Skipped(reason, where=unit))
            if isinstance(error, OSError | sqlite3.OperationalError):
                self._busy.add(unit)

    def _take(self, conversation: Conversation, unit: str) -> None:
        if conversation.project and self._is_left_out(conversation.project):
            return
        occurrence = 0
        if not conversation.id:
            name = f"{unit}\n{fingerprint(conversation)}"
            occurrence = self._begun[name]
            self._begun[name] += 1
        file_time = self._tree.modified(unit)
        try:
            row = incoming(conversation, self._reader.name, now=self._now, file_time=file_time, occurrence=occurrence)
        except Refused:
            return  # it has no messages yet
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError, RecursionError) as error:
            self._batch.skipped.append(Skipped(f"It cannot be stored ({error}).", conversation.id, unit))
            return
        self._batch.conversations.append(row)

    def _is_left_out(self, project: str) -> bool:
        return any(excluded(pattern, Path.home()).fullmatch(project) for pattern in self._choice.excludes)

    def _next(self) -> GatherBatch:
        batch, self._batch = self._batch, GatherBatch()
        return batch
