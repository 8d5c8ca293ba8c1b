"""A whole import in this thread, while another one reads ahead."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .importing import Batch, Import

if TYPE_CHECKING:
    from sterna.storage import Store


def run_import(
    work: Import, store: Store, run: int, *, restore: bool = False, show: Callable[[Batch], None] = lambda batch: None
) -> None:
    """Import everything as a run; as run 0, only compare. ``show`` is called after each batch."""
    batches = work.batches()
    with ThreadPoolExecutor(1, "import") as reading, _seldom_collected():  # one: databases are read in one thread
        upcoming = reading.submit(next, batches, None)
        try:
            while (batch := upcoming.result()) is not None:
                compared = store.imports.compare(batch.conversations, restore=restore)
                if run:
                    files = reading.submit(work.keep_files, batch, compared, store.attachment_files).result()
                    upcoming = reading.submit(next, batches, None)
                    taken = store.imports.take(run, batch.conversations, files, restore=restore)
                else:
                    upcoming = reading.submit(next, batches, None)
                    taken = [each for each, _ in compared]
                work.count(batch, taken)
                show(batch)
        finally:
            reading.submit(batches.close)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Search for garbage seldom: millions of new objects are no garbage, and are freed without it."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
