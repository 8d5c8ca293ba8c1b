"""Cost of syncing: it goes by what changed, never by what is there.

See docs/specification/sync-protocol.md#invariant-12.
"""

from __future__ import annotations

import gzip
import random
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from pair import Device, DeviceGroup

from tests.generated import examples

BATCH = 2000
FIXED, EACH, PER_BYTE = 600, 200, 1.3
"""Bytes of a push: by itself, for each thing that it tells of, and for each compressed byte of their words."""


def spent(device: Device) -> tuple[int, int]:
    """Requests, and bytes of their bodies, until it is in step."""
    device.asked.clear()
    while not device.cycle().complete:
        pass
    return len(device.asked), sum(len(one.body or b"") for one in device.asked)


def words(rng: random.Random, length: int) -> str:
    """Text that hardly gets smaller."""
    return "w" + "".join(rng.choice("abcdefghijklmnopqrstuvwxyz     ") for _ in range(length))


@given(
    changes=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3000)), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
)
@examples(12)
def test_requests_and_bytes_go_by_what_changed(changes: list[tuple[int, int]], seed: int) -> None:
    rng = random.Random(seed)
    with TemporaryDirectory() as folder:
        group = DeviceGroup(Path(folder))
        here, there = group.add_device(), group.add_device()
        sessions = [here.say(None, f"Talk {n}.") for n in range(4)]
        group.settle()
        texts = [words(rng, length) for _, length in changes]
        for (place, _), text in zip(changes, texts, strict=True):
            here.say(sessions[place], text)
        requests, sent = spent(here)
        things = 2 * len(changes)
        floor = sum(len(gzip.compress(text.encode())) for text in texts)
        assert requests <= ceil(things / BATCH) + 1
        assert sent <= FIXED + EACH * things + PER_BYTE * 2 * floor  # the reply says its prompt again
        requests, sent = spent(there)
        assert (requests, sent) == (1, 0)
        assert [here.texts(one) for one in sessions] == [there.texts(one) for one in sessions]
        group.close()


def test_a_change_costs_the_same_in_a_short_talk_and_in_a_long_one(group: DeviceGroup) -> None:
    costs = []
    for length in (2, 300):
        device = group.add_device()
        session_id = device.say(None, "Begin.")
        for n in range(length):
            device.say(session_id, f"Word {n}.")
        group.settle()
        device.say(session_id, "The same words.")
        costs.append(spent(device))
    (short, little), (long, much) = costs
    assert short == long == 1
    assert abs(much - little) < 40


def test_who_has_nothing_to_say_asks_once_and_says_nothing(group: DeviceGroup) -> None:
    device = group.add_device()
    device.say(None, "Hello.")
    group.settle()
    assert spent(device) == (1, 0)
