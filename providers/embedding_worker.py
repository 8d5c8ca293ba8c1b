"""Process that makes vectors for another one: a model in it takes no turn of the interpreter that answers keys.

It reads one JSON value a line and answers each with a line: first the name of a model, answered with its key, then
lists of texts, answered with lists of vectors (base64 of float32 numbers, empty for a text without one). An error is
``{"error": SENTENCE}``. It ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

from .embedder import EmbedderError
from .static_model import find_model, load_model

NICENESS = 10


def serve(lines: Iterable[str], out: IO[str]) -> None:
    """Answer each line, until there are no more."""
    model = None
    for line in lines:
        asked = json.loads(line)
        answer: object
        try:
            if model is None:
                model = load_model(find_model(asked))
                answer = {"key": model.key}
            else:
                answer = [b64encode(vector).decode("ascii") for vector in model.embed(asked)]
        except EmbedderError as error:
            answer = {"error": str(error)}
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    with suppress(OSError):
        os.nice(NICENESS)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.stdin, sys.stdout)
