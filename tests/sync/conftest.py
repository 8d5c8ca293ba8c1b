"""Fixtures of the tests with an upstream server: two devices of one person."""

from __future__ import annotations

import pytest
from ticking import Ticking

from tests.sync.upstream_device import Device
from tests.upstream import Upstream


@pytest.fixture
def up(clock: Ticking) -> Upstream:
    return Upstream(clock=clock)


@pytest.fixture
def laptop(up: Upstream, clock: Ticking) -> Device:
    return Device(up, up.join(), clock, seed=1)


@pytest.fixture
def desktop(up: Upstream, clock: Ticking, laptop: Device) -> Device:
    return Device(up, laptop.person, clock, seed=2)
