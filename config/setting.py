"""Definition of one setting: its path, what it may be, and what it is for."""

from __future__ import annotations

import math
from typing import NamedTuple

from .kinds import Kind, Value


class Setting(NamedTuple):
    """Definition of one setting."""

    path: str
    """Path in config.toml, with dots: ``ui.sidebar_width``. ``NAME``, ``MODEL`` and ``ACTION`` are placeholders."""
    kind: Kind
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf

    @property
    def expected(self) -> str:
        """Description of a valid value, for a sentence."""
        if self.choices:
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if math.isfinite(self.minimum) and math.isfinite(self.maximum):
            return f"{self.kind.phrase} from {self.minimum:g} to {self.maximum:g}"
        if math.isfinite(self.minimum):
            return f"{self.kind.phrase} of {self.minimum:g} or more"
        return self.kind.phrase

    def check(self, value: object) -> Value:
        """Return ``value`` as the program uses it, or ``None`` when it is not :attr:`expected`."""
        checked = self.kind.convert(value)
        if self.choices and checked not in self.choices:
            return None
        if isinstance(checked, (int, float)) and not isinstance(checked, bool):
            return checked if self.minimum <= checked <= self.maximum else None
        return checked
