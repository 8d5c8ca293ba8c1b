"""State of the vectors of a history, for `sterna meaning` and `sterna doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sterna.storage import VectorFile, VectorsDamaged, vectors_path

if TYPE_CHECKING:
    from sterna.storage import HistoryReader


def vectors_state(history: HistoryReader) -> dict[str, Any]:
    """Return the model, how far the vectors are made, their number and what they take. Raises StoreError."""
    path = vectors_path(history.db.path)
    none = {"made_by": "", "done": 0.0, "parts": 0, "bytes": 0, "path": str(path)}
    try:
        file = VectorFile.open(path)
    except VectorsDamaged:
        return none
    if file is None:
        return none
    from sterna.chat.meaning.builder import part_read

    try:
        done = int(part_read(file.about, history.meaning.newest()) * 10_000) / 10_000
        made = {"made_by": file.about.model, "done": done, "parts": file.count()}
        return none | made | {"bytes": file.size_on_disk()}
    finally:
        file.close()
