"""A wire between a client and a server that breaks: it cuts connections, swallows answers, delays, and refuses."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress


class Faulty:
    """Listens on loopback and passes bytes on to ``port``, some of the time."""

    def __init__(self, seed: int, *, rate: float = 0.25) -> None:
        self.port = 0
        """Of the server; it may move."""
        self.rate = rate
        self._rng = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        """Pass nothing on any more."""
        self._closed.set()
        self._listening.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        fault = self._rng.choice(("refuse", "swallow", "cut", "slow")) if self._rng.random() < self.rate else ""
        with client, suppress(OSError):
            if fault == "refuse":
                return
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as server:
                there = threading.Thread(target=self._pass, args=(client, server, ""), daemon=True)
                there.start()
                self._pass(server, client, fault)

    def _pass(self, source: socket.socket, target: socket.socket, fault: str) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if fault == "swallow":
                    break
                if fault == "slow":
                    self._closed.wait(0.3)
                if fault == "cut":
                    target.sendall(piece[: len(piece) // 2])
                    break
                target.sendall(piece)
            source.shutdown(socket.SHUT_RD)
            target.shutdown(socket.SHUT_WR)
