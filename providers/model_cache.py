"""What is known of models from earlier answers, kept in a file so that the next start knows it at once.

It is a cache: a file that is damaged, of another version or not writable is the same as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .events import Model
from .quirks import Quirks

VERSION = 1
FRESH = 7 * 86_400.0
"""Seconds for which a list's context lengths are taken on trust."""
LARGEST = 16 * 1024 * 1024
MOST_MODELS = 20_000


class Memory:
    """The context lengths and the quirks of models, by endpoint. Without a file it lasts as long as the process."""

    def __init__(self, path: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._kept: dict[str, Any] | None = None

    def length(self, place: str, model: str) -> int | None:
        """Return the tokens that a model takes: as its server refused more, else as its list said."""
        learned = self._model(place, model).get("limit")
        listed = self._lengths(place).get(model)
        return next((one for one in (learned, listed) if _is_count(one)), None)

    def is_listed(self, place: str) -> bool:
        """Tell whether the list of a place is known and fresh."""
        at = self._place(place).get("listed_at")
        return isinstance(at, (int, float)) and 0 <= self._now() - at < FRESH

    def keep_list(self, place: str, models: Iterable[Model]) -> None:
        """Keep the lengths in a list of models."""
        lengths = {one.id: one.context_length for one in list(models)[:MOST_MODELS] if one.context_length}
        entry = self._entry(place)
        entry["lengths"], entry["listed_at"] = lengths, self._now()
        for name, learned in entry.get("models", {}).items():
            if isinstance(learned, dict) and name in lengths:
                learned.pop("limit", None)  # the server says it itself, and may have been set up anew
        self._write()

    def keep_limit(self, place: str, model: str, limit: int) -> None:
        """Keep the length that a refusal named."""
        if self.length(place, model) != limit:
            self._entry(place).setdefault("models", {}).setdefault(model, {})["limit"] = limit
            self._write()

    def quirks(self, place: str, model: str) -> Quirks:
        """Return what was learned of a model."""
        return Quirks.from_json(self._model(place, model).get("quirks"))

    def keep_quirks(self, place: str, model: str, quirks: Quirks) -> None:
        """Keep what was learned."""
        self._entry(place).setdefault("models", {}).setdefault(model, {})["quirks"] = quirks.as_json()
        self._write()

    def _model(self, place: str, model: str) -> Mapping[str, Any]:
        models = self._place(place).get("models")
        found = models.get(model) if isinstance(models, dict) else None
        return found if isinstance(found, dict) else {}

    def _lengths(self, place: str) -> Mapping[str, Any]:
        lengths = self._place(place).get("lengths")
        return lengths if isinstance(lengths, dict) else {}

    def _place(self, place: str) -> Mapping[str, Any]:
        found = self._loaded().get(_key(place))
        return found if isinstance(found, dict) else {}

    def _entry(self, place: str) -> dict[str, Any]:
        kept = self._loaded()
        found = kept.get(_key(place))
        if not isinstance(found, dict):
            found = kept[_key(place)] = {}
        if not isinstance(found.get("models", {}), dict):
            del found["models"]
        return found

    def _loaded(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = _read(self._path) if self._path is not None else {}
        return self._kept

    def _write(self) -> None:
        if self._path is None:
            return
        text = json.dumps({"version": VERSION, "places": self._loaded()}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                    file.write(text)
                os.replace(name, self._path)
            except OSError:
                os.unlink(name)
                raise


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            return {}
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    places = kept.get("places") if isinstance(kept, dict) and kept.get("version") == VERSION else None
    return places if isinstance(places, dict) else {}


def _key(place: str) -> str:
    """Return a name for a place that tells nothing of it: an address may hold a password."""
    return hashlib.sha256(place.encode("utf-8", "replace")).hexdigest()[:24]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
