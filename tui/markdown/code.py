"""Blocks of code: with a background and a label, folded at the edge so that nothing is hidden.

The label names the language and what can be done with the block. A block that is selected has a bar at its left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from rich.cells import cell_len, chop_cells
from textual.content import Content, Span

from . import styles as looks
from .blocks import LAYOUTS, TEXT_WIDTH, Block, Prefix, fitted
from .rows import Piece, Row

TAB = 4
WHOLE = 40_000
"""Longest code, in characters, that is highlighted at once; longer code in parts, each when it is first drawn."""
PART = 200
LIVE_PART = 60
"""Lines of a part. While code arrives, parts are small: only the last one changes, twelve times a second."""
LONG = 2_000
"""Longest line that is highlighted: a longer one was not written by hand, and has too many colours."""
MARGIN, SELECTED = " ", "▎"
UNNAMED = "code"
"""Label of a block without a language."""
WORD_GAP = "  "
ADDED, REMOVED = "on $success 15%", "on $error 15%"
"""Fills of the lines of a diff."""


class Word(NamedTuple):
    """Word in the label of a block that runs an action when it is clicked."""

    action: str
    """"copy", "save" or "edit"."""
    text: str
    """Its key, when the block is selected, and the word."""


_DIFF = re.compile(r"(?:diff --git |--- \S.*\n\+\+\+ \S|@@ -\d)")

COLOURS = {
    "Comment": "$foreground 75% italic",
    "Keyword": "$text-primary",
    "Keyword.Constant": "$text-warning",
    "Operator.Word": "$text-primary",
    "Name.Builtin": "$text-secondary",
    "Name.Class": "$text-accent bold",
    "Name.Function": "$text-accent",
    "Name.Decorator": "$text-secondary",
    "Name.Tag": "$text-primary",
    "Name.Attribute": "$text-secondary",
    "Literal.String": "$text-success",
    "Literal.Number": "$text-warning",
    "Generic.Deleted": "$text-error",
    "Generic.Inserted": "$text-success",
    "Generic.Heading": "bold",
    "Generic.Subheading": "bold",
    "Generic.Emph": "italic",
    "Generic.Strong": "bold",
}
"""Colours by pygments token; a token that is not here looks like its parent."""


@lru_cache(maxsize=128)
def highlighted(code: str, language: str) -> tuple[Content, ...]:
    """Return the lines of ``code``, coloured if pygments knows ``language``."""
    return tuple(Content(code, _spans(code, language)).split("\n", allow_blank=True))


def wrapped(line: str, room: int) -> list[tuple[int, int, int]]:
    """Return the parts of a line that is folded at ``room`` cells: where each begins and ends, and its indentation.

    What is folded stands as far in as the line itself. A line is folded between words where one ends in its last half.
    """
    indent = max(0, min(len(line) - len(line.lstrip(" ")), room // 2, room - 4))
    parts: list[tuple[int, int, int]] = []
    start = free = 0
    while True:
        end = start + max(1, len((chop_cells(line[start : start + 4 * room], room - free) or [""])[0]))
        if end >= len(line):
            return [*parts, (start, len(line), free)]
        if (space := line.rfind(" ", start + (end - start) // 2, end + 1)) > start + indent:
            end = space + 1  # a space that ends a row may stand in the margin
        parts.append((start, end, free))
        start, free = end, indent


def _spans(code: str, language: str) -> list[Span]:
    if not language:
        return []
    from pygments.lexers import get_lexer_by_name
    from pygments.token import string_to_tokentype
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except (ClassNotFound, ValueError):
        return []
    styles = {string_to_tokentype(name): style for name, style in COLOURS.items()}
    spans: list[Span] = []
    position = 0
    try:
        for kind, text in lexer.get_tokens(code):
            end = position + len(text)
            style = next((styles[part] for part in reversed(kind.split()) if part in styles), "")
            if style:
                spans.append(Span(position, end, style))
            position = end
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Some of pygments' several hundred lexers stumble over code that is not of their language.
        return []
    return spans if position == len(code) else []


class CodeBlock(Block):
    """Fenced or indented block of code."""

    def __init__(
        self, code: str, language: str = "", *, prefix: Prefix | None = None, gap: int = 1, live: bool = False
    ) -> None:
        self.code = code
        """Code as it was written, tabs included."""
        self.language = language
        self.prefix = prefix or Prefix()
        self.gap = gap
        self.live = live
        self.words: Sequence[Word] = ()
        """Words of the label; to be set before the block is laid out."""
        self.is_selected = False
        self._layouts: dict[int, list[tuple[int, int, int, int]]] = {}

    @cached_property
    def lines(self) -> Sequence[str]:
        return self.code.expandtabs(TAB).split("\n")

    def height(self, width: int) -> int:
        return len(self._layout(width)) + self._label_rows

    def row(self, width: int, index: int) -> Row:
        prefix = fitted(self.prefix.rest if index else self.prefix.first, width)
        margin = Content.styled(SELECTED, looks.SELECTED) if self.is_selected else Content(MARGIN)
        if index < self._label_rows:
            return Row((Piece(margin), Piece(self._label(width))), 0, prefix, looks.CODE_FILL, self._edge)
        line, start, end, indent = self._layout(width)[index - self._label_rows]
        pieces = Piece(margin), Piece(Content(" " * indent)), Piece(self._line(line)[start:end], start)
        return Row(pieces, line, prefix, self._fill(line), self._edge)

    def action_at(self, width: int, index: int, cell: int) -> str | None:
        """Return the action of the word at that cell of row ``index``, if there is one."""
        if index >= self._label_rows:
            return None
        return next((word.action for word, start, end in self._placed(width) if start <= cell < end), None)

    def same(self, other: Block) -> bool:
        return (
            isinstance(other, CodeBlock)
            and (self.code, self.language, self.gap, self.live) == (other.code, other.language, other.gap, other.live)
            and all(mine.is_same(theirs) for mine, theirs in zip(self.prefix, other.prefix, strict=True))
        )

    @cached_property
    def _edge(self) -> int:
        """Cell where the background ends: with the prose above and below it, unless a line is longer."""
        longest = max(cell_len(line) for line in self.lines) + 2 * len(MARGIN) + self.prefix.rest.cell_length
        return max(TEXT_WIDTH, longest)

    @property
    def _label_rows(self) -> int:
        """Number of rows that the label takes."""
        return 1 if self.language or self.words else 0

    def _label(self, width: int) -> Content:
        """Return the label: the language at the left, the words at the right."""
        room = width - fitted(self.prefix.rest, width).cell_length - 2 * len(MARGIN)
        placed = self._placed(width)
        name = Content.styled(self.language or UNNAMED, looks.SELECTED if self.is_selected else looks.MUTED)
        if not placed:
            return name.truncate(max(0, room), ellipsis=True)
        words = Content(WORD_GAP).join(Content.styled(word.text, looks.MUTED) for word, _, _ in placed)
        end = placed[-1][2] - fitted(self.prefix.rest, width).cell_length - len(MARGIN)
        return Content.assemble(name, " " * (end - name.cell_length - words.cell_length), words)

    def _placed(self, width: int) -> list[tuple[Word, int, int]]:
        """Return the words that fit beside the language, each with its first cell and the cell after its last."""
        begin = fitted(self.prefix.rest, width).cell_length + len(MARGIN)
        least = begin + cell_len(self.language or UNNAMED) + len(WORD_GAP)
        end = min(width, self._edge) - len(MARGIN)
        placed: list[tuple[Word, int, int]] = []
        for word in reversed(self.words):
            start = end - cell_len(word.text)
            if start < least:
                break
            placed.insert(0, (word, start, end))
            end = start - len(WORD_GAP)
        return placed

    def _fill(self, line: int) -> str:
        """Return the fill under a line: lines of a diff show what was added and removed."""
        if self._is_diff and (text := self.lines[line])[:1] in ("+", "-") and text[:3] not in ("+++", "---"):
            return ADDED if text[0] == "+" else REMOVED
        return looks.CODE_FILL

    @cached_property
    def _is_diff(self) -> bool:
        return self._lexer in ("diff", "patch", "udiff")

    @cached_property
    def _lexer(self) -> str:
        """Name of the language for highlighting; a diff is known by its first lines too."""
        name = self.language.lower()
        return "diff" if not name and _DIFF.match(self.code) else name

    def _line(self, number: int) -> Content:
        lines = self.lines
        size = LIVE_PART if self.live else (len(lines) if len(self.code) <= WHOLE else PART)
        first = number - number % size
        part = lines[first : first + size]
        language = "" if max(map(len, part)) > LONG else self._lexer
        return highlighted("\n".join(part), language)[number - first]

    def _layout(self, width: int) -> list[tuple[int, int, int, int]]:
        """Return for each row its line, the part of it that is shown, and the cells left free before that part."""
        if (layout := self._layouts.get(width)) is not None:
            return layout
        room = max(2, width - fitted(self.prefix.rest, width).cell_length - 2 * len(MARGIN))
        layout = []
        for number, line in enumerate(self.lines):
            if len(line) <= room and line.isascii():
                layout.append((number, 0, len(line), 0))
                continue
            layout += [(number, *part) for part in wrapped(line, room)]
        if len(self._layouts) >= LAYOUTS:
            self._layouts.pop(next(iter(self._layouts)))
        self._layouts[width] = layout
        return layout
