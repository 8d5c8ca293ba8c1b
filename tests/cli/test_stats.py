"""``sterna stats``: figures by day, model and source, durations, streaks and hours."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sterna.storage import Settled, Store, open_account
from tests.cli.conftest import Run

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def history(home: Path) -> None:
    """Three days of use, two of them in a row up to today, with replies that took 1 to 4 seconds."""
    (home / "data").mkdir(mode=0o700)
    now = [NOW]
    with closing(Store.open(open_account(home / "data"), clock=lambda: now[0])) as store:
        for back, seconds, cost in ((5, 1, None), (1, 2, 0.5), (0, 3, 0.25), (0, 4, None)):
            now[0] = NOW - timedelta(days=back)
            turn = store.live_replies.begin_turn(None, "Terns?", model="acme/[b]small")
            metadata: dict[str, Any] = {} if cost is None else {"cost": cost}
            reply = Settled("done", "Yes.", model="acme/[b]small", elapsed_ms=seconds * 1000, metadata=metadata)
            store.live_replies.settle(turn.reply.id, reply)
            store.conversations.set_settings(turn.session.id, {"source": "chatgpt"} if back == 5 else {})


def test_figures_are_read_by_a_program(run: Run) -> None:
    found = run("stats", "--json").json()
    assert [(day["day"], day["sent"], day["received"], day["conversations"]) for day in found["days"]] == [
        ("2026-03-09", 1, 1, 1), ("2026-03-13", 1, 1, 1), ("2026-03-14", 2, 2, 2),
    ]  # fmt: skip
    (model,) = found["models"]
    assert (model["model"], model["replies"], model["cost"]) == ("acme/[b]small", 4, 0.75)
    assert (model["p50_ms"], model["p90_ms"], model["p99_ms"]) == (3000, 4000, 4000)
    assert found["costs"] == {"2026-03-13": 0.5, "2026-03-14": 0.25}
    assert found["sources"] == [
        {"source": "sterna", "conversations": 3, "messages": 6},
        {"source": "chatgpt", "conversations": 1, "messages": 2},
    ]
    assert (sum(found["hours"]), max(found["hours"])) == (8, 8)
    assert found["streak_days"]["longest"] == 2


def test_figures_are_shown_as_text(run: Run) -> None:
    text = run("stats").out
    assert "4 messages sent, 4 received" in text
    assert "acme/[b]small  3.0 / 4.0 / 4.0 s (half, 90 %, 99 %)  0.7500" in text
    assert "6 messages in 3 conversations  sterna" in text
    assert run("stats", "--days", "0").code == 2


def test_a_new_history_has_no_figures(run: Run, home: Path) -> None:
    found = run("--data-dir", str(home / "other"), "stats", "--json").json()
    assert (found["days"], found["models"], found["streak_days"]) == ([], [], {"current": 0, "longest": 0})
    assert "No replies yet." in run("--data-dir", str(home / "other"), "stats").out
