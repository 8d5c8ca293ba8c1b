"""SMTP server on a loopback socket that stores the mails it receives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string
from email.message import Message
from io import BufferedRWPair
from queue import Queue


@dataclass
class Mailbox:
    """Received mails."""

    port: int
    mails: Queue[Message] = field(default_factory=Queue)

    def next(self) -> Message:
        """Wait for the next mail and return it."""
        return self.mails.get(timeout=60)


@contextmanager
def smtp_server() -> Iterator[Mailbox]:
    """Run a server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        box = Mailbox(listening.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listening, box), name="smtp", daemon=True)
        thread.start()
        yield box
        # wakes accept(); closing the socket would not
        with socket.create_connection(("127.0.0.1", box.port)) as last:
            last.sendall(b"END\r\n")
        thread.join(10)


def _serve(listening: socket.socket, box: Mailbox) -> None:
    is_open = True
    while is_open:
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb") as wire:
            is_open = _converse(wire, box)


def _converse(wire: BufferedRWPair, box: Mailbox) -> bool:
    def say(text: str) -> None:
        wire.write(text.encode() + b"\r\n")
        wire.flush()

    say("220 here")
    while line := wire.readline().decode():
        verb = line.split(maxsplit=1)[0].upper().rstrip()
        if verb == "END":
            return False
        if verb == "DATA":
            say("354 go on")
            text = ""
            while (part := wire.readline().decode()) != ".\r\n":
                text += part
            box.mails.put(message_from_string(text))
        say("221 bye" if verb == "QUIT" else "250 so be it")
    return True
