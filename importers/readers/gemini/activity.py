"""Records of Google's activity, each of them one prompt with its reply."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from posixpath import basename
from typing import Any, BinaryIO

from ...json_stream import CHUNK, LARGEST_ITEM
from ...times import moment
from ...values import items, mappings, text, texts
from .dates import date_of

PRODUCT = re.compile(r"gemini|bard\b", re.IGNORECASE)
_APP = re.compile(r"gemini\.google\.com/(?:u/\d+/)?(?:app|gem/[\w-]+)/([\w-]+)")
_CELL = re.compile(r'<div[^>]*\bclass="[^"]*\bouter-cell\b[^"]*"[^>]*>')
_PART = re.compile(r'<div[^>]*\bclass="([^"]*\b(?:header|content)-cell\b[^"]*)"[^>]*>')
_BLOCK = re.compile(r"<(?:p|h[1-6]|ul|ol|table|pre|blockquote|div|hr)\b", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_LINK = re.compile(r'href="([^"]*)"')
_LONGEST_VERB = 40
_VERBS = ("Prompted ", "Asked ", "Said ", "Upit: ")
_FIRST_WORD = re.compile(r".{1,40}?\xa0|\S{1,30}\s")


@dataclass(slots=True)
class Record:
    """One activity: what the person did, as its program says it, and the reply as HTML."""

    title: str
    when: datetime | None
    app: str
    """Id of the conversation; empty where the record does not name it."""
    reply: str
    prompt: str | None = None
    """What the person said; None where only the language's word for it, which stands before it, is not known yet."""
    files: list[tuple[str, str]] = field(default_factory=list)
    """Names, and names in the folder of the export."""


def json_record(value: dict[str, Any]) -> Record | None:
    """Return a record of the JSON form; None for that of another product."""
    if not any(PRODUCT.search(name) for name in [text(value.get("header")), *texts(value.get("products"))]):
        return None
    link = _APP.search(text(value.get("titleUrl")))
    replies = [text(item.get("html")) for item in mappings(value.get("safeHtmlItem"))]
    record = Record(text(value.get("title")), moment(value.get("time")), link[1] if link else "", "\n".join(replies))
    for subtitle in mappings(value.get("subtitles")):
        name = text(subtitle.get("name"))
        if name.startswith("-"):
            record.files.append((name.lstrip("-\xa0 "), text(subtitle.get("url"))))
    named = [each for each in [*items(value.get("attachedFiles")), value.get("imageFile")] if isinstance(each, str)]
    record.files += [(basename(name), name) for name in named if name and name not in dict(record.files).values()]
    return record


def html_records(file: BinaryIO, language: str) -> Iterator[Record | None]:
    """Yield the records of the HTML form, in the order of the file; None for those of other products."""
    for cell in _cells(file):
        yield html_record(cell, language)


def _cells(file: BinaryIO) -> Iterator[str]:
    reader = TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    try:
        waiting, inside = "", False
        while chunk := reader.read(CHUNK):
            *whole, waiting = _CELL.split(waiting + chunk)
            for cell in whole:
                if inside:
                    yield cell
                inside = True
            if len(waiting) > LARGEST_ITEM:
                waiting = ""
        if inside:
            yield waiting
    finally:
        reader.detach()


def html_record(cell: str, language: str) -> Record | None:
    """Return what one cell of the page says."""
    starts = list(_PART.finditer(cell))
    ends = [start.start() for start in starts[1:]] + [len(cell)]
    parts = [(start[1], cell[start.end() : end]) for start, end in zip(starts, ends, strict=False)]
    header = next((inside for kind, inside in parts if "header-cell" in kind), "")
    if not PRODUCT.search(_plain(header)):
        return None
    bodies = [
        inside
        for kind, inside in parts
        if "content-cell" in kind and "caption" not in kind and "text-right" not in kind
    ]
    link = _APP.search(cell)
    record = Record("", None, link[1] if link else "", "")
    lines, rest = _lines(bodies[0] if bodies else "")
    dates = [number for number, line in enumerate(lines) if date_of(_plain(line), language)]
    if dates:
        record.when = date_of(_plain(lines[dates[-1]]), language)
        record.reply = "<br>".join([*lines[dates[-1] + 1 :], rest]).removeprefix("<br>")
        lines = lines[: dates[-1]]
    else:  # the date stands in the header, the reply in a cell or a block of its own
        headed = (date_of(_plain(line), language) for line in re.split(r"<[^>]*>", header))
        record.when = next(filter(None, headed), None)
        if not any(map(_plain, lines)):
            asked, _, rest = rest.partition("</p>")
            lines = [asked]
        record.reply = "".join([rest, *bodies[1:]])
        record.prompt = ""
    _add_prompt(record, lines)
    return record


def _lines(body: str) -> tuple[list[str], str]:
    """Return the lines in front of the first block of a body, and the rest of it."""
    body = body.rstrip().removesuffix("</div>")
    block = _BLOCK.search(body)
    at = block.start() if block else len(body)
    return _BREAK.split(body[:at]), body[at:]


def _add_prompt(record: Record, lines: list[str]) -> None:
    said: list[str] = []
    for number, line in enumerate(lines):
        if _is_file(line):
            link = _LINK.search(line)
            record.files.append((_plain(line).lstrip("-\xa0 "), html.unescape(link[1]) if link else ""))
        elif not (number and number + 1 < len(lines) and _is_file(lines[number + 1])):  # how many files there are
            said.append(_plain(line))
    record.title = "\n".join(said).strip()
    verb, space, prompt = record.title.partition("\xa0")
    if space and len(verb) < _LONGEST_VERB:
        record.prompt = prompt.strip()
    elif record.prompt is not None:
        record.prompt = record.title


def _is_file(line: str) -> bool:
    plain = _plain(line).lstrip(" \n")
    return plain.startswith("-") and "\xa0" in plain[:4]


def _plain(value: str) -> str:
    return html.unescape(_TAG.sub("", value)).strip(" \n\r\t")


def verb_of(titles: Iterable[str]) -> str:
    """Return the word that stands before the prompts of one language: most titles of answered records begin with it."""
    begin = Counter(found[0] for title in titles if (found := _FIRST_WORD.match(title)))
    verb, times = next(iter(begin.most_common(1)), ("", 0))
    return verb if times >= 2 and times * 5 >= sum(begin.values()) * 3 else ""


def prompt_of(record: Record, verb: str) -> str | None:
    """Return what the person said; None for an activity that is no prompt."""
    if record.prompt is not None:
        return record.prompt
    for known in (verb, *_VERBS):
        if known and record.title.startswith(known):
            return record.title.removeprefix(known).strip()
    return record.title if record.reply else None
