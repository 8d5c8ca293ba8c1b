"""Snippets of search results: a piece of the text around the matches, with the matches between marks."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ..text import clean, clip

OPEN, CLOSE = "\x02", "\x03"


class _Fold(dict[int, int]):
    """Each character's plain lower-case letter, one for one, so that places in the text stay."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFD", chr(code).lower())[0]
        self[code] = ord(plain)
        return self[code]


_FOLD = _Fold()


def folded(text: str) -> str:
    """Return ``text`` without case and accents, as the index sees it."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text).translate(_FOLD)


@lru_cache(maxsize=32)
def _beginning(word: str) -> re.Pattern[str]:
    return re.compile(f"(?<![^\\W_]){re.escape(word)}[^\\W_]*")


def marked(text: str, parts: tuple[str, ...] = ()) -> str:
    """Return one line to show, cleaned, with the matches between the two marks."""
    if parts:
        text = _around(text, parts)
    shown, inside = [], False
    for piece in re.split(f"([{OPEN}{CLOSE}])", text):
        if piece in (OPEN, CLOSE):
            if inside == (piece == CLOSE):  # a mark of the text's own, out of order, is dropped
                inside = not inside
                shown.append(piece)
        else:
            shown.append(re.sub(r"\s+", " ", clean(piece)))
    return "".join(shown).strip() + (CLOSE if inside else "")


def around_words(text: str, words: tuple[str, ...]) -> str:
    """Return a piece of the text around the last of these words, all of them between marks."""
    text = unicodedata.normalize("NFC", text)
    plain = folded(text)
    result = _beginning(words[-1]).search(plain)
    start = max(0, result.start() - 40) if result else 0
    start = plain.rfind(" ", 0, start) + 1
    stop = min(len(text), start + 120)
    shown = []
    at = start
    ends = [rf"(?<![^\W_]){re.escape(folded(word))}(?![^\W_])" for word in words[:-1]]
    for match in re.compile("|".join([*ends, _beginning(words[-1]).pattern])).finditer(plain, start, stop):
        shown += [text[at : match.start()], OPEN, text[match.start() : match.end()], CLOSE]
        at = match.end()
    shown.append(text[at:stop])
    return ("…" if start else "") + "".join(shown) + ("…" if stop < len(text) else "")


def _around(text: str, parts: tuple[str, ...]) -> str:
    folded = text.lower()
    at = min((result for part in parts if (result := folded.find(part)) >= 0), default=0)
    start = max(0, at - 30)
    piece = ("…" if start else "") + clip(text[start : start + 400], 120)
    return re.sub("|".join(map(re.escape, parts)), lambda result: OPEN + result[0] + CLOSE, piece, flags=re.IGNORECASE)
