"""The tags that models write around reasoning, cut out of text that comes in any pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
"""Around the answer of some models that have tags around their reasoning."""
CHANNEL, START, MESSAGE = "<|channel|>", "<|start|>", "<|message|>"
"""OpenAI's open models: ``<|start|>assistant<|channel|>analysis<|message|>``."""
ENDS = frozenset({"<|end|>", "<|return|>", "<|call|>"})

TAGS = frozenset({*PAIRS, *CLOSING, *WRAPPERS, CHANNEL, START, MESSAGE, *ENDS})
LONGEST = max(map(len, TAGS))

_TAG = re.compile("|".join(map(re.escape, TAGS)), re.IGNORECASE | re.ASCII)
_SIGN = re.compile(r"[<\[◁]")


class TagReader:
    """Splits text into tags and what is between them; only what may still become a tag is held back."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield pairs of a tag in small letters ("" for text) and the text as it was written."""
        self._held += text
        at = 0
        for sign in _SIGN.finditer(self._held):
            if sign.start() < at:
                continue
            found = _TAG.match(self._held, sign.start())
            if found is not None:
                if sign.start() > at:
                    yield "", self._held[at : sign.start()]
                yield found[0].lower(), found[0]
                at = found.end()
            elif _may_become(self._held[sign.start() : sign.start() + LONGEST]):
                if sign.start() > at:
                    yield "", self._held[at : sign.start()]
                at = sign.start()
                break
        else:
            if at < len(self._held):
                yield "", self._held[at:]
            at = len(self._held)
        self._held = self._held[at:]

    def finish(self) -> str:
        """Return what was held back, once no more can come."""
        held, self._held = self._held, ""
        return held


def _may_become(rest: str) -> bool:
    """Tell whether ``rest``, the end of the text, may be the beginning of a tag."""
    return len(rest) < LONGEST and any(tag.startswith(rest.lower()) for tag in TAGS)


class Line:
    """The last line of what was shown, as far as it tells whether a tag on it is one or is only spoken of."""

    def __init__(self) -> None:
        self._in_fence = False
        self._start = ""
        self._ticks = 0
        self._last = ""

    def add(self, text: str) -> None:
        """Take the next text."""
        if not text:
            return
        *whole, rest = text.split("\n")
        for line in whole:
            self._go_on(line)
            if self._start.startswith(("```", "~~~")):
                self._in_fence = not self._in_fence
            self._start, self._ticks = "", 0
        self._go_on(rest)
        self._last = text[-1]

    def _go_on(self, text: str) -> None:
        if len(self._start) < 3:
            self._start = (self._start + text.lstrip() if not self._start else self._start + text)[:3]
        self._ticks += text.count("`")

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was shown."""
        return not self._last

    @property
    def is_blank(self) -> bool:
        """Whether nothing but blanks stands on it."""
        return not self._start

    @property
    def is_code(self) -> bool:
        """Whether it is inside of a code block, or a span of code is open on it."""
        return self._in_fence or self._ticks % 2 == 1 or self._start.startswith(("```", "~~~"))

    @property
    def is_quoted(self) -> bool:
        """Whether it ends in an opening quotation mark."""
        return self._last in "\"'“‘«„`(" and self._last != ""
