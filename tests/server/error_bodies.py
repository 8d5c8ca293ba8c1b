"""Assertions about error bodies of all endpoints."""

from __future__ import annotations

import re
from typing import Any

import httpx


def assert_error_body(body: Any, code: str) -> None:
    assert body["code"] == code
    assert isinstance(body["error"], str)
    assert body["error"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])


def without_time(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Return status and body of an error, without its time."""
    return answer.status_code, {key: value for key, value in answer.json().items() if key != "timestamp"}
