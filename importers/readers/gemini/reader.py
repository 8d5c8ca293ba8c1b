"""Reader of Gemini's part of Google Takeout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from posixpath import basename, dirname
from typing import ClassVar

from ...items import empty
from ...json_stream import BrokenJson, json_array
from ...reader import Reader
from ...records import Attachment, Conversation, Message, Part, Skipped, Text
from ...tree import FileTree
from .activity import Record, html_records, json_record, prompt_of, verb_of
from .markdown import as_markdown, pictures

_JSON = re.compile(rb'"(?:header|products)"\s*:\s*(?:\[\s*)?"[^"]*(?:gemini|bard\b)', re.IGNORECASE)
_HTML = re.compile(rb"header-cell[^>]*>(?:(?!</div>).){0,300}?(?:gemini|bard\b)", re.IGNORECASE | re.DOTALL)
_LANGUAGE = re.compile(rb'<html[^>]*\blang="([\w-]+)"', re.IGNORECASE)
_STYLES = 4 << 20
"""Bytes at the beginning of a page that may be styles."""
_TITLES = 500


class Gemini(Reader):
    """Prompts of Gemini. Google exports no conversations: prompts that link to the same one are grouped, and the others
    by their day, in UTC.
    """

    name: ClassVar[str] = "gemini"
    label: ClassVar[str] = "Gemini"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_activity(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        sizes: Counter[str] = Counter()
        titles: list[str] = []
        for record in _records(tree, path):
            if isinstance(record, Record):
                sizes[_group(record)] += 1
                if record.reply and len(titles) < _TITLES:
                    titles.append(record.title)
        verb = verb_of(titles)
        waiting: dict[str, list[tuple[str, Record]]] = {}
        seconds: Counter[str] = Counter()
        for number, record in enumerate(_records(tree, path), 1):
            if isinstance(record, Skipped):
                yield record
                continue
            group = _group(record)
            second = record.when.isoformat(timespec="seconds") if record.when else "undated"
            seconds[second] += 1
            key = second if seconds[second] == 1 else f"{second} {seconds[second]}"
            record.prompt = prompt_of(record, verb)
            if record.prompt is None and not record.files:
                yield Skipped(f"“{record.title or 'An activity'}” is no prompt.", key, f"{path}, record {number}")
                sizes[group] -= 1
            else:
                waiting.setdefault(group, []).append((key, record))
            if len(waiting.get(group, ())) == sizes[group] and group in waiting:
                yield _conversation(tree, path, group, waiting.pop(group))


def _is_activity(tree: FileTree, path: str) -> bool:
    head = tree.head(path)
    start = head[:1024].lstrip()[:1]
    if start == b"[":
        return b'"title"' in head and b'"time"' in head and _JSON.search(head) is not None
    if start != b"<" or b"mdl-" not in head:
        return False
    if _HTML.search(head):
        return True
    try:
        with tree.open(path) as file:
            return b"outer-cell" not in head and _HTML.search(file.read(_STYLES)) is not None
    except OSError:
        return False


def _records(tree: FileTree, path: str) -> Iterator[Record | Skipped]:
    head = tree.head(path)
    with tree.open(path) as file:
        if head.lstrip().startswith(b"<"):
            language = _LANGUAGE.search(head)
            found = html_records(file, language[1].decode() if language else "en")
            yield from (record for record in found if record is not None)
            return
        try:
            for number, value in enumerate(json_array(file), 1):
                if not isinstance(value, dict):
                    yield Skipped("It is no activity.", where=f"{path}, record {number}")
                elif record := json_record(value):
                    yield record
        except BrokenJson as error:
            yield Skipped(str(error), where=path)


def _group(record: Record) -> str:
    return record.app or (f"day {record.when.date().isoformat()}" if record.when else "undated")


def _conversation(tree: FileTree, path: str, group: str, records: list[tuple[str, Record]]) -> Conversation | Skipped:
    times = [record.when for _, record in records if record.when]
    if not times or times[0] >= times[-1]:  # Google writes the newest first
        records = records[::-1]
    messages: list[Message] = []
    for key, record in records:
        asked: list[Part] = [_file(tree, path, name, file) for name, file in record.files]
        if record.prompt:
            asked.append(Text(record.prompt))
        if asked:
            messages.append(Message(key, "user", asked, created_at=record.when))
        drawn, reply = pictures(record.reply)
        answered: list[Part] = [_file(tree, path, basename(name), name) for name in drawn]
        if said := as_markdown(reply):
            answered.insert(0, Text(said))
        if answered:
            messages.append(Message(f"{key} reply", "assistant", answered, created_at=record.when))
    has_id = group == records[0][1].app
    title = "" if has_id else f"Gemini, {group.removeprefix('day ')}"
    if not messages:
        return empty(title, group)
    url = {"url": f"https://gemini.google.com/app/{group}"} if has_id else {}
    return Conversation(
        group,
        title,
        messages,
        created_at=min(times, default=None),
        updated_at=max(times, default=None),
        metadata=url,
    )


def _file(tree: FileTree, path: str, name: str, stored: str) -> Attachment:
    for found in (stored, name):
        place = f"{dirname(path)}/{basename(found)}".lstrip("/")
        if basename(found) and place in tree.paths:
            return Attachment(name, "", partial(tree.open, place))
    return Attachment(name)
