"""Whether this computer has a way out, and when that changes, found out without sending anything."""

from __future__ import annotations

import socket

_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documents (RFC 5737, RFC 3849): no host has them, and nothing is sent to them."""


def way_out() -> tuple[str, ...]:
    """The addresses that this computer would send from; empty when it is in no network.

    Connecting a datagram socket only looks into the routing table. Asking the system's network service instead would be
    another one on each system.
    """
    found = []
    for family, far in _FAR:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect((far, 9))
                found.append(str(asked.getsockname()[0]))
        except OSError:
            continue
    return tuple(found)
