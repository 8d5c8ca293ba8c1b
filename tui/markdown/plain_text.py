"""Markdown on one line: the words without the marks, for previews and search results."""

from __future__ import annotations

import re

# Pairs are taken for marks, and an opening or closing one whose other half was cut off: 2**10 and a lone backtick stay.
_MARKS = (
    (re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE), ""),
    (re.compile(r"```\w*[ \t]*"), ""),
    (re.compile(r"^[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", re.MULTILINE), ""),
    (re.compile(r"\|(?:[ \t]*:?-+:?[ \t]*\|)+"), ""),
    (re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?)+", re.MULTILINE), ""),
    (re.compile(r"(?<=\s)#{2,6}[ \t]+(?=\S)"), ""),
    (re.compile(r"^([ \t]*)[-*+][ \t]+\[ \][ \t]+", re.MULTILINE), r"\1☐ "),
    (re.compile(r"^([ \t]*)[-*+][ \t]+\[[xX]\][ \t]+", re.MULTILINE), r"\1☑ "),
    (re.compile(r"^([ \t]*)[-*+][ \t]+(?=\S)", re.MULTILINE), r"\1• "),
    (re.compile(r"!?\[([^\]\n]+)\]\((?:[^()\s]|\([^()\s]*\))*(?:\)|$)"), r"\1"),
    (re.compile(r"(`+)([^`\n]+)\1"), r"\2"),
    (re.compile(r"(\*\*|~~)(?=\S)([^\n]*?\S)\1(?!\w)"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])__(?=[^\s_])([^_\n]* [^_\n]*[^\s_])__(?![\w_])"), r"\1"),
    (re.compile(r"(?<![\w_/.])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_(.])"), r"\1"),
    (re.compile(r"(?<![\w*])\*\*(?=\w)|(?<=\w)\*\*(?![\w*])"), ""),
)
_CELLS = re.compile(r"^[ \t]*\|(.+?)\|?[ \t]*$", re.MULTILINE)


def _cells(row: re.Match[str]) -> str:
    return " · ".join(cell for cell in map(str.strip, row[1].split("|")) if cell)


def without_marks(text: str) -> str:
    """Return ``text`` without the marks of headings, lists, tables, emphasis, links and code.

    It may begin and end anywhere.
    """
    for mark, replacement in _MARKS:
        text = mark.sub(replacement, text)
    return _CELLS.sub(_cells, text)
