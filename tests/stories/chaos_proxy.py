"""TCP proxy that refuses, swallows, cuts and delays a part of the connections."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress


class ChaosProxy:
    """Proxy on loopback that forwards to ``port``, with faults at ``rate``."""

    def __init__(self, seed: int, *, rate: float = 0.25) -> None:
        self.port = 0
        """Port of the server; it may change."""
        self.rate = rate
        self._rng = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the URL for clients."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        """Stop forwarding."""
        self._closed.set()
        self._listening.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        fault = self._rng.choice(("refuse", "swallow", "cut", "slow")) if self._rng.random() < self.rate else ""
        with client, suppress(OSError):
            if fault == "refuse":
                return
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as server:
                requests = threading.Thread(target=self._forward, args=(client, server, ""), daemon=True)
                requests.start()
                self._forward(server, client, fault)

    def _forward(self, source: socket.socket, target: socket.socket, fault: str) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if fault == "swallow":
                    break
                if fault == "slow":
                    self._closed.wait(0.3)
                if fault == "cut":
                    target.sendall(chunk[: len(chunk) // 2])
                    break
                target.sendall(chunk)
            source.shutdown(socket.SHUT_RD)
            target.shutdown(socket.SHUT_WR)
