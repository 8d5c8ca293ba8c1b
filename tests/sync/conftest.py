"""Devices: a group with a server in memory, and two of one person with an upstream server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pair import DeviceGroup
from ticking import Ticking

from tests.sync.upstream_device import Device
from tests.upstream import Upstream


@pytest.fixture
def group(tmp_path: Path) -> Iterator[DeviceGroup]:
    result = DeviceGroup(tmp_path)
    yield result
    result.close()


@pytest.fixture
def up(clock: Ticking) -> Upstream:
    return Upstream(clock=clock)


@pytest.fixture
def laptop(up: Upstream, clock: Ticking) -> Device:
    return Device(up, up.join(), clock, seed=1)


@pytest.fixture
def desktop(up: Upstream, clock: Ticking, laptop: Device) -> Device:
    return Device(up, laptop.person, clock, seed=2)
