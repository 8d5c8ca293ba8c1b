"""Query of the search: what one types, as the index and the scan of the newest messages take it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..text import storable
from .search_snippets import folded

LONGEST = 1_000
"""Characters of a query that count."""
INDEXED_PREFIX = 3
"""Letters of the beginnings of words that the index knows."""
MOST_WORDS = 24

_PIECE = re.compile(r'"([^"]*)"?|(\S+)')
_SYMBOLS = re.compile(r"[+#@%&*$=<>|~^`/\\]|^[.-]+\w")
"""Signs that make one word another: C++, C#, .NET, $HOME, --force, a/b. The index sees the letters only."""
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class Query:
    """Parsed search text."""

    match: str
    """For the index: quoted words and phrases, all wanted, the last one perhaps a beginning."""
    parts: tuple[str, ...]
    """For a scan: substrings, case-folded."""
    begun: str = ""
    """The unfinished last word, folded, when it is longer than what the index knows."""
    near: str = ""
    """``match`` with no more of that word than the index knows."""
    literal: tuple[str, ...] = ()
    """Words whose symbols the index does not know, such as ``c++``: they must stand in the text as they are."""


def parse_query(text: str) -> Query:
    """Return the query of a text. Never raises: what FTS5 would take for syntax is quoted."""
    text = storable(text)[:LONGEST]
    words: list[str] = []
    parts: list[str] = []
    literal: list[str] = []
    finished = True
    for result in list(_PIECE.finditer(text))[:MOST_WORDS]:
        phrase, word = result[1], result[2]
        piece = (phrase if word is None else word).strip()
        if not piece:
            continue
        if _UNSPACED.search(piece) or not any(_is_word(character) for character in piece):
            parts.append(piece.casefold())
            continue
        finished = result.end() < len(text) or (word is None and result[0].endswith('"'))
        if _SYMBOLS.search(piece):
            literal.append(piece.casefold())
            finished = finished or not _is_word(piece[-1])
        words.append('"' + piece.replace('"', '""') + '"')
    if not words or finished:
        return Query(" ".join(words), tuple(parts), literal=tuple(literal))
    last = folded(words[-1][1:-1])
    words[-1] += "*"
    if literal or len(last) <= INDEXED_PREFIX or not all(map(_is_word, last)):
        return Query(" ".join(words), tuple(parts), literal=tuple(literal))
    near = [*words[:-1], f'"{last[:INDEXED_PREFIX]}"*']
    return Query(" ".join(words), tuple(parts), last, " ".join(near))


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN" or unicodedata.category(character) == "Co"
