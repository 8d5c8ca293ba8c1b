"""Mutants of sync: each rule is broken on purpose, and then some run of the simulator has to fail soon."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sim.mutants import MUTANTS
from sim.oracle import Broken
from sim.world import World

RUNS = 40

FIRST: dict[str, int] = {
    "no dedup: what comes twice is done twice": 4,
    "a retry is made anew instead of being frozen": 9,
    "what was overtaken by who had not seen it is not listed by its author": 14,
    "tombstones count in a resync only": 22,
    "the cursor is saved before the page is taken": 8,
    "a push is frozen although its rows have changed since they were read": 1_000_050,
    "a page writes over a text that waits to be sent": 9,
    "a page writes over a title that waits to be sent": 4,
    "a clear that waits is kept in a resync": 17,
    "a clear reaches as far as was pulled, seen or not": 370,
    "an edit counts as made now when its push was given up and the clock put back": 5_000_470,
    "who lost is taken to have seen what won": 16,
    "the branch that another device chose is not shown": 10_000_000,
    "a message comes without its parent": 10_000_000,
}
"""A seed shortly before one that fails; the others fail within their first few runs."""


@pytest.mark.parametrize("what", MUTANTS)
def test_a_rule_that_is_broken_shows(what: str) -> None:
    mutant = MUTANTS[what]
    first = FIRST.get(what, 0)
    with mutant.context():
        for seed in range(first, first + RUNS):
            with suppress(Broken):
                World(seed, operations=mutant.operations, faults=mutant.faults).run()
                continue
            return
    raise AssertionError(f"nothing shows in {RUNS} runs: {what}")
