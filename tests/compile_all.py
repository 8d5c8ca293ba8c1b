"""Compile the program and the tests: once, instead of once in each process that runs tests."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write the bytecode of every module beside its source; a syntax error is reported when its module is imported."""
    for room in (ROOT / "src" / "sterna").iterdir():
        if room.is_dir():  # a link, which is not followed from the folder above
            compileall.compile_dir(room, quiet=2, workers=os.cpu_count() or 1)
    # pytest compiles tests its own way, so that assertions explain themselves, and has to load them for that
    tests = ROOT / "tests"
    large = [tests / "tui", tests / "cli"]
    rest = [path for path in tests.iterdir() if path not in large]
    collecting = [
        subprocess.Popen([sys.executable, "-m", "pytest", "--collect-only", "-qq", *paths], stdout=subprocess.DEVNULL)
        for paths in (large, rest)
    ]
    for process in collecting:
        process.wait()


if __name__ == "__main__":
    main()
