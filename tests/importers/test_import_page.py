"""The page about importing names every source, and its example is a reader that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from memory_tree import MemoryTree, read_all
from reading import said

from sterna.importers import Conversation, Reader, Skipped
from sterna.importers.registry import readers

PAGE = (Path(__file__).parents[2] / "docs/import.md").read_text("utf-8")


def test_every_source_is_on_the_page() -> None:
    table = PAGE.partition("## Sources")[2].partition("\n\n**")[0]
    first = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(first))) == sorted(readers().names)


def test_the_example_reads_what_it_says() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    reader: Reader = names["Notebook"]()
    talks = [
        {
            "id": "1",
            "name": "Birds",
            "turns": [{"who": "me", "said": "Hi", "at": 1760000000}, {"who": "it", "said": "Ho"}],
        },
        {"id": "2"},
    ]
    found, broken = read_all(reader, MemoryTree({"x": {"notebook": 1, "talks": talks}, "y": {}}))
    assert isinstance(found, Conversation)
    assert [(each.role, said(each)) for each in found.messages] == [("user", "Hi"), ("assistant", "Ho")]
    assert isinstance(broken, Skipped)
    assert len(example.splitlines()) <= 40
