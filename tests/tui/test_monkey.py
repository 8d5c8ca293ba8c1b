"""Whatever is pressed, pasted, clicked, resized, answered or written elsewhere: the screen shows what the file has."""

from __future__ import annotations

import os
import random

import pytest
from home import Home
from monkey import sitting

pytestmark = pytest.mark.drawn

SEED = int(os.environ.get("MONKEY_SEED", random.randrange(10**6)))
ROUNDS = int(os.environ.get("MONKEY_ROUNDS", "2"))


async def test_after_anything_the_screen_shows_what_the_file_has(home: Home) -> None:
    print(f"MONKEY_SEED={SEED} MONKEY_ROUNDS={ROUNDS}")
    await sitting(home, SEED, ROUNDS, 40)
    assert not (home.folder / "sterna.log").exists()
