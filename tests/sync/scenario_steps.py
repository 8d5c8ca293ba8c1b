"""Steps that several scenarios share."""

from __future__ import annotations

from pair import Device, DeviceGroup


def in_step(group: DeviceGroup) -> None:
    """Everybody syncs, and then sees the same."""
    group.settle()
    first, *others = (one.seen() for one in group.devices)
    assert all(other == first for other in others)


def set_time(group: DeviceGroup, *devices: Device, minutes: float) -> None:
    """Time passes for the server and for these."""
    for one in (group.time, *(device.clock for device in devices)):
        one.move(minutes=minutes)
