"""Real disks for tests: a small one that fills up, one that cannot be written, one on which a file cannot grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

PRELUDE = """
import contextlib, json, os, sys, threading
from pathlib import Path

def command(*arguments):
    # pipes, because a file might not grow here
    from sterna import cli
    pieces = {1: [], 2: []}
    saved, readers = {}, []
    for number in pieces:
        end, start = os.pipe()
        saved[number] = os.dup(number)
        os.dup2(start, number)
        os.close(start)
        readers.append(threading.Thread(target=lambda n=number, e=end: pieces[n].append(open(e, "rb").read())))
        readers[-1].start()
    code = cli.main(list(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    for number, original in saved.items():
        os.dup2(original, number)
    for reader in readers:
        reader.join()
    out, err = (b"".join(pieces[number]).decode() for number in pieces)
    return {"code": code, "out": out, "err": err}

def fill(folder):
    taken = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    os.write(taken, b"x" * size)
    os.close(taken)

def free(folder):
    (folder / "filler").unlink()

place = Path(sys.argv[1])
"""


def run_on_full_disk(place: Path, script: str) -> Any:
    """Run a script whose folder ``place`` is a disk of 4 MB of its own; return what it prints, as JSON.

    Where no disk can be mounted, ``fill`` works on the folder of the test and a limit on the size of files stands in
    for the disk: see :func:`run_where_files_cannot_grow`.
    """
    if not can_mount():
        return run_where_files_cannot_grow(place, script)
    mounted = 'mount -t tmpfs -o size=4m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    return _run([*_NAMESPACE, "sh", "-c", mounted, "sh", str(place), sys.executable, PRELUDE + script])


def run_where_files_cannot_grow(place: Path, script: str, *, limit: int = 16_384) -> Any:
    """Run a script whose function ``fill`` sets a limit on the size of every file; return what it prints, as JSON."""
    limited = f"""
def fill(folder):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))

def free(folder):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    return _run([sys.executable, "-c", PRELUDE + limited + script, str(place)])


def run_without_rights(place: Path, script: str) -> Any:
    """Run a script as somebody who may read ``place`` and not write it; return what it prints, as JSON."""
    for path in [place, *place.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    # root may write everywhere until it has given up its capabilities
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    try:
        return _run([*powerless, sys.executable, "-c", PRELUDE + script, str(place)])
    finally:
        for path in [place, *place.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)


@lru_cache
def can_mount() -> bool:
    """Return True where this process, or one in a namespace of its own, may mount a disk."""
    tried = subprocess.run([*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def _run(command: list[str]) -> Any:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
