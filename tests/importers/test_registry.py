"""Which reader takes which file, and plug-ins of other packages."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_tree import MemoryTree

from sterna.importers import Conversation, FileTree, Reader, registry
from sterna.importers.files import open_tree


class Files(Reader):
    name = "files"
    label = "Files"
    wanted: tuple[str, ...] = ()

    def detect(self, tree: FileTree) -> list[str]:
        return list(self.wanted)

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation]:
        yield from ()


def reader(name: str, *wanted: str, generic: bool = False) -> Reader:
    made: Reader = type(name, (Files,), {"name": name, "wanted": wanted, "is_generic": generic})()
    return made


def claims(tree: FileTree, *available: Reader) -> list[str]:
    return [f"{taken.name}:{path}" for taken, path in registry.find(tree, available).units]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[FileTree]:
    for path in ("a/x.json", "a/y.json", "b/z.md"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("{}")
    with open_tree(tmp_path) as opened:
        yield opened


def test_each_path_goes_to_one_reader_and_to_a_generic_one_last(tree: FileTree) -> None:
    generic = reader("generic", "a/x.json", "b/z.md", "", generic=True)
    assert claims(tree, generic, reader("one", "a"), reader("two", "a")) == ["one:a", "generic:b/z.md"]
    assert claims(tree, generic) == ["generic:a/x.json", "generic:b/z.md"]


def test_a_reader_that_fails_or_names_no_file_is_reported(tree: FileTree) -> None:
    class Failing(Files):
        name = "failing"

        def detect(self, tree: FileTree) -> list[str]:
            raise KeyError("x")

    found = registry.find(tree, [Failing(), reader("wild", "nowhere"), reader("fine", "b")])
    assert [path for _, path in found.units] == ["b"]
    assert found.problems == [
        "The reader failing failed: KeyError: 'x'.",
        "The reader wild names a file that is not there.",
    ]


def test_what_is_known_and_cannot_be_read_is_named_with_what_to_export() -> None:
    listed = MemoryTree({"group_chats.json": {"chats": [{"id": "g"}, {"id": "h"}]}, "empty/group_chats.json": "[]"})
    (sentence,) = registry.find(listed, []).problems
    assert sentence.startswith("group_chats.json lists 2 group chats, whose messages ChatGPT does not export.")
    folder = "backup/IndexedDB/file__0.indexeddb.leveldb"
    database = MemoryTree({f"{folder}/CURRENT": "MANIFEST-000001\n", "CURRENT": "MANIFEST-000001\n"})
    (sentence,) = registry.find(database, []).problems
    assert sentence.startswith(f"{folder} is the database of a browser (LevelDB)")
    assert "slim backup" in sentence


def test_a_broken_plug_in_is_reported_and_the_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def __init__(self, name: str, loaded: object) -> None:
            self.name, self.loaded = name, loaded

        def load(self) -> object:
            if isinstance(self.loaded, Exception):
                raise self.loaded
            return self.loaded

    class Strange(Files):
        name = "Not A Name"

    entries = [Entry("good", Files), Entry("gone", ImportError("No module named x")), Entry("odd", int)]
    entries.append(Entry("strange", Strange))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    registry.readers.cache_clear()
    try:
        found = registry.readers()
    finally:
        registry.readers.cache_clear()
    assert found.named("files") is not None
    assert [problem.split(" cannot")[0] for problem in found.problems] == [
        "The importer gone",
        "The importer odd",
        "The importer strange",
    ]


def test_every_built_in_reader_has_the_name_that_the_table_gives_it() -> None:
    for name in registry.BUILT_IN:
        found = registry.readers().named(name)
        assert found is not None
        assert found.label
