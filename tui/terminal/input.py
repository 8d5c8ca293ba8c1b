"""Input from the terminal as keys and pastes, whatever its keyboard protocol.

A paste is text: no escape sequence inside one presses a key, and lines that arrive faster than anybody types are a
paste too, where the terminal does not mark pastes. A key that types text types it in every protocol.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import ClassVar

from textual import _xterm_parser, events
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

PASTE_START, PASTE_END = "\x1b[200~", "\x1b[201~"
"""Marks of the terminal around a paste."""

BURST_SECONDS = 0.03
"""Longest pause inside a burst. Typed lines are further apart."""

_TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
_LINE_END = re.compile(r"\r\n?|\n")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_EXTENDED = re.compile(r"\x1b\[(?P<code>\d+)(?::[\d:]*)?(?:;(?P<mods>\d*)(?::(?P<event>\d))?)?(?:;(?P<text>[\d:]*))?u")
"""Key of the kitty protocol: code, modifiers, kind of event, text."""
_MODIFIED = re.compile(r"\x1b\[27;(?P<mods>\d+);(?P<code>\d+)~")
"""Key of xterm's modifyOtherKeys."""

_CSI = re.compile(r"\x1b\[(?!M|\[)[0-?]*[ -/]*[@-~]")
_KNOWN_CSI = re.compile(r"\x1b\[(<?[-\d;]+[mM]|\?\d+;\d\$y)")
"""Sequences that Textual reads elsewhere: the mouse, and reports of modes."""

# Textual gives up on a longer sequence and types it. A sentence of an input method is one sequence.
_xterm_parser._MAX_SEQUENCE_SEARCH_THRESHOLD = 8192

SHIFT, CAPS_LOCK, NUM_LOCK = 1, 64, 128
RELEASED = "3"


class TerminalParser(XTermParser):
    """Textual's parser, with pastes kept whole and text keys of every protocol."""

    line_mode_bytes: ClassVar[int] = 0
    """Bytes that were typed while the terminal was in line mode: a newline among them was Enter."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._in_paste = False
        self._rest = ""
        """End of the last input, passed on outside a paste, held back inside one: a mark may come in pieces."""
        self._held = ""
        """Line ends after text: Enter, unless more text follows at once."""
        self._last_text = self._last_paste = 0.0

    def feed(self, data: str) -> Iterable[Message]:
        """Return the events in ``data``, which may begin and end anywhere."""
        if not data:  # the end of all input
            yield from self._release()
            yield from super().feed(data)
        data = self._enter_for_newline(data)
        while data:
            if self._in_paste:
                part, data = self._split_paste(data)
                if part:
                    yield from super().feed(part)
            else:
                part, data = self._split_keys(data)
                yield from self._keys(part)

    def tick(self) -> Iterable[Message]:
        """Return the events of keys that are complete because nothing follows them."""
        if get_time() - self._last_text > BURST_SECONDS:
            yield from self._release()
        yield from super().tick()

    # Pastes that the terminal marks

    def _split_keys(self, data: str) -> tuple[str, str]:
        """Return the part up to the beginning of a paste, its mark included, and the rest."""
        text = self._rest + data
        start = text.find(PASTE_START)
        if start < 0:
            self._rest = text[1 - len(PASTE_START) :]
            return data, ""
        cut = start + len(PASTE_START) - len(self._rest)
        self._rest, self._in_paste = "", True
        return data[:cut], data[cut:]

    def _split_paste(self, data: str) -> tuple[str, str]:
        """Return the part of a paste without escapes, its closing mark included, and the rest."""
        text, end, after = (self._rest + data).partition(PASTE_END)
        self._rest, self._in_paste = "", not end
        if not end:
            partial = next((size for size in range(len(PASTE_END) - 1, 0, -1) if text.endswith(PASTE_END[:size])), 0)
            text, self._rest = text[: len(text) - partial], text[len(text) - partial :]
        return text.replace("\x1b", "") + end, after

    # Pastes that it does not mark

    def _keys(self, data: str) -> Iterable[Message]:
        while data:
            inside_sequence = self._awaiting.timeout is not None
            text = None if inside_sequence else _TEXT.match(data)
            if text is not None:
                yield from self._text(text[0])
                data = data[text.end() :]
            else:
                if not inside_sequence:
                    yield from self._release()
                yield from super().feed(data[0])
                data = data[1:]

    def _text(self, text: str) -> Iterable[Message]:
        """Return the keys of ``text``, or one paste if it is a burst of several lines."""
        now = get_time()
        if now - self._last_text > BURST_SECONDS:
            yield from self._release()
        text, self._held = self._held + text, ""
        line = text.rstrip("\r\n")
        follows, self._last_text = now - self._last_text <= BURST_SECONDS, now
        if now - self._last_paste <= BURST_SECONDS or _LINE_END.search(line):
            self._last_paste = now
            yield events.Paste(_CONTROL.sub("", _LINE_END.sub("\n", text)))
            return
        if line or follows:
            self._held = text[len(line) :]
            text = line
        if text:
            yield from super().feed(text)

    def _release(self) -> Iterable[Message]:
        """Press the Enter that was held back."""
        held, self._held = self._held, ""
        if held:
            yield from super().feed(held)

    def _enter_for_newline(self, data: str) -> str:
        """Return ``data`` with Enter for each newline that the terminal's line mode made of one."""
        size = 0
        while TerminalParser.line_mode_bytes > 0 and size < len(data):
            TerminalParser.line_mode_bytes -= len(data[size].encode("utf-8", "replace"))
            size += 1
        return data[:size].replace("\n", "\r") + data[size:]

    # Keys

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        """Return the keys of an escape sequence or a character."""
        extended = _EXTENDED.fullmatch(sequence) or _MODIFIED.fullmatch(sequence)
        if extended is not None:
            released = extended.groupdict().get("event") == RELEASED
            if not released and (text := _typed(**extended.groupdict())):
                for character in text:
                    yield from super()._sequence_to_key_events(character)
                return
            if released or not (f"{extended['code']}u" in FUNCTIONAL_KEYS or _character(extended["code"])):
                yield events.Key(Keys.Ignore, sequence)
                return
            mods = extended["mods"]
            sequence = f"\x1b[{extended['code']}{f';{mods}' if mods else ''}u"
        try:
            keys = list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):  # numbers that are no code point
            keys = []
        if not keys and _CSI.fullmatch(sequence) and not _KNOWN_CSI.match(sequence):
            keys = [events.Key(Keys.Ignore, sequence)]  # complete and unknown: what follows is not part of it
        yield from keys


def _typed(code: str, mods: str | None, event: str | None = None, text: str | None = None) -> str:
    """Return the text that an extended key types; empty for a key that is a command."""
    if text:
        return "".join(_character(part) for part in text.split(":"))
    if (int(mods or 1) - 1) & ~(SHIFT | CAPS_LOCK | NUM_LOCK) or f"{code}u" in FUNCTIONAL_KEYS:
        return ""
    character = _character(code)
    return character.upper() if (int(mods or 1) - 1) & SHIFT and len(character.upper()) == 1 else character


def _character(code: str) -> str:
    """Return the character of a code point, unless it is a control character or none at all."""
    try:
        character = chr(int(code))
    except (ValueError, OverflowError):
        return ""
    return "" if unicodedata.category(character) in ("Cc", "Cs") else character
