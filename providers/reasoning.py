"""Reasoning that a model writes into its reply between tags, told apart from the answer.

Servers should take it out and mostly do. Where they do not, the opening tag may be missing (some prompts end with it),
there may be several blocks, or the tags of OpenAI's open models. Text about tags stays text: what stands in code or in
quotation marks, or in the middle of an answer without a closing tag.
"""

from __future__ import annotations

from collections.abc import Iterator

from .events import Delta, Moved, Reasoning
from .reasoning_tags import CHANNEL, CLOSING, ENDS, MESSAGE, PAIRS, START, WRAPPERS, Line, TagReader

LONGEST_HEADER = 200
"""Characters of a channel's header; a longer one is no header."""
UNCERTAIN = 20_000
"""Characters after a later opening tag that are held back until the closing tag proves it to be one."""

Events = Iterator[Delta | Reasoning | Moved]


class ThinkSplitter:
    """Splits the text of one reply. However it is cut into pieces, the same answer and reasoning come out."""

    def __init__(self, *, inside: bool = False, known: bool = True) -> None:
        """``inside``: the prompt of this model ends with the opening tag, so that its text begins as reasoning.

        ``known``: an earlier reply has shown whether it does.
        """
        self._known = known
        self._tags = TagReader()
        self._state = self._inside if inside else self._leading
        self._end = "</think>"
        """The tag that ends the reasoning we are in."""
        self._assumed = inside
        self._held = ""
        """Leading blanks, a header, or what follows an opening tag that is not proved yet."""
        self._fresh = False
        """The first words after reasoning are still to come: blanks before them are dropped."""
        self._blocks = 0
        self._mentioned = False
        self._harmony = False
        self._line = Line()
        self.thinks_first = inside
        """Whether the reasoning ended in a closing tag without an opening one, as far as is known."""

    def feed(self, text: str) -> Events:
        """Yield the events of the next piece."""
        for tag, written in self._tags.feed(text):
            yield from self._state(tag, written)

    def finish(self) -> Events:
        """Yield what was held back, once no more can come."""
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
            yield Moved("content")  # there was no tag this time: it is the answer

    # The states: each takes a tag or text

    def _leading(self, tag: str, written: str) -> Events:
        """Nothing but blanks so far."""
        if not tag and not written.strip():
            self._held += written
            return
        held, self._held = self._held, ""
        self._state = self._text
        if tag in PAIRS:
            self._open(PAIRS[tag])
        elif tag in (CHANNEL, START):
            self._held, self._state = held + written, self._header
        elif tag in CLOSING or tag in WRAPPERS:
            self._blocks, self._fresh = 1, True
        else:
            yield from self._show(held + written)

    def _inside(self, tag: str, written: str) -> Events:
        """In reasoning."""
        if (tag and tag == self._end) or (self._harmony and (tag in ENDS or tag in (START, CHANNEL))):
            self._close()
            if tag in (START, CHANNEL):
                self._held, self._state = written, self._header
        elif written:
            yield Reasoning(written)

    def _text(self, tag: str, written: str) -> Events:
        """In the answer."""
        if not tag:
            yield from self._show(written)
        elif self._harmony and (tag in ENDS or tag == MESSAGE):
            self._fresh = True
        elif self._line.is_code and not self._harmony:
            yield from self._show(written)
        elif tag in (CHANNEL, START):
            self._held, self._state = written, self._header
        elif tag in PAIRS and (self._blocks or self._line.is_blank):
            self._held, self._end, self._state = written, PAIRS[tag], self._doubtful
        elif tag in CLOSING:
            yield from self._closed_only(written)
        elif tag in WRAPPERS and self._blocks:
            return
        else:
            self._mentioned = self._mentioned or tag in PAIRS
            yield from self._show(written)

    def _doubtful(self, tag: str, written: str) -> Events:
        """After a later opening tag, which may be a word about tags."""
        self._held += written
        if tag == self._end:
            opening = next(one for one, closing in PAIRS.items() if closing == tag)
            yield Reasoning(self._held[len(opening) : -len(tag)])
            self._held = ""
            self._close()
        elif len(self._held) > UNCERTAIN:
            held, self._held = self._held, ""
            self._state = self._text
            yield from self._show(held)

    def _header(self, tag: str, written: str) -> Events:
        """Between ``<|start|>`` or ``<|channel|>`` and ``<|message|>``."""
        self._held += written
        if tag == MESSAGE:
            header, self._held = self._held.lower(), ""
            if not self._harmony and not self._line.is_untouched:
                yield Moved("reasoning")  # its own header was in the prompt
            self._harmony = True
            channel = header.rpartition(CHANNEL)[2].removesuffix(MESSAGE).strip()
            if channel.startswith("analysis") or " to=" in header:
                self._open("")
            else:
                self._close()
        elif len(self._held) > LONGEST_HEADER:
            held, self._held = self._held, ""
            self._state = self._text
            yield from self._show(held)

    def _open(self, end: str) -> None:
        self._end, self._state = end, self._inside
        self._blocks += 1

    def _close(self) -> None:
        self._state, self._assumed, self._fresh, self._line = self._text, False, True, Line()
        self._blocks += 1

    def _closed_only(self, written: str) -> Events:
        """Handle a closing tag that nothing opened."""
        is_spoken_of = self._mentioned or self._line.is_quoted
        if not (self._fresh or self._line.is_blank) if self._blocks else is_spoken_of:
            yield from self._show(written)
            return
        if not self._blocks:
            self.thinks_first = True
            yield Moved("reasoning")
        self._close()

    def _show(self, text: str) -> Iterator[Delta]:
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        if text:
            self._line.add(text)
            yield Delta(text, settled=self._known or self._harmony or self._blocks > 0)
