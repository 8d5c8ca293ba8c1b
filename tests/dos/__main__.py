"""``python -m tests.dos``: each attack in turn beside a bystander; exit code 1 when somebody else noticed it."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from threading import Event

from .attacks import ATTACKS, Attack, bomb
from .bystander import Bystander, Waits
from .target import Target, running, sign_up

ROOT = Path(__file__).parents[2]
MOST_SLOWER = 3.0
"""Times the bystander's 99th percentile may be of its value without an attack."""
FLOOR = 50.0
"""Milliseconds of that value that are not told apart from the noise of a busy machine."""
MOST_MEGABYTES = 512


def main() -> int:
    """Run the attacks."""
    parser = ArgumentParser(prog="python -m tests.dos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each attack")
    parser.add_argument("--only", default="", help="attacks whose name has this in it")
    parser.add_argument("--tree", type=Path, default=ROOT, help="another version of the program")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="its interpreter")
    options = parser.parse_args()
    attacks = [one for one in ATTACKS if options.only in one.name]
    bomb()  # takes its time
    with running(options.tree, options.python) as target:
        accounts = [sign_up(target, f"10.9.0.{n}") for n in range(12)]
        bystander = Bystander(target, accounts)
        os.nice(15)  # attackers have machines of their own
        bad = [one.name for n, one in enumerate(attacks) if not _survives(one, n, target, bystander, options.seconds)]
        bystander.close()
    print(f"Noticed by others: {', '.join(bad)}." if bad else "Nobody else noticed any of it.")
    return 1 if bad else 0


def _survives(attack: Attack, number: int, target: Target, bystander: Bystander, seconds: float) -> bool:
    if not number:
        print(f"{'attack':20} {'quiet p99':>10} {'p50':>8} {'p99':>8} {'longest':>9} {'failed':>7} {'memory':>8}")
        _measured(bystander, 2.0)
    account = sign_up(target, f"10.66.1.{number}")
    quiet = _measured(bystander, seconds / 2)
    target.forget_peak()
    ended = Event()
    bystander.begin()
    threads = attack.begin(target, account, ended)
    Event().wait(seconds)
    waits = bystander.end()
    ended.set()
    for thread in threads:
        thread.join(60)
    peak = target.peak_megabytes()
    print(
        f"{attack.name:20} {quiet.at(0.99):7.0f} ms {waits.at(0.5):5.0f} ms {waits.at(0.99):5.0f} ms"
        f" {waits.at(1):6.0f} ms {waits.failures:7} {peak:5} MB",
        flush=True,
    )
    is_quick = waits.at(0.99) <= MOST_SLOWER * max(quiet.at(0.99), FLOOR)
    return is_quick and not waits.failures and peak <= MOST_MEGABYTES


def _measured(bystander: Bystander, seconds: float) -> Waits:
    bystander.begin()
    Event().wait(seconds)
    return bystander.end()


if __name__ == "__main__":
    sys.exit(main())
