"""Detection of network changes without sending anything."""

from __future__ import annotations

import socket

_REMOTE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses reserved for documentation (RFC 5737, RFC 3849). Nothing is sent to them."""


def local_addresses() -> tuple[str, ...]:
    """Return the addresses that this computer would send from; none without a network.

    Connecting a datagram socket only consults the routing table. The alternative, the system's network service, is a
    different one on each system.
    """
    addresses = []
    for family, remote in _REMOTE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((remote, 9))
                addresses.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return tuple(addresses)
