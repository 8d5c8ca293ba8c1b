"""Mutants of sync: each rule is broken on purpose, and then some run of the simulator has to fail soon."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sim.mutants import MUTANTS
from sim.oracle import Broken
from sim.world import World

RUNS = 40

FIRST: dict[str, int] = {
    "no dedup: what comes twice is done twice": 5,
    "a retry is made anew instead of being frozen": 11,
    "what was overtaken by who had not seen it is not listed by its author": 15,
    "tombstones count in a resync only": 23,
    "the cursor is saved before the page is taken": 11,
    "a push is frozen although its rows have changed since they were read": 1_000_058,
    "a page writes over a text that waits to be sent": 11,
    "a page writes over a title that waits to be sent": 9,
    "a clear that waits is kept in a resync": 17,
    "a clear reaches as far as was pulled, seen or not": 374,
    "an edit counts as made now when its push was given up and the clock put back": 5_000_476,
    "who lost is taken to have seen what won": 17,
    "no fork check: the number of a push is believed, whatever it says": 1,
    "what cannot be taken now is not deferred": 2,
    "the branch that another device chose is not shown": 10_000_000,
    "a message comes without its parent": 10_000_000,
}
"""A seed that fails; the others fail in their first run."""


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
