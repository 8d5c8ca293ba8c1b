"""What an answer of the server has to be, whatever the endpoint."""

from __future__ import annotations

import re
from typing import Any

import httpx


def is_body_a(told: Any, code: str) -> None:
    assert told["code"] == code
    assert isinstance(told["error"], str)
    assert told["error"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["timestamp"])


def without_time(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Status and body of a refusal, without what differs each time."""
    return answer.status_code, {key: value for key, value in answer.json().items() if key != "timestamp"}
