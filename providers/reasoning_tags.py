"""Tags that models write around reasoning, and an incremental reader of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

PAIRS: Mapping[str, str] = MappingProxyType(
    {
        "<think>": "</think>",
        "<thinking>": "</thinking>",
        "<thought>": "</thought>",
        "<seed:think>": "</seed:think>",
        "[think]": "[/think]",
        "◁think▷": "◁/think▷",
        "<|start_thinking|>": "<|end_thinking|>",
        "<|begin_of_thought|>": "<|end_of_thought|>",
    }
)
CLOSING = frozenset(PAIRS.values())
WRAPPERS = frozenset({"<|start_response|>", "<|end_response|>", "<|begin_of_solution|>", "<|end_of_solution|>"})
"""Tags around the answer of some models that have tags around their reasoning."""
CHANNEL, START, MESSAGE = "<|channel|>", "<|start|>", "<|message|>"
"""Tags of OpenAI's open models: ``<|start|>assistant<|channel|>analysis<|message|>``."""
ENDS = frozenset({"<|end|>", "<|return|>", "<|call|>"})

TAGS = frozenset({*PAIRS, *CLOSING, *WRAPPERS, CHANNEL, START, MESSAGE, *ENDS})
MAX_TAG = max(map(len, TAGS))

_BRACKET = re.compile(r"[<\[◁]")


@cache
def _tag() -> re.Pattern[str]:
    """Return the pattern of all tags, which most replies do not need."""
    return re.compile("|".join(map(re.escape, TAGS)), re.IGNORECASE | re.ASCII)


class TagReader:
    """Splits text into tags and the text between them; only a possible beginning of a tag is held back."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield pairs of a tag in lower case ("" for text) and the original text."""
        self._held += text
        position = 0
        for bracket in _BRACKET.finditer(self._held):
            if bracket.start() < position:
                continue
            tag = _tag().match(self._held, bracket.start())
            if tag is not None:
                if bracket.start() > position:
                    yield "", self._held[position : bracket.start()]
                yield tag[0].lower(), tag[0]
                position = tag.end()
            elif _may_be_tag(self._held[bracket.start() : bracket.start() + MAX_TAG]):
                if bracket.start() > position:
                    yield "", self._held[position : bracket.start()]
                position = bracket.start()
                break
        else:
            if position < len(self._held):
                yield "", self._held[position:]
            position = len(self._held)
        self._held = self._held[position:]

    def finish(self) -> str:
        """Return the text that was held back, at the end of the reply."""
        held, self._held = self._held, ""
        return held


def _may_be_tag(rest: str) -> bool:
    """Return whether ``rest``, the end of the text, may be the beginning of a tag."""
    return len(rest) < MAX_TAG and any(tag.startswith(rest.lower()) for tag in TAGS)


class Line:
    """Last line of the answer, from which follows whether a tag on it is meant as one or only mentioned."""

    def __init__(self) -> None:
        self._in_fence = False
        self._start = ""
        self._ticks = 0
        self._last = ""

    def add(self, text: str) -> None:
        """Append text."""
        if not text:
            return
        *complete, rest = text.split("\n")
        for line in complete:
            self._append(line)
            if self._start.startswith(("```", "~~~")):
                self._in_fence = not self._in_fence
            self._start, self._ticks = "", 0
        self._append(rest)
        self._last = text[-1]

    def _append(self, text: str) -> None:
        if len(self._start) < 3:
            self._start = (self._start + text.lstrip() if not self._start else self._start + text)[:3]
        self._ticks += text.count("`")

    @property
    def is_untouched(self) -> bool:
        """True if there is no text yet."""
        return not self._last

    @property
    def is_blank(self) -> bool:
        """True if the line has only blanks."""
        return not self._start

    @property
    def is_code(self) -> bool:
        """True if the line is inside a code block, or inside a code span."""
        return self._in_fence or self._ticks % 2 == 1 or self._start.startswith(("```", "~~~"))

    @property
    def is_quoted(self) -> bool:
        """True if the line ends with a quotation mark."""
        return self._last in "\"'“‘«„`(" and self._last != ""
