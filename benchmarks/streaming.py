"""A reply of 5,000 tokens at 200 a second while a person types: is it on time, do keys echo, what does it cost?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .first_paint import MARK, environ, sterna
from .report import heading, line, median, p95
from .terminal import Terminal

TOKENS, RATE = 5_000, 200
KEY_EVERY = 0.1
LETTERS = [chr(code) for code in range(0xC0, 0x250) if chr(code).isalpha()]
"""One for each key, none of them in the reply: seeing it means that its key has been echoed."""


def serve(config: Path, *, tokens: int = TOKENS, rate: int = RATE) -> subprocess.Popen[str]:
    """The scripted server of the tests, as the only endpoint of a configuration in ``config``."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_openai", "--port", "0", "--tokens", str(tokens), "--rate", str(rate)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    address = server.stdout.readline().split()[-1]
    config.joinpath("config.toml").write_text(
        f'model = "bench/model"\n[endpoints.bench]\nurl = "{address}"\nmodels = ["model"]\n'
    )
    return server


def main() -> None:
    """Print how late the end came, how late each key came, and the share of a core."""
    heading(f"Streaming {TOKENS:,} tokens at {RATE} a second")
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder) / "data", Path(folder) / "config"
        data.mkdir()
        config.mkdir()
        server = serve(config)
        try:
            measure(data, config)
        finally:
            server.kill()
            server.wait()


def measure(data: Path, config: Path) -> None:
    """One conversation in a real terminal."""
    with Terminal(sterna(data), environ(config)) as terminal:
        terminal.wait_for(MARK)
        terminal.settle()
        idle = echo(terminal, LETTERS[:40], until=time.perf_counter() + 30)
        terminal.send("\x15")
        terminal.settle()
        terminal.send("go")
        terminal.wait_for("go")
        cpu, began = terminal.cpu_seconds(), terminal.send("\r")
        terminal.wait_for("Part 1")  # a key in the same read as enter would make both of them a paste
        sending = TOKENS / RATE
        busy = echo(terminal, LETTERS[40:], until=began + sending - 1)
        ended = terminal.wait_for("ENDOFREPLY", seconds=60)
        share = (terminal.cpu_seconds() - cpu) / (ended - began)
    line("sending takes", f"{sending:.1f} s")
    late = (ended - began) / sending
    line("the end is on the screen after", f"{ended - began:.1f} s {late:.3f}×", target="≤ 1.05×", ok=late <= 1.05)
    line("echo of a key, nothing streaming: median, p95", f"{median(idle) * 1e3:.0f} / {p95(idle) * 1e3:.0f} ms")
    line(
        "echo of a key, streaming: median, p95",
        f"{median(busy) * 1e3:.0f} / {p95(busy) * 1e3:.0f} ms",
        target="p95 ≤ 50 ms",
        ok=p95(busy) <= 0.05,
    )
    line("longest stall a key met", f"{max(busy) * 1e3:.0f} ms", target="≤ 100 ms", ok=max(busy) <= 0.1)
    line("share of a core", f"{share * 100:.0f} %", target="≤ 60 %", ok=share <= 0.6)


def echo(terminal: Terminal, letters: list[str], *, until: float) -> list[float]:
    """Seconds from each key to its letter on the screen."""
    found: list[float] = []
    for letter in letters:
        if time.perf_counter() > until:
            break
        pressed = terminal.send(letter)
        found.append(terminal.wait_for(letter, since=0) - pressed)
        while (left := pressed + KEY_EVERY - time.perf_counter()) > 0:
            terminal.read(left)
    return found


if __name__ == "__main__":
    main()
