"""Limits of size: lines of a file, public methods of a class, and depth of inheritance among our own classes."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_rooms import DOORS, modules

MOST_LINES = 400
MOST_METHODS = 25
DEEPEST = 3

ROOMS = sorted(DOORS)


def classes(room: str) -> Iterator[type]:
    """Yield the classes that the modules of a room define."""
    for name in modules(room):
        module = importlib.import_module(f"sterna.{name}")
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                yield value


def ours(kind: type) -> list[type]:
    """Return a class and those of its bases that are defined in this package."""
    return [base for base in kind.__mro__ if base.__module__.startswith(("sterna.", __name__))]


def public_methods(kind: type) -> set[str]:
    """Return the public methods of a class and of our bases, without overrides of a method of somebody else's."""
    names = {
        name
        for base in ours(kind)
        for name, value in vars(base).items()
        if not name.startswith("_") and isinstance(value, staticmethod | classmethod | type(lambda: None))
    }
    outside = [base for base in kind.__mro__ if base not in ours(kind)]
    return {name for name in names if not any(name in vars(base) for base in outside)}


def test_no_two_modules_of_the_tests_have_one_name() -> None:
    """pytest puts their folders on the path: of two modules of one name, a whole run would import one for both."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("*.py") if "node_modules" not in path.parts)
    special = {"__init__.py", "__main__.py", "conftest.py"}
    assert sorted(name for name, count in names.items() if count > 1 and name not in special) == []


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_long(room: str) -> None:
    assert {str(path): count for path in modules(room).values() if (count := lines(path)) > MOST_LINES} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_class_has_many_public_methods(room: str) -> None:
    counts = {kind.__qualname__: len(public_methods(kind)) for kind in classes(room)}
    assert {name: count for name, count in counts.items() if count > MOST_METHODS} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_class_inherits_through_many_of_ours(room: str) -> None:
    depths = {kind.__qualname__: len(ours(kind)) for kind in classes(room)}
    assert {name: depth for name, depth in depths.items() if depth > DEEPEST} == {}


class _First:
    def one(self) -> None: ...
    def _private(self) -> None: ...


class _Second(_First, dict[str, str]):
    def two(self) -> None: ...
    def keys(self) -> None: ...  # type: ignore[override]


def test_methods_of_a_base_count_and_overrides_of_a_foreign_one_do_not() -> None:
    assert public_methods(_Second) == {"one", "two"}
    assert ours(_Second) == [_Second, _First]
