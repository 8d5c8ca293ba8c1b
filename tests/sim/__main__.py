"""Runs of the simulator: ``python -m tests.sim --seed 7`` or ``--seeds 10000``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> int:
    """Run seeds; the first that fails is printed with all that happened in it."""
    from sim.oracle import Broken
    from sim.world import World

    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="one run")
    parser.add_argument("--seeds", type=int, default=1000, help="so many runs")
    parser.add_argument("--first", type=int, default=0, help="from this seed on")
    parser.add_argument("--keep-going", action="store_true", help="tell every seed that fails, in a line")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    began, failed = time.perf_counter(), 0
    for seed in seeds:
        try:
            World(seed).run()
        except Broken as error:
            failed += 1
            print(str(error).splitlines()[0] if asked.keep_going else error, flush=True)
            if not asked.keep_going:
                return 1
    print(f"{len(seeds)} runs, {failed} failed, {len(seeds) / (time.perf_counter() - began):.1f} a second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
