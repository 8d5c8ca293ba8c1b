"""A real server on a loopback socket, for tests of either end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sterna.server.app import create_app
from sterna.server.run import Ending, configured
from sterna.server.settings import ServerSettings


@contextmanager
def serving(settings: ServerSettings, **more: Any) -> Iterator[str]:
    """Run a server with ``settings`` on a free port of its host; yield its address."""
    config = configured(create_app(settings, **more), settings)
    config.host, config.port = settings.host, 0
    server = Ending(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),), name="server", daemon=True)
    thread.start()
    waited = threading.Event()
    for _ in range(1000):
        if server.started or not thread.is_alive():
            break
        waited.wait(0.01)
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{settings.host}:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
