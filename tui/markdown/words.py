"""Markdown on one line: the words without the marks, for previews and search results."""

from __future__ import annotations

import re

# Only pairs are taken for marks: 2**10 and a lone backtick stay what they are.
_MARKS = (
    (re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE), ""),
    (re.compile(r"```\w*[ \t]*"), ""),
    (re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?)", re.MULTILINE), ""),
    (re.compile(r"!?\[([^\]\n]+)\]\((?:[^()\s]|\([^()\s]*\))*\)"), r"\1"),
    (re.compile(r"(`+)([^`\n]+)\1"), r"\2"),
    (re.compile(r"(\*\*|~~)(?=\S)([^\n]*?\S)\1(?!\w)"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])"), r"\1"),
)


def unmarked(text: str) -> str:
    """``text`` without the marks of headings, quotes, emphasis, links and code. It may begin and end anywhere."""
    for mark, words in _MARKS:
        text = mark.sub(words, text)
    return text
