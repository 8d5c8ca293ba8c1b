"""``python -m tests.dos``: each attack in turn beside a bystander; exit code 1 when the bystander noticed one."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from threading import Event

from .attacks import ATTACKS, Attack, bomb
from .bystander import Bystander, Latencies
from .target import Target, running, sign_up

ROOT = Path(__file__).parents[2]
MAX_SLOWDOWN = 3.0
"""Largest ratio of the bystander's 99th percentile to its value without an attack."""
FLOOR = 50.0
"""Milliseconds below which that value is noise of a busy machine."""
MAX_MEGABYTES = 512
LOWEST_PRIORITY = 19
"""Niceness of the attackers, who have machines of their own: what they compute is no stall of the server."""


def main() -> int:
    """Run the attacks."""
    parser = ArgumentParser(prog="python -m tests.dos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of each attack")
    parser.add_argument("--only", default="", help="run only attacks whose name contains this")
    parser.add_argument("--tree", type=Path, default=ROOT, help="folder of another version of the program")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="its interpreter")
    options = parser.parse_args()
    attacks = [attack for attack in ATTACKS if options.only in attack.name]
    bomb()  # built now, for it takes seconds
    with running(options.tree, options.python) as target:
        accounts = [sign_up(target, f"10.9.0.{n}") for n in range(12)]
        bystander = Bystander(target, accounts)
        os.nice(LOWEST_PRIORITY)
        noticed = [
            attack.name
            for number, attack in enumerate(attacks)
            if not _unnoticed(attack, number, target, bystander, options.seconds)
        ]
        bystander.close()
    print(f"Noticed by the bystander: {', '.join(noticed)}." if noticed else "The bystander noticed none of them.")
    return 1 if noticed else 0


def _unnoticed(attack: Attack, number: int, target: Target, bystander: Bystander, seconds: float) -> bool:
    """Run one attack and print its row; return whether latency, failures and memory stayed within the limits."""
    if not number:
        print(f"{'attack':20} {'quiet p99':>10} {'p50':>8} {'p99':>8} {'longest':>9} {'failed':>7} {'memory':>8}")
        _measured(bystander, 2.0)
    account = sign_up(target, f"10.66.1.{number}")
    quiet = _measured(bystander, seconds / 2)
    target.reset_peak()
    ended = Event()
    bystander.begin()
    threads = attack.begin(target, account, ended)
    Event().wait(seconds)
    latencies = bystander.end()
    ended.set()
    for thread in threads:
        thread.join(60)
    peak = target.peak_megabytes()
    print(
        f"{attack.name:20} {quiet.at(0.99):7.0f} ms {latencies.at(0.5):5.0f} ms {latencies.at(0.99):5.0f} ms"
        f" {latencies.at(1):6.0f} ms {latencies.failures:7} {peak:5} MB",
        flush=True,
    )
    is_quick = latencies.at(0.99) <= MAX_SLOWDOWN * max(quiet.at(0.99), FLOOR)
    return is_quick and not latencies.failures and peak <= MAX_MEGABYTES


def _measured(bystander: Bystander, seconds: float) -> Latencies:
    bystander.begin()
    Event().wait(seconds)
    return bystander.end()


if __name__ == "__main__":
    sys.exit(main())
