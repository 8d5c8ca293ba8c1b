"""Notice of the desktop, asked of the terminal by an escape sequence, and the terminal's bell.

Each terminal has its own sequence: kitty OSC 99; urxvt, foot, Konsole and those built on VTE OSC 777; the others OSC 9.
One that knows none of them ignores it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from sterna.storage.text import one_line

LONGEST = 120
"""Most characters of a title and of a text."""


def notice(title: str, text: str, environ: Mapping[str, str]) -> str:
    """Return the sequence that shows a notice of plain text; nothing in the text can end it or begin another."""
    title, text = one_line(title, LONGEST), one_line(text, LONGEST)
    names = f"{environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')}".lower()
    if "kitty" in names or environ.get("KITTY_WINDOW_ID"):
        sequence = (
            f"\x1b]99;i=sterna:d=0:e=1;{_base64(title)}\x1b\\"
            + f"\x1b]99;i=sterna:d=1:e=1:p=body;{_base64(text)}\x1b\\"
        )
    elif (
        any(name in names for name in ("rxvt", "foot")) or environ.get("VTE_VERSION") or environ.get("KONSOLE_VERSION")
    ):
        sequence = f"\x1b]777;notify;{title.replace(';', ',')};{text.replace(';', ',')}\x1b\\"
    else:
        sequence = f"\x1b]9;{title}: {text}\x1b\\"
    return _through_multiplexer(sequence, environ)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")


def _through_multiplexer(sequence: str, environ: Mapping[str, str]) -> str:
    """Return the sequence as tmux or screen hands it on to the terminal."""
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return "\x1bP" + sequence.replace("\x1b\\", "\a") + "\x1b\\"
    return sequence
