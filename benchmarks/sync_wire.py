"""Bytes of one new message on the wire, by the length of the conversation it is in."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

from .corpus import conversations
from .report import heading, line, median
from .served import served
from .syncing import Device

LENGTHS, APPENDS = (10, 1_000, 10_000), 20
ROOM = 1_500
"""Bytes of headers, of the ids and of the answer's envelope."""


def main() -> None:
    """Print it."""
    heading("One new message, from a device to the server")
    with served() as found, tempfile.TemporaryDirectory() as folder:
        user, token = found.person()
        device = Device(Path(folder) / "a.db", found.port, user, token)
        costs: dict[int, float] = {}
        text = next(iter(conversations(1, 2)))["messages"][1]["content"]
        packed = len(zlib.compress(text.encode(), 1))
        for length in LENGTHS:
            (item,) = conversations(1, length, first=length)
            device.store.bulk_import.import_conversations([item])
            device.in_step()
            sent, requests = [], []
            for number in range(APPENDS):
                begun = device.store.live_replies.begin_turn(item["id"], f"{number} {text}", model=None)
                device.store.db.execute("delete from live_replies where id = ?", (begun.reply.id,))
                device.count()
                device.in_step()
                sent.append(device.sent)
                requests.append(device.requests)
            costs[length] = median(sent)
            line(f"bytes up in a conversation of {length:,}", f"{costs[length]:,.0f}")
            line("requests", f"{median(requests):.0f}", target="= 1", ok=median(requests) == 1)
        device.close()
    ratio = max(costs.values()) / min(costs.values())
    most = 1.3 * packed + ROOM
    line("longest against shortest", f"{ratio:.2f}×", target="≤ 1.1×", ok=ratio <= 1.1)
    line(f"against the text packed alone ({packed:,} bytes)", f"{max(costs.values()):,.0f}", target=f"≤ {most:,.0f}",
         ok=max(costs.values()) <= most)  # fmt: skip


if __name__ == "__main__":
    main()
