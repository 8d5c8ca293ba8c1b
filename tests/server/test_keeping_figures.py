"""The figures of each day, which a server writes while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from people import Db
from waiting import until


def test_a_server_that_runs_writes_the_figures_of_the_day(db: Db, served: Callable[..., str]) -> None:
    db.execute("delete from system_stats")
    served(retention_delay_seconds=0.0)

    def row() -> dict[str, Any] | None:
        return db.execute("select * from system_stats where stat_date = (now() at time zone 'UTC')::date").fetchone()

    until(lambda: row() is not None, "the figures are there")
    found = row()
    assert found is not None
    assert found["total_users"] == db.execute("select count(*) as n from profiles").fetchall()[0]["n"]
