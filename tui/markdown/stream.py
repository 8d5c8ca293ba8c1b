"""Markdown that is still arriving.

Finished blocks are kept; only the last one is parsed again, so the cost of an update does not grow with the length of
the reply. The end is drawn as it will look, not as it stands: an open fence is code, an open ``**`` is bold, and a lone
``-`` waits until it is known what it begins.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

from sterna.storage import clean

from .blocks import Block, HugeText
from .parse import parse

LIMIT = 200_000
"""Longest text that is parsed."""

_FENCE = re.compile(r"[ \t>]*(?:[-*+] +|\d+[.)] +)?(`{3,}|~{3,})(.*)")
_PENDING = re.compile(r"[ \t>]*(?:[-*+=_#`~|: ]+|\d+[.)]?|[-*+] \[[ xX]?\]?)[ \t]*")
_CODE = re.compile(r"(`+)[^`]+\1(?!`)")
_OPEN_LINK = re.compile(r"!?\[([^\]\[]*)(?:\]\([^)\n]*)?$")


class LiveDocument:
    """Blocks of a text that only grows."""

    def __init__(self) -> None:
        self._done = ""
        self._finished: list[Block] = []
        self._last: list[Block] = []
        self._env: dict[str, Any] = {}

    def update(self, text: str) -> list[Block]:
        """Return the blocks of ``text``, which is passed again and again as it grows."""
        if len(text) > LIMIT:
            return [HugeText(clean(text))]
        if not text.startswith(self._done):
            self._done, self._finished, self._last, self._env = "", [], [], {}
        tail = text[len(self._done) :]
        source = clean(tail)
        tops = parse(close_open_marks(source), self._env, live=True)
        parsed = [block for top in tops for block in top.blocks]
        # A block that did not change keeps what it has worked out.
        last = [
            old if old is not None and old.same(new) else new
            for old, new in zip_longest(self._last, parsed)
            if new is not None
        ]
        shown = self._finished + last
        if len(tops) > 1 and source == tail:
            count = sum(len(top.blocks) for top in tops[:-1])
            self._finished = self._finished + last[:count]
            last = last[count:]
            self._done += "".join(tail.splitlines(keepends=True)[: tops[-2].end])
        self._last = last
        return shown


def close_open_marks(source: str) -> str:
    """Return unfinished ``source`` with what is open at its end closed or held back."""
    head, newline, line = source.rpartition("\n")
    if _in_fence(head):
        return head if line and not line.strip(" \t>`~") else source
    if _PENDING.fullmatch(line) or _FENCE.match(line):
        return head
    line = _OPEN_LINK.sub(r"\1", line)
    if _CODE.sub("", line).count("`") % 2:
        line = line.rstrip("`")
        return head + newline + line + ("`" if _CODE.sub("", line).count("`") % 2 else "")
    if not line.endswith("`"):
        line = line.rstrip("*_~")
    bare = _CODE.sub("", line)
    closing = "".join(mark for mark in ("**", "~~") if bare.count(mark) % 2)
    return head + newline + (line.rstrip() + closing if closing else line)


def _in_fence(text: str) -> bool:
    """Return whether ``text`` ends inside a fenced block."""
    fence = ""
    for line in text.split("\n"):
        if (match := _FENCE.match(line)) is None:
            continue
        mark, info = match[1], match[2]
        if not fence:
            fence = "" if mark[0] == "`" and "`" in info else mark
        elif mark.startswith(fence) and not info.strip():
            fence = ""
    return bool(fence)
