"""Daily statistics, which a running server writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts import Db
from polling import wait_until


def test_a_server_that_runs_writes_the_figures_of_the_day(db: Db, served: Callable[..., str]) -> None:
    db.execute("delete from system_stats")
    served(retention_delay_seconds=0.0)

    def row() -> dict[str, Any] | None:
        return db.execute("select * from system_stats where stat_date = (now() at time zone 'UTC')::date").fetchone()

    wait_until(lambda: row() is not None, "the figures are there")
    result = row()
    assert result is not None
    assert result["total_users"] == db.execute("select count(*) as n from profiles").fetchall()[0]["n"]
