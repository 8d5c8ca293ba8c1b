"""Folding of long pastes into one short label each.

A paste that does not fit into the prompt hides what is written around it, and a text area lays out every line it holds:
with a megabyte, one paste takes a second and each resize a third of one. So a long paste is shown as a label that is
edited as one character; its text is kept beside it and put back when the prompt is sent or saved as a draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..counts import counted

LONG_CHARACTERS = 2_000
LONG_LINES = 12
"""Limits of a paste that is not folded."""

FOLD_CHARACTERS = 16_000
FOLD_LINES = 200
"""Limits of a draft that is not folded."""

UNFOLD_CHARACTERS = 100_000
"""Longest paste that is unfolded in the prompt."""

OPEN, CLOSE = "\x02", "\x03"
"""Marks around a paste in a draft. The prompt itself never holds a control character."""

_LABEL = re.compile(r"\[pasted [^\[\]\n]{1,60}\]")
_FOLDED = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")


class Pastes:
    """Texts of the labels in a prompt."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """Return a label for a text."""
        number, label = 1, _label(text)
        while self._texts.get(label, text) != text:
            number += 1
            label = _label(text, number)
        self._texts[label] = text
        return label

    def expand(self, text: str) -> str:
        """Return the text with every label replaced by its paste."""
        return _LABEL.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def to_draft(self, text: str) -> str:
        """Return the text with every label replaced by its paste, marked so that :meth:`from_draft` finds it again."""
        return _LABEL.sub(
            lambda match: f"{OPEN}{self._texts[match[0]]}{CLOSE}" if match[0] in self._texts else match[0], text
        )

    def from_draft(self, draft: str) -> str:
        """Return a draft as the prompt shows it."""
        text = _FOLDED.sub(lambda match: self.fold(match[1]), draft)
        return self.fold(text) if is_big(text) else text

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of each label in a line."""
        for match in _LABEL.finditer(line):
            if match[0] in self._texts:
                yield match.span()

    def find(self, line: str, column: int) -> tuple[int, int, str] | None:
        """Return start, end and paste of the label at or right before a column of a line."""
        for start, end in self.spans(line):
            if start <= column <= end:
                return start, end, self._texts[line[start:end]]
        return None


def plain(draft: str) -> str:
    """Return the text of a draft as it would be sent."""
    return draft.replace(OPEN, "").replace(CLOSE, "")


def is_long(text: str) -> bool:
    """Return whether a paste is to be folded."""
    return len(text) > LONG_CHARACTERS or _line_count(text) > LONG_LINES


def is_big(text: str) -> bool:
    """Return whether a draft is to be folded."""
    return len(text) > FOLD_CHARACTERS or _line_count(text) > FOLD_LINES


def _line_count(text: str) -> int:
    """Return the number of lines; a line end at the end of the text begins no further one."""
    return text.count("\n") + (not text.endswith("\n"))


def _label(text: str, number: int = 1) -> str:
    lines = counted(_line_count(text), "line")
    suffix = f", no. {number}" if number > 1 else ""
    if not is_big(text) and "\n" in text:
        return f"[pasted {lines}{suffix}]"
    size = len(text.encode("utf-8", "replace"))
    amount = f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1_000:.0f} kB"
    return f"[pasted {amount}, {lines}{suffix}]"
