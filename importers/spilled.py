"""Lists and mappings of any size: what is in them lies in a temporary file, so that memory holds one item at a time."""

from __future__ import annotations

import marshal
import os
import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator, MutableMapping, MutableSequence
from typing import Any, Generic, TypeVar, overload
from weakref import finalize

_BUFFER = 1 << 18

K = TypeVar("K")
T = TypeVar("T")


class SpilledList(MutableSequence[T], Generic[T]):
    """List in a temporary file. An item is read each time that it is asked for: to change it, put it back.

    Items that cannot be written to a file stay in memory.
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._file = tempfile.TemporaryFile(prefix="sterna-", buffering=_BUFFER)  # noqa: SIM115 - closed below
        finalize(self, self._file.close)
        self._end = self._flushed = 0
        self._starts = array("Q")
        self._sizes = array("Q")
        self._in_memory: list[T] = []
        self._last: tuple[int, T] | None = None
        self.extend(items)

    @property
    def size(self) -> int:
        """Return the bytes that were written."""
        return self._end

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        start, size = self._starts[index], self._sizes[index]
        if not size:
            return self._in_memory[start]
        if self._last is not None and self._last[0] == start:
            return self._last[1]
        if start + size > self._flushed:
            self._file.flush()
            self._flushed = self._end
        item: T = _unpacked(os.pread(self._file.fileno(), size, start))
        self._last = start, item
        return item

    @overload
    def __setitem__(self, index: int, value: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
    def __setitem__(self, index: int | slice, value: T | Iterable[T]) -> None:
        assert isinstance(index, int), "one item at a time"
        self._starts[index], self._sizes[index] = self._written(value)  # type: ignore[arg-type]

    def __delitem__(self, index: int | slice) -> None:
        del self._starts[index], self._sizes[index]

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))

    def insert(self, index: int, value: T) -> None:
        """Insert an item before another one."""
        start, size = self._written(value)
        self._starts.insert(index, start)
        self._sizes.insert(index, size)

    def append(self, value: T) -> None:
        """Add an item at the end."""
        start, size = self._written(value)
        self._starts.append(start)
        self._sizes.append(size)

    def _written(self, value: T) -> tuple[int, int]:
        """Write an item; returns where it is and its size, or its number in memory and 0."""
        self._last = None
        try:
            packed = _packed(value)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
            self._in_memory.append(value)
            return len(self._in_memory) - 1, 0
        start = self._end
        self._end += self._file.write(packed)
        return start, self._end - start


class SpilledMap(MutableMapping[K, T]):
    """Mapping whose values lie in a temporary file: to change one, put it back."""

    def __init__(self) -> None:
        self._values: SpilledList[T] = SpilledList()
        self._places: dict[K, int] = {}

    def __getitem__(self, key: K) -> T:
        return self._values[self._places[key]]

    def __setitem__(self, key: K, value: T) -> None:
        place = self._places.setdefault(key, len(self._values))
        if place < len(self._values):
            self._values[place] = value
        else:
            self._values.append(value)

    def __delitem__(self, key: K) -> None:
        del self._places[key]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[K]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _packed(value: Any) -> bytes:
    """Return a value as bytes: JSON values in the form that is read fastest."""
    try:
        return marshal.dumps(value)
    except ValueError:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _unpacked(data: bytes) -> Any:
    return pickle.loads(data) if data.startswith(pickle.PROTO) else marshal.loads(data)
