"""Quirks of a model: parameters that it does not support, learned from rejected requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Quirks(NamedTuple):
    """Deviations of a model from the API."""

    omit: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    stream: bool | None = None
    system: bool = True
    """True if the system role is supported."""
    thinks_first: bool | None = None
    """True if the text begins with reasoning, without a tag; None before the first complete reply."""

    def as_json(self) -> dict[str, Any]:
        """Return the quirks as saved in the cache."""
        values = {
            "omit": list(self.omit),
            "rename": [list(pair) for pair in self.rename],
            "stream": self.stream,
            "system": None if self.system else False,
            "thinks_first": self.thinks_first,
        }
        return {name: value for name, value in values.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, saved: object) -> Quirks:
        """Return the saved quirks; unknown values are ignored."""
        row = saved if isinstance(saved, Mapping) else {}
        omit, rename = row.get("omit"), row.get("rename")
        return cls(
            omit=tuple(name for name in omit if isinstance(name, str)) if isinstance(omit, list) else (),
            rename=tuple((pair[0], pair[1]) for pair in rename if _is_pair(pair)) if isinstance(rename, list) else (),
            stream=False if row.get("stream") is False else None,
            system=row.get("system") is not False,
            thinks_first=first if isinstance(first := row.get("thinks_first"), bool) else None,
        )


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value)
