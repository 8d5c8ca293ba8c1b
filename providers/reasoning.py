"""Separation of the answer from reasoning that a model writes between tags in its reply.

Most servers remove reasoning themselves. Otherwise the opening tag may be missing (some prompts end with it), and there
may be several blocks, or the tags of OpenAI's open models. Text about tags stays text: tags in code or in quotation
marks, or in the middle of an answer without a closing tag.
"""

from __future__ import annotations

from collections.abc import Iterator

from .events import Delta, Reasoning, Reclassified
from .reasoning_tags import CHANNEL, CLOSING, ENDS, MESSAGE, PAIRS, START, WRAPPERS, Line, TagReader

MAX_HEADER = 200
"""Most characters of a channel's header; a longer one is text."""
MAX_HELD = 20_000
"""Characters held back after a later opening tag, until a closing tag confirms it."""

Events = Iterator[Delta | Reasoning | Reclassified]


class ThinkSplitter:
    """Incremental splitter of one reply. The result does not depend on how the text is cut into pieces."""

    def __init__(self, *, inside: bool = False, known: bool = True) -> None:
        """Create a splitter.

        ``inside``: the prompt of this model ends with the opening tag, so the text begins with reasoning. ``known``: an
        earlier reply has shown whether it does.
        """
        self._known = known
        self._tags = TagReader()
        self._state = self._inside if inside else self._leading
        self._end = "</think>"
        """Closing tag of the current reasoning."""
        self._assumed = inside
        self._held = ""
        """Leading blanks, a header, or text after an opening tag that is not confirmed yet."""
        self._fresh = False
        """True if the text after reasoning has not begun: blanks before it are dropped."""
        self._blocks = 0
        self._mentioned = False
        self._harmony = False
        self._line = Line()
        self.thinks_first = inside
        """True if the reasoning so far ended with a closing tag that was never opened."""

    def feed(self, text: str) -> Events:
        """Yield the events of the next piece."""
        for tag, token in self._tags.feed(text):
            yield from self._state(tag, token)

    def finish(self) -> Events:
        """Yield the events that were held back, at the end of the reply."""
        if rest := self._tags.finish():
            yield from self._state("", rest)
        held, self._held = self._held, ""
        if self._state == self._header:
            if not self._harmony:
                yield from self._show(held)
        elif held:
            yield from self._show(held)
        if self._assumed and self._state == self._inside:
            self.thinks_first = False
            yield Reclassified("content")  # no tag in this reply: it is the answer

    # States: each handles a tag or text

    def _leading(self, tag: str, token: str) -> Events:
        """Handle the beginning, with only blanks so far."""
        if not tag and not token.strip():
            self._held += token
            return
        held, self._held = self._held, ""
        self._state = self._text
        if tag in PAIRS:
            self._open(PAIRS[tag])
        elif tag in (CHANNEL, START):
            self._held, self._state = held + token, self._header
        elif tag in CLOSING or tag in WRAPPERS:
            self._blocks, self._fresh = 1, True
        else:
            yield from self._show(held + token)

    def _inside(self, tag: str, token: str) -> Events:
        """Handle reasoning."""
        if (tag and tag == self._end) or (self._harmony and (tag in ENDS or tag in (START, CHANNEL))):
            self._close()
            if tag in (START, CHANNEL):
                self._held, self._state = token, self._header
        elif token:
            yield Reasoning(token)

    def _text(self, tag: str, token: str) -> Events:
        """Handle the answer."""
        if not tag:
            yield from self._show(token)
        elif self._harmony and (tag in ENDS or tag == MESSAGE):
            self._fresh = True
        elif self._line.is_code and not self._harmony:
            yield from self._show(token)
        elif tag in (CHANNEL, START):
            self._held, self._state = token, self._header
        elif tag in PAIRS and (self._blocks or self._line.is_blank):
            self._held, self._end, self._state = token, PAIRS[tag], self._unconfirmed
        elif tag in CLOSING:
            yield from self._unopened(token)
        elif tag in WRAPPERS and self._blocks:
            return
        else:
            self._mentioned = self._mentioned or tag in PAIRS
            yield from self._show(token)

    def _unconfirmed(self, tag: str, token: str) -> Events:
        """Handle text after a later opening tag, which may be text about tags."""
        self._held += token
        if tag == self._end:
            opening = next(opening for opening, closing in PAIRS.items() if closing == tag)
            yield Reasoning(self._held[len(opening) : -len(tag)])
            self._held = ""
            self._close()
        elif len(self._held) > MAX_HELD:
            held, self._held = self._held, ""
            self._state = self._text
            yield from self._show(held)

    def _header(self, tag: str, token: str) -> Events:
        """Handle a header between ``<|start|>`` or ``<|channel|>`` and ``<|message|>``."""
        self._held += token
        if tag == MESSAGE:
            header, self._held = self._held.lower(), ""
            if not self._harmony and not self._line.is_untouched:
                yield Reclassified("reasoning")  # the header of this part was in the prompt
            self._harmony = True
            channel = header.rpartition(CHANNEL)[2].removesuffix(MESSAGE).strip()
            if channel.startswith("analysis") or " to=" in header:
                self._open("")
            else:
                self._close()
        elif len(self._held) > MAX_HEADER:
            held, self._held = self._held, ""
            self._state = self._text
            yield from self._show(held)

    def _open(self, end: str) -> None:
        self._end, self._state = end, self._inside
        self._blocks += 1

    def _close(self) -> None:
        self._state, self._assumed, self._fresh, self._line = self._text, False, True, Line()
        self._blocks += 1

    def _unopened(self, token: str) -> Events:
        """Handle a closing tag that nothing opened."""
        is_mentioned = self._mentioned or self._line.is_quoted
        if not (self._fresh or self._line.is_blank) if self._blocks else is_mentioned:
            yield from self._show(token)
            return
        if not self._blocks:
            self.thinks_first = True
            yield Reclassified("reasoning")
        self._close()

    def _show(self, text: str) -> Iterator[Delta]:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        if text:
            self._line.add(text)
            yield Delta(text, settled=self._known or self._harmony or self._blocks > 0)
