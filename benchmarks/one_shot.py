"""Commands that run once and end, against the least that a Python process can take.

A round runs every command in turn, so that a machine whose speed drifts does so for all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .report import heading, line, median
from .streaming import serve

ROUNDS = 11


def seconds(argv: list[str], environ: dict[str, str]) -> float:
    """Return the wall time of one run. Raises CalledProcessError when it fails."""
    began = time.perf_counter()
    subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def measure(folder: Path) -> dict[str, list[float]]:
    """Return the seconds of each command's runs."""
    sterna = str(Path(sys.executable).with_name("sterna"))
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ |= {"STERNA_DATA_DIR": str(folder / "data"), "STERNA_CONFIG_DIR": str(folder)}
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "python, httpx": [sys.executable, "-c", "import httpx"],
        "--version": [sterna, "--version"],
        "list": [sterna, "list"],
        "search": [sterna, "search", "hello"],
        "ask": [sterna, "ask", "hello"],
    }
    seconds(commands["ask"], environ)  # makes the history that is listed and searched
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, argv in commands.items():
            taken[name].append(seconds(argv, environ))
    return taken


def main() -> None:
    """Print medians over interleaved rounds, with their spread and the load of the machine."""
    heading("Commands that run once")
    with tempfile.TemporaryDirectory() as folder:
        server = serve(Path(folder), tokens=3, rate=1000)
        try:
            taken = measure(Path(folder))
        finally:
            server.kill()
            server.wait()
    middle = {name: median(times) for name, times in taken.items()}
    for name in ("python", "python, httpx"):
        line(name, f"{middle[name] * 1000:.0f} ms", target=f"load {os.getloadavg()[0]:.1f}")
    for name, floor, most in (("--version", "python", 3.0), ("ask", "python, httpx", 1.6)):
        ratio = middle[name] / middle[floor]
        spread = f"{min(taken[name]) * 1000:.0f}-{max(taken[name]) * 1000:.0f}"
        line(
            f"sterna {name} against {floor}",
            f"{middle[name] * 1000:.0f} ms {ratio:.2f}×",
            target=f"≤ {most}× ({spread})",
            ok=ratio <= most,
        )
    for name in ("list", "search"):
        spread = f"{min(taken[name]) * 1000:.0f}-{max(taken[name]) * 1000:.0f}"
        ratio = middle[name] / middle["python"]
        line(
            f"sterna {name}",
            f"{middle[name] * 1000:.0f} ms {ratio:.1f}×",
            target=f"≤ 120 ms ({spread})",
            ok=middle[name] <= 0.12,
        )


if __name__ == "__main__":
    main()
