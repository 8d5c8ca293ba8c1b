"""Liveness and readiness."""

from __future__ import annotations

import httpx


def test_a_server_with_its_database_is_alive_and_ready(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").status_code == 200
