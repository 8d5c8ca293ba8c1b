"""Finding of ``sterna doctor``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Line of the report."""

    name: str
    detail: str
    ok: bool = True
