"""Import of other programs' histories in the background: what is read is read in a thread, a few messages at a time go
to the store, so that typing never waits. Closing the page does not end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sterna import storage

if TYPE_CHECKING:
    from sterna.importers.files import Files
    from sterna.importers.importing import Account, Import, Unit
    from sterna.storage import StoreThread, UndoneImport

MOST_DROPPED = 5_000
"""Files of a dropped folder that is looked through."""
AT_ONCE = 250
"""Messages in one transaction: what is typed is stored between two of them."""
UNDONE_AT_ONCE = 500
"""Messages of one transaction of an undo."""
Phase = Literal["empty", "looking", "found", "importing", "done", "stopped", "undoing", "undone", "failed"]
T = TypeVar("T")


class ImportJob:
    """Import of one path: what is found in it, how far it is, and what became of it."""

    def __init__(self, store: StoreThread, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._pool: ThreadPoolExecutor | None = None
        self._tree: Files | None = None
        self._units: list[Unit] = []
        self._is_stopping = False
        self._began = 0.0
        self.phase: Phase = "empty"
        self.path = Path()
        self.problem = ""
        """Why nothing can be imported."""
        self.problems: list[str] = []
        """What cannot be read beside the rest."""
        self.account: Account | None = None
        """Counts of what was found; while importing and after it, of what was done."""
        self.done = 0.0
        """Part that has been read, from 0 to 1."""
        self.run = 0
        self.undone: UndoneImport | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called after each step."""

    @property
    def is_running(self) -> bool:
        return self.phase in ("looking", "importing", "undoing")

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the seconds that the rest takes; None where there is none yet."""
        elapsed = monotonic() - self._began
        return elapsed * (1 - self.done) / self.done if self.done > 0.02 and elapsed > 1 else None

    @property
    def rate(self) -> float:
        """Conversations in a second."""
        elapsed = monotonic() - self._began
        return self.account.total("found") / elapsed if self.account is not None and elapsed > 0.1 else 0.0

    async def look(self, path: Path) -> None:
        """Recognize what a path has, and count what is new of it. Nothing is changed."""
        await self.close()
        self.phase, self.path, self.problem, self.account, self.undone = "looking", path, "", None, None
        self.problems = []
        self._is_stopping = False
        self.changed()
        try:
            self._units = await self._in_thread(self._open, path)
        except OSError as error:
            self._fail(str(error) if not error.strerror else f"{path} cannot be read ({error.strerror}).")
            return
        if not self._units:
            self._fail(" ".join([f"{path} has no history that Sterna recognizes.", *self.problems]))
            return
        try:
            await self._go_through(0)
        except storage.StoreError as error:
            self._fail(str(error))
            return
        self.phase = "found"
        self.changed()

    async def take(self) -> None:
        """Import what was recognized."""
        while self.phase == "looking" and self._units:  # what is counted is not waited for
            self._is_stopping = True
            await asyncio.sleep(0.01)
        self.phase, self._is_stopping = "importing", False
        self.changed()
        try:
            self.run = await self._store.run(storage.ImportRuns.begin, [str(self.path.absolute())])
            try:
                await self._go_through(self.run)
            finally:
                counts = self.account.counts() if self.account is not None else {}
                await self._store.run(storage.ImportRuns.finish, self.run, counts, stopped=self._is_stopping)
        except storage.StoreError as error:
            self._fail(str(error))
            return
        self.phase = "stopped" if self._is_stopping else "done"
        self.changed()

    async def undo(self) -> None:
        """Take the import back, some conversations at a time; :meth:`stop` ends that, and the next undo goes on."""
        before, self.phase, self._is_stopping = self.phase, "undoing", False
        self.changed()
        undone: UndoneImport | None = None
        try:
            while not self._is_stopping and (undone is None or undone.after is not None):
                undone = await self._store.run(storage.ImportRuns.undo_some, self.run, undone, messages=UNDONE_AT_ONCE)
                self.undone = undone
                self.changed()
        except storage.StoreError as error:
            self._fail(str(error))
            return
        self.phase = "undone" if undone is not None and undone.after is None else before
        self.changed()

    def stop(self) -> None:
        """Stop after the messages that are being written; what is imported stays."""
        self._is_stopping = True

    async def close(self) -> None:
        """Let go of the files."""
        self._is_stopping = True
        if self._pool is not None:
            await self._in_thread(self._close)
            self._pool.shutdown(wait=False)
            self._pool = None
        self._units = []

    async def _go_through(self, run: int) -> None:
        """Read everything; with a run, write it too."""
        from sterna.importers.importing import Import

        assert self._tree is not None
        work = Import(self._tree, self._units, now=self._clock(), batch_messages=AT_ONCE)
        self.account, self.done, self._began = work.account, 0.0, monotonic()
        batches = work.batches()
        try:
            while not self._is_stopping:
                batch = await self._in_thread(next, batches, None)
                if batch is None:
                    self.done = 1.0
                    return
                await self._write(work, batch, run)
                self.done = batch.done
                self.changed()
        finally:
            await self._in_thread(batches.close)

    async def _write(self, work: Import, batch: Any, run: int) -> None:
        compared = await self._store.run(storage.Imports.compare, batch.conversations)
        if not run:
            work.count(batch, [each for each, _ in compared])
            return
        files: list[storage.Attachment] = []
        if any(conversation.files for conversation in batch.conversations):
            kept = await self._store.run(_attachment_files)
            files = await self._in_thread(work.keep_files, batch, compared, kept)
        work.count(batch, await self._store.run(storage.Imports.take, run, batch.conversations, files))

    def _open(self, path: Path) -> list[Unit]:
        from sterna.importers.files import open_tree
        from sterna.importers.registry import find

        self._tree = open_tree(path)
        found = find(self._tree)
        self.problems = [*self._tree.problems, *found.problems]
        return found.units

    def _close(self) -> None:
        if self._tree is not None:
            self._tree.close()
            self._tree = None

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in the one thread of this job: a database is read in the thread that opened it."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "import")
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    def _fail(self, reason: str) -> None:
        self.phase, self.problem = "failed", reason
        self.changed()


def _attachment_files(store: storage.Store) -> storage.AttachmentFiles:
    return store.attachment_files


def dropped_history(paths: Sequence[Path]) -> tuple[Path, list[str]] | None:
    """Return a dropped path with the names of the programs whose histories it has; None for anything else.

    It reads beginnings of files: call it in a thread.
    """
    from sterna.importers.files import open_tree
    from sterna.importers.registry import find

    if len(paths) != 1 or not _may_be_history(paths[0]):
        return None
    try:
        with open_tree(paths[0], most_files=MOST_DROPPED) as tree:
            labels = dict.fromkeys(reader.label for reader, _ in find(tree).units if not reader.is_generic)
    except OSError:
        return None
    return (paths[0], list(labels)) if labels else None


def _may_be_history(path: Path) -> bool:
    if path.is_dir():
        return True
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith((b"{", b"[", b"PK\x03\x04", b"SQLite format 3"))
