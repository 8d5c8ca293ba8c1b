"""Cache of context lengths, kinds of input, prices and quirks of models, in a file.

A file that is damaged, of another version or not writable counts as empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .events import Model
from .model_traits import price_map
from .quirks import Quirks

VERSION = 1
MAX_AGE = 7 * 86_400.0
"""Seconds for which the context lengths of a list are valid."""
MAX_BYTES = 16 * 1024 * 1024
MAX_MODELS = 20_000


class ModelCache:
    """Context lengths and quirks of models, by the url of their endpoint. Without a file it lasts for the process."""

    def __init__(self, path: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._cached: dict[str, Any] | None = None

    def context_length(self, url: str, model: str) -> int | None:
        """Return the context length of a model: as stated by an error, else by the list; None if neither is known."""
        stated = self._model(url, model).get("limit")
        listed = self._lengths(url).get(model)
        return next((length for length in (stated, listed) if _is_count(length)), None)

    def is_listed(self, url: str) -> bool:
        """Return whether the list of an endpoint is cached and fresh."""
        entry = self._endpoint(url)
        listed_at = entry.get("listed_at")
        if not isinstance(entry.get("inputs"), dict):
            return False  # saved by a version that did not keep them
        return isinstance(listed_at, (int, float)) and 0 <= self._now() - listed_at < MAX_AGE

    def input_modalities(self, url: str, model: str) -> tuple[str, ...]:
        """Return the kinds of input that a model takes; empty where the list did not say."""
        inputs = self._endpoint(url).get("inputs")
        known = inputs.get(model) if isinstance(inputs, dict) else None
        return tuple(item for item in known if isinstance(item, str)) if isinstance(known, list) else ()

    def prices(self, url: str, model: str) -> Mapping[str, str]:
        """Return the prices of a model by their names in a list; empty where the list did not state them."""
        prices = self._endpoint(url).get("prices")
        known = prices.get(model) if isinstance(prices, dict) else None
        return price_map(known) if isinstance(known, dict) else {}

    def save_list(self, url: str, models: Iterable[Model]) -> None:
        """Save the context lengths and kinds of input in a list of models."""
        first = list(models)[:MAX_MODELS]
        lengths = {model.id: model.context_length for model in first if model.context_length}
        inputs = {model.id: list(known) for model in first if (known := model.traits.input_modalities)}
        entry = self._entry(url)
        entry["prices"] = {model.id: dict(prices) for model in first if (prices := model.traits.pricing)}
        entry["lengths"], entry["inputs"], entry["listed_at"] = lengths, inputs, self._now()
        for name, details in entry.get("models", {}).items():
            if isinstance(details, dict) and name in lengths:
                details.pop("limit", None)  # the list is authoritative, and the server may have been reconfigured
        self._write()

    def save_context_length(self, url: str, model: str, limit: int) -> None:
        """Save the context length that an error stated."""
        if self.context_length(url, model) != limit:
            self._entry(url).setdefault("models", {}).setdefault(model, {})["limit"] = limit
            self._write()

    def quirks(self, url: str, model: str) -> Quirks:
        """Return the quirks of a model."""
        return Quirks.from_json(self._model(url, model).get("quirks"))

    def save_quirks(self, url: str, model: str, quirks: Quirks) -> None:
        """Save the quirks of a model."""
        self._entry(url).setdefault("models", {}).setdefault(model, {})["quirks"] = quirks.as_json()
        self._write()

    def _model(self, url: str, model: str) -> Mapping[str, Any]:
        models = self._endpoint(url).get("models")
        details = models.get(model) if isinstance(models, dict) else None
        return details if isinstance(details, dict) else {}

    def _lengths(self, url: str) -> Mapping[str, Any]:
        lengths = self._endpoint(url).get("lengths")
        return lengths if isinstance(lengths, dict) else {}

    def _endpoint(self, url: str) -> Mapping[str, Any]:
        entry = self._loaded().get(_key(url))
        return entry if isinstance(entry, dict) else {}

    def _entry(self, url: str) -> dict[str, Any]:
        cached = self._loaded()
        entry = cached.get(_key(url))
        if not isinstance(entry, dict):
            entry = cached[_key(url)] = {}
        if not isinstance(entry.get("models", {}), dict):
            del entry["models"]
        return entry

    def _loaded(self) -> dict[str, Any]:
        if self._cached is None:
            self._cached = _read(self._path) if self._path is not None else {}
        return self._cached

    def _write(self) -> None:
        if self._path is None:
            return
        text = json.dumps({"version": VERSION, "places": self._loaded()}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            import tempfile  # slow to load, and seldom needed

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
        if path.stat().st_size > MAX_BYTES:
            return {}
        cached = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    entries = cached.get("places") if isinstance(cached, dict) and cached.get("version") == VERSION else None
    return entries if isinstance(entries, dict) else {}


def _key(url: str) -> str:
    """Return the key of an endpoint, which does not reveal its url: a url may contain a password."""
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:24]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
