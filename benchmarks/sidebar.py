"""Paging and jumping in the sidebar of the large history: from the key to the row on the screen, at both ends."""

from __future__ import annotations

import tempfile
from pathlib import Path

from . import corpus
from .first_paint import MARK, environ, sterna
from .opening import focus_sidebar
from .report import heading, line, median, p95
from .terminal import Terminal

ROUNDS = 12
HOME, END = "g", "G"


def main() -> None:
    """Print the time of a jump to each end against the time of a step of one row."""
    heading(f"The sidebar, {corpus.CONVERSATIONS:,} conversations")
    oldest = corpus.conversation(0, corpus.MESSAGES)["title"][:14]
    data = corpus.long_history()
    with tempfile.TemporaryDirectory() as config, Terminal(sterna(data), environ(Path(config))) as terminal:
        terminal.wait_for(MARK)
        terminal.settle()
        focus_sidebar(terminal)
        steps = [repaint(terminal, key) for _ in range(ROUNDS) for key in ("j", "k")]
        ends, homes = [], []
        for _ in range(ROUNDS):
            ends.append(shown(terminal, END, oldest))
            homes.append(shown(terminal, HOME, "Marked long"))
        shown(terminal, END, oldest)
        pages = [repaint(terminal, "\x1b[5~") for _ in range(ROUNDS)]
    line("one row down or up: median, p95", f"{median(steps) * 1e3:.0f} / {p95(steps) * 1e3:.0f} ms")
    for what, found in (("to the oldest", ends), ("to the newest", homes), ("a page, at the far end", pages)):
        ratio = median(found) / median(steps)
        line(
            f"{what}: median, p95",
            f"{median(found) * 1e3:.0f} / {p95(found) * 1e3:.0f} ms {ratio:.1f}×",
            target="≤ 50 ms",
            ok=p95(found) <= 0.05,
        )


def shown(terminal: Terminal, key: str, title: str) -> float:
    """Seconds from ``key`` to that title."""
    since = len(terminal.output)
    pressed = terminal.send(key)
    taken = terminal.wait_for(title, since=since) - pressed
    terminal.settle()
    return taken


def repaint(terminal: Terminal, key: str) -> float:
    """Seconds from ``key`` to the last of what it repainted."""
    pressed = terminal.send(key)
    terminal.settle()
    return terminal.reads[-1] - pressed


if __name__ == "__main__":
    main()
