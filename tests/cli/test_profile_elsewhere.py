"""A second device shows the same account, with the same counts for a year of use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sterna.storage import Settled, Store, data_dir, open_account
from tests.cli.conftest import Run
from tests.clients import Somebody, sign_up


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


def use_for_a_year(store: Store, moment: list[datetime], seed: int) -> None:
    """Create conversations on every second or third day of a year that ends today, and use them."""
    rng = Random(seed)
    end = datetime.now(UTC)
    moment[0] = end - timedelta(days=365)
    while moment[0] < end - timedelta(hours=1):
        session_id = None
        for _ in range(rng.randint(1, 4)):
            moment[0] += timedelta(seconds=rng.randint(1, 600))
            model = rng.choice(("acme/small", "acme/large"))
            begun = store.live_replies.begin_turn(session_id, "a question", model=model)
            session_id = begun.session.id
            status = rng.choice(("done", "done", "done", "failed"))
            store.live_replies.settle(
                begun.reply.id,
                Settled(status, "an answer", input_tokens=rng.randint(1, 900), output_tokens=rng.randint(1, 900),
                        elapsed_ms=rng.randint(1, 9000)),
            )  # fmt: skip
        if rng.random() < 0.1:
            store.trash.delete_conversation(str(session_id))
        moment[0] += timedelta(days=rng.randint(1, 6))
    moment[0] = end


def shown(reports: dict[str, Any]) -> dict[str, Any]:
    """Return a profile without the data of one device: its log, searches and times."""
    stats = {name: value for name, value in reports["stats"].items() if name != "total_searches"}
    return {"stats": stats, "today": reports["today"], "days": reports["days"], "models": reports["models"]}


def test_two_computers_show_the_same_profile_after_a_year_of_use(
    run: Run, home: Path, sterna_server: str, somebody: Somebody
) -> None:
    here: tuple[str, ...] = ()
    there = ("--data-dir", str(home / "other"), "--config-dir", str(home / "other-config"))
    words = f"{somebody.password}\n".encode()
    moment = [datetime.now(UTC)]

    def opened(folder: str) -> Store:
        return Store.open(open_account(data_dir(home / folder)), clock=lambda: moment[0])

    store = opened("data")
    use_for_a_year(store, moment, 1)
    store.close()
    for folders in (here, there):
        done = run(
            *folders, "login", sterna_server, "--email", somebody.email, "--password-stdin", "--adopt", "--yes",
            stdin=words,
        )  # fmt: skip
        assert done.code == 0, done.err
        assert run(*folders, "sync", "--once").code == 0
    # a day of both, offline of each other
    for folder, seed in (("data", 2), ("other", 3)):
        store = opened(folder)
        moment[0] = datetime.now(UTC)
        for _ in range(seed):
            begun = store.live_replies.begin_turn(None, "another question", model="acme/small")
            store.live_replies.settle(
                begun.reply.id, Settled("done", "an answer", input_tokens=seed, output_tokens=seed)
            )
        store.close()
    for folders in (here, there, here, there):
        assert run(*folders, "sync", "--once").code == 0
    texts = [run(*folders, "profile").out for folders in (here, there)]
    assert texts[0] == texts[1]
    reports = [shown(run(*folders, "profile", "--json").json()) for folders in (here, there)]
    assert reports[0] == reports[1]
    stats = reports[0]["stats"]
    assert stats["total_conversations"] > 90
    assert stats["message_count"] > 300
    month = [day for day in reports[0]["days"] if day["usage_date"] < reports[0]["today"]["usage_date"]]
    assert sum(day["messages_sent"] for day in month) > 10
