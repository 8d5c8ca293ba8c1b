"""Bounded HTTP: clients, proxies, decompression and server-sent events.

Providers, sync and the server fetch from hosts that may be broken or hostile. The rules that keep such a host from
filling the memory, and the rules for proxies, are implemented once, here, without knowledge of what is fetched.
It imports no other room; ``providers``, ``sync`` and ``server`` import it. httpx is imported with the first client: it
costs more than the first frame.
"""

from __future__ import annotations

import sys

from .bodies import TooLarge, Unreadable, iter_body, read_body, read_start
from .client import Limits, open_client, uncollected
from .decompression import accept_encoding
from .json_text import parse_json
from .network_errors import NetworkError, classify, request_errors
from .proxies import Proxy, ProxyError, proxy_for
from .sse import Event, EventReader

__all__ = [
    "Event",
    "EventReader",
    "Limits",
    "NetworkError",
    "Proxy",
    "ProxyError",
    "TooLarge",
    "Unreadable",
    "accept_encoding",
    "classify",
    "iter_body",
    "open_client",
    "parse_json",
    "proxy_for",
    "read_body",
    "read_start",
    "request_errors",
    "uncollected",
]

# httpx loads its own command line where click and rich are installed; that takes longer than the rest of httpx.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
