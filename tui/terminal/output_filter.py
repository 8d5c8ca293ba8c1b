"""Output filter: whatever a widget drew, no control character reaches the terminal.

Every widget already cleans what it shows. This filter sees every line of every widget once more, so that a forgotten
call cannot send an escape sequence to the terminal. Where the terminal knows only ASCII it also replaces each glyph.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

LOOKALIKES: Mapping[str, str] = {
    **dict.fromkeys("─━═╌┄▁▂▃▄▔⎯–—−‐‑", "-"),
    **dict.fromkeys("│┃║╎┆▏▎▍▌▋▊▉▐▕⎸⎹", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋", "+"),
    **dict.fromkeys("•●◆■▪⬤★✦", "*"),
    "☆": "-",
    **dict.fromkeys("○◇□·∙…", "."),
    **dict.fromkeys("▶▸›❯»→⏵", ">"),
    **dict.fromkeys("◀◂‹❮«←⏴", "<"),
    **dict.fromkeys("▲▴↑⇡", "^"),
    **dict.fromkeys("▼▾↓⇣", "v"),
    **dict.fromkeys("‘’‛′`", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("▅▆▇█▓▒", "#"),
    **dict.fromkeys("✗✘✕×", "x"),
    **dict.fromkeys("✓✔", "+"),
    "⚠": "!",
    "⌂": "#",
    "☐": "o",
    "☑": "x",
    "\u00a0": " ",
}


class OutputFilter(LineFilter):
    """Removes control characters from every line; with ``ascii_only`` it leaves nothing but ASCII, cell for cell."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line without control characters."""
        if all(segment.control or self._is_safe(segment.text) for segment in segments):
            return segments
        return [
            segment
            if segment.control or self._is_safe(segment.text)
            else Segment(self._safe(segment.text), segment.style)
            for segment in segments
        ]

    def _is_safe(self, text: str) -> bool:
        return text.isprintable() and (not self.ascii_only or text.isascii())

    def _safe(self, text: str) -> str:
        text = CONTROL.sub(lambda match: " " * cell_len(match[0]), text)
        return "".join(map(ascii_cell, text)) if self.ascii_only else text


@lru_cache(4096)
def ascii_cell(character: str) -> str:
    """Return ASCII of as many cells: a look-alike, the letter without its accent, else question marks."""
    if character.isascii():
        return character
    width = cell_len(character)
    plain = LOOKALIKES.get(character) or unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain if len(plain) == width else "?" * width


def wants_ascii(symbols: str, environ: Mapping[str, str]) -> bool:
    """Return whether to draw with ASCII only. Without a locale UTF-8 is assumed."""
    if symbols != "auto":
        return symbols == "ascii"
    if environ.get("TERM", "") in ("dumb", "vt100", "vt102", "vt220"):
        return True
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "UTF-8"
    return "UTF8" not in locale.upper().replace("-", "")
