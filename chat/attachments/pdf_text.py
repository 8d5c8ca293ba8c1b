"""Text of a PDF file, extracted in a process of its own: ``python -m sterna.chat.attachments.pdf_text FILE``.

A hostile file can keep a parser busy for hours, or make it use all memory. A process can be ended and limited; a thread
cannot, and a parser in it would slow down every key.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

MAX_PAGES = 2_000
MAX_CHARACTERS = 4_000_000
SECONDS = 60
MEMORY_BYTES = 2_000_000_000

ENCRYPTED, DAMAGED, EMPTY, SLOW = "encrypted", "damaged", "empty", "slow"
SENTENCES = {
    ENCRYPTED: "{name} is protected by a password. Save a copy without it, then attach that.",
    DAMAGED: "{name} is damaged, or no PDF file. Open it in another program to check it.",
    EMPTY: "{name} has no text: its pages are pictures. Attach them as images instead.",
    SLOW: "{name} is too large or too complicated to read. Save the pages that matter, or copy their text.",
}


def extract(path: Path) -> tuple[str, str]:
    """Return the text of a PDF file, and "" or the reason why there is none, a key of :data:`SENTENCES`."""
    command = [sys.executable, "-P", "-m", __name__, str(path)]  # -P: no modules of the current folder
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
        result: Any = json.loads(done.stdout)
        return str(result["text"]), str(result["problem"])
    except subprocess.TimeoutExpired:
        return "", SLOW
    except (ValueError, KeyError, TypeError):
        return "", SLOW if done.returncode else DAMAGED


def main(path: str) -> None:
    """Print the text of a file as JSON."""
    import logging

    logging.disable()
    _limit_memory()
    try:
        text, problem = _text(path)
    except MemoryError:
        text, problem = "", SLOW
    except Exception:  # noqa: BLE001 - a damaged file makes a parser raise anything
        text, problem = "", DAMAGED
    json.dump({"text": text, "problem": problem}, sys.stdout)


def _text(path: str) -> tuple[str, str]:
    from pypdf import PdfReader

    reader = PdfReader(path)
    if reader.is_encrypted and not _is_open(reader):
        return "", ENCRYPTED
    parts: list[str] = []
    length = 0
    for number, page in enumerate(reader.pages, 1):
        if number > MAX_PAGES or length > MAX_CHARACTERS:
            parts.append("[The rest of the file is left out.]")
            break
        text = page.extract_text().strip()
        length += len(text)
        if text:
            parts.append(f"[Page {number}]\n{text}")
    return ("\n\n".join(parts), "") if length else ("", EMPTY)


def _is_open(reader: Any) -> bool:
    """Return whether an encrypted file can be read without a password."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # noqa: BLE001 - without the package for its cipher, too, nothing can be read
        return False


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits


if __name__ == "__main__":
    main(sys.argv[1])
