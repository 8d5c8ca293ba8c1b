"""First push and first pull of a history at a tenth of the full size, against what the two ends need by themselves."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from sterna.sync.protocol.delta_response import decode_rows
from sterna.sync.wire import DeltaResponse

from .corpus import conversations
from .report import heading, line
from .served import served
from .syncing import Device

SIZES, MESSAGES = (1_000, 10_000), 20


def main() -> None:
    """Print it."""
    heading("First push and first pull")
    prices: list[float] = []
    with served() as found, tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            user, token = found.person()
            first = Device(Path(folder) / f"a{size}.db", found.port, user, token)
            first.store.bulk_import.import_conversations(conversations(size, MESSAGES, first=size))
            total = size * MESSAGES
            began = time.perf_counter()
            first.in_step()
            pushed = time.perf_counter() - began
            line(f"push of {total:,} messages, a second", f"{total / pushed:,.0f}")
            line("  of that waiting for the server", f"{first.waited / pushed:.0%}")
            second = Device(Path(folder) / f"b{size}.db", found.port, user, token)
            began = time.perf_counter()
            second.in_step()
            pulled = time.perf_counter() - began
            prices.append(pulled / total)
            line(f"pull of {total:,} messages, a second", f"{total / pulled:,.0f}")
            line("  of that waiting for the server", f"{second.waited / pulled:.0%}")
            first.close()
            second.close()
        line("a message of the larger against one of the smaller", f"{prices[1] / prices[0]:.2f}×", target="≤ 1.3×",
             ok=prices[1] / prices[0] <= 1.3)  # fmt: skip
        bound(Path(folder) / "bound.db", found.port, user, token, total, pulled)


def bound(path: Path, port: int, user: object, token: str, total: int, pulled: float) -> None:
    """Decode and apply the same rows, which lie in memory already."""
    from uuid import UUID

    import httpx

    pages: list[bytes] = []
    cur, more = 0, True
    headers = {"authorization": f"Bearer {token}", "sync-client": "sterna/0; proto=1-1"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120) as client:
        while more:
            body = client.get("/api/chat/sync", params={"since": cur, "max_bytes": 1 << 20}).content
            response = json.loads(body)["sync"]
            cur, more = response["cur"], response["more"]
            pages.append(body)
    device = Device(path, port, UUID(str(user)), token)
    began, cur = time.perf_counter(), 0
    for body in pages:
        answer = DeltaResponse.decode(json.loads(body)["sync"])
        device.store.sync_pull.apply(
            decode_rows(answer), cursor=cur, new_cursor=answer.cur, seen=None, more=answer.more,
            fence=device.fence, now_ms=0,
        )  # fmt: skip
        cur = answer.cur
    alone = time.perf_counter() - began
    device.close()
    line("decode and apply alone, a second", f"{total / alone:,.0f}")
    line("first pull against that", f"{pulled / alone:.2f}×", target="≤ 2×", ok=pulled / alone <= 2)


if __name__ == "__main__":
    main()
