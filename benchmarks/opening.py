"""Opening a conversation of 10,000 messages against one of 40: from the key to the last message on the screen."""

from __future__ import annotations

import tempfile
from pathlib import Path

from . import corpus
from .first_paint import MARK, environ, sterna
from .report import heading, line, median
from .terminal import Terminal

ROUNDS = 12


def main() -> None:
    """Print the medians and their ratio."""
    heading("Opening a conversation")
    found: dict[str, list[float]] = {"long": [], "short": []}
    with (
        tempfile.TemporaryDirectory() as config,
        Terminal(sterna(corpus.long_history()), environ(Path(config))) as terminal,
    ):
        terminal.wait_for(MARK)
        terminal.settle()
        choose(terminal, "long")
        terminal.send("\r")
        terminal.settle()
        for turn in range(ROUNDS * 2):
            mark = ("short", "long")[turn % 2]
            choose(terminal, mark)
            since = len(terminal.output)
            pressed = terminal.send("\r")
            found[mark].append(terminal.wait_for(f"ENDOF{mark}", since=since) - pressed)
            terminal.settle()
    short, long = (median(found[mark][1:]) for mark in ("short", "long"))
    line("40 messages", f"{short * 1000:.0f} ms")
    line(
        "10,000 messages",
        f"{long * 1000:.0f} ms {long / short:.2f}×",
        target="≤ 1.3×, ≤ 200 ms",
        ok=long <= 1.3 * short and long <= 0.2,
    )


def choose(terminal: Terminal, mark: str) -> None:
    """Put the list's cursor on one of the two marked conversations, which stand on top."""
    focus_sidebar(terminal)
    for key in "g" if mark == "long" else "gj":  # one by one: both in one read would be a paste
        terminal.send(key)
        terminal.settle()


def focus_sidebar(terminal: Terminal) -> None:
    """Put the keys into the list of conversations."""
    terminal.send("\x0f")
    terminal.settle()


if __name__ == "__main__":
    main()
