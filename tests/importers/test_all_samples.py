"""A folder with the histories of every program, imported twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from reading import SAMPLES

from sterna.importers.files import open_tree
from sterna.importers.importing import Account, Import
from sterna.importers.registry import find
from sterna.storage import Store


def import_all(store: Store, path: Path) -> Account:
    with open_tree(path) as tree:
        found = find(tree)
        assert found.problems == []
        work = Import(tree, found.units, now=store.db.clock())
        number = store.import_runs.begin([str(path)])
        for batch in work.batches():
            compared = store.imports.compare(batch.conversations)
            files = work.keep_files(batch, compared, store.attachment_files)
            work.count(batch, store.imports.take(number, batch.conversations, files))
        store.import_runs.finish(number, {})
        return work.account


def test_every_source_is_recognized_once_and_again_changes_nothing(store: Store) -> None:
    with open_tree(SAMPLES) as tree:
        units = Counter(path for _, path in find(tree).units)
    assert [path for path, times in units.items() if times > 1] == []
    assert {entry.name for entry in SAMPLES.iterdir()} == {path.partition("/")[0] for path in units}
    first = import_all(store, SAMPLES)
    assert all(count.new for count in first.sources.values())
    again = import_all(store, SAMPLES)
    assert {
        name: (count.new, count.updated) for name, count in again.sources.items() if count.new or count.updated
    } == {}
    assert [source for source, item in again.skipped] == [source for source, item in first.skipped]
