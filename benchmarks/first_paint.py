"""First paint and memory: Sterna with nothing and with a large history, against a bare Textual app."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from . import corpus
from .report import heading, line, median
from .terminal import Terminal

ROUNDS = 9
MARK = "Write a message"
"""Stands in the empty prompt from the first frame on."""


def environ(config: Path) -> dict[str, str]:
    """A plain terminal, no keys, no configuration."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "STERNA_CONFIG_DIR": str(config),
    }


def sterna(data: Path) -> list[str]:
    """The command that opens the chat on that history."""
    return [str(Path(sys.executable).with_name("sterna")), "--data-dir", str(data)]


def measure(argv: list[str], mark: str, config: Path) -> tuple[float, float]:
    """Seconds to the first frame, and MB once the screen has come to rest."""
    with Terminal(argv, environ(config)) as terminal:
        painted = terminal.wait_for(mark) - terminal.began
        time.sleep(1.0)  # the list is read and httpx loaded meanwhile: memory is taken once the start is over
        terminal.settle()
        return painted, terminal.rss_mb()


def main() -> None:
    """Print medians over interleaved rounds."""
    heading("First paint and memory")
    large = corpus.long_history()
    with tempfile.TemporaryDirectory() as folder:
        empty, config = Path(folder) / "data", Path(folder) / "config"
        empty.mkdir()
        config.mkdir()
        kinds = {
            "a bare Textual app": ([sys.executable, "-m", "benchmarks.bare"], "bare-ready"),
            "Sterna, no conversation": (sterna(empty), MARK),
            f"Sterna, {corpus.CONVERSATIONS:,} conversations": (sterna(large), MARK),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for _ in range(ROUNDS):
            for name, (argv, mark) in kinds.items():
                found[name].append(measure(argv, mark, config))
    paint = {name: median([p for p, _ in rows[1:]]) for name, rows in found.items()}
    memory = {name: median([m for _, m in rows[1:]]) for name, rows in found.items()}
    bare, *ours = kinds
    line(f"{bare}: first paint, memory", f"{paint[bare] * 1000:.0f} ms {memory[bare]:.0f} MB")
    for name in ours:
        ratio, more = paint[name] / paint[bare], memory[name] - memory[bare]
        line(f"{name}: first paint", f"{paint[name] * 1000:.0f} ms {ratio:.2f}×", target="≤ 1.3×", ok=ratio <= 1.3)
        line(f"{name}: memory", f"{memory[name]:.0f} MB +{more:.0f}", target="≤ +30 MB", ok=more <= 30)


if __name__ == "__main__":
    main()
