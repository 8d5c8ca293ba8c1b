"""Random keys, pastes, clicks, resizes, replies and changes by another process: the screen shows what the store has."""

from __future__ import annotations

import os
import random

from chat_app import Home
from monkey import sitting

SEED = int(os.environ.get("MONKEY_SEED", random.randrange(10**6)))
ROUNDS = int(os.environ.get("MONKEY_ROUNDS", "2"))


async def test_after_random_input_the_screen_shows_what_is_stored(home: Home) -> None:
    print(f"MONKEY_SEED={SEED} MONKEY_ROUNDS={ROUNDS}")
    await sitting(home, SEED, ROUNDS, 40)
    assert not (home.folder / "sterna.log").exists()
