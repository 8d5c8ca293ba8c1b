"""Quotations in a reply to a question to the history, compared with the passages that it was sent.

Words that stand nowhere in the passages are marked as not found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sterna.storage.conversations.quotations import Passage, Quote
from sterna.storage.text import clip

MOST_QUOTES = 20
LONGEST_QUOTE = 300
FEW_WORDS = 4
"""Words up to which something in quotation marks without a number is a name or an emphasis, not a quotation."""

_MARKED = re.compile(
    r"[“„«]([^“”„«»]{3,2000})[”“»]|\"([^\"\n]{3,2000})\"|^[ \t]*>[ \t]?(.+(?:\n[ \t]*>.*)*)", re.MULTILINE
)
_NUMBERS = re.compile(r"[\s*_.,;:)]{0,4}(\[\d{1,3}\](?:\s*,?\s*\[\d{1,3}\])*|\[\d{1,3}(?:\s*,\s*\d{1,3})+\])")
_NUMBER = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_CODE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_GAP = re.compile(r"\[?(?:…|\.\.\.)\]?")


class _Span(NamedTuple):
    text: str
    numbers: tuple[int, ...]


def found_quotes(content: str, passages: Sequence[Passage], question: str = "") -> list[Quote]:
    """Return what a reply quotes: where each quotation is from, and the passages that it names without quoting.

    What it repeats of the question is no quotation, and neither is code.
    """
    content = _CODE.sub(" ", content)
    texts, asked = [_plain(passage.text) for passage in passages], _plain(question)
    quotes: dict[tuple[int, str], Quote] = {}
    for span in _spans(content):
        if not span.numbers and _has(asked, span.text):
            continue
        places = [number for number in span.numbers if 0 < number <= len(passages)]
        others = [number for number in range(1, len(passages) + 1) if number not in places]
        number = next((each for each in (*places, *others) if _has(texts[each - 1], span.text)), 0)
        text = clip(span.text, LONGEST_QUOTE)
        quote = _quote(number, text, passages) if number else Quote(next(iter(span.numbers), 0), text)
        quotes.setdefault((quote.number, text), quote)
    quoted = {quote.number for quote in quotes.values() if quote.is_found}
    for match in _NUMBER.finditer(content):
        for number in map(int, match[1].split(",")):
            if number not in quoted and 0 < number <= len(passages):
                quoted.add(number)
                quotes[number, ""] = _quote(number, "", passages)
    return list(quotes.values())[:MOST_QUOTES]


def _quote(number: int, text: str, passages: Sequence[Passage]) -> Quote:
    passage = passages[number - 1]
    return Quote(number, text, passage.title, passage.at, passage.session_id, passage.message_id)


def _spans(content: str) -> Iterator[_Span]:
    """Yield what stands in quotation marks or in a block quote, with the numbers behind it."""
    for match in _MARKED.finditer(content):
        block = match[3]
        text = match[1] or match[2] or re.sub(r"^[ \t>]+", "", block, flags=re.MULTILINE)
        named = _NUMBERS.match(content, match.end())
        numbers = _numbers(named[1]) if named else ()
        if block is not None:
            inner = list(_MARKED.finditer(text))
            if inner:  # quotation marks inside a block quote: what stands between them is what is quoted
                yield from _spans(text)
                continue
            numbers = (*_numbers(text), *numbers)
            text = _NUMBER.sub(" ", text)
        text = " ".join(text.split())
        if text and (numbers or len(text.split()) > FEW_WORDS):
            yield _Span(text, numbers)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for match in _NUMBER.finditer(text) for number in match[1].split(","))


def _has(plain: str, quotation: str) -> bool:
    """Return whether a plain text has a quotation, of which parts may be left out."""
    parts = [part for each in _GAP.split(quotation) if (part := _plain(each))]
    at = 0
    for part in parts:
        if (at := plain.find(part, at)) < 0:
            return False
        at += len(part)
    return bool(parts)


def _plain(text: str) -> str:
    """Return the words of a text alone: quotation marks, Markdown and punctuation may differ in a quotation."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", text.replace("_", " ")))
