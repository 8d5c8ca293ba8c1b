"""Tokens signed without the server: valid ones with its key, and forged ones."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx

EXTERNAL_SECRET = "the secret of another sign-in, long enough"
ISSUER = "https://project.example.org/auth/v1"


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    result = {
        "sub": str(uuid4()),
        "role": "authenticated",
        "aud": "authenticated",
        "email": f"{uuid4().hex}@example.org",
        "exp": now + timedelta(hours=1),
    } | changes
    return {name: value for name, value in result.items() if value is not None}


def sign_by_hand(header: dict[str, Any], body: dict[str, Any], key: bytes) -> str:
    """Return a token that a library would refuse to create."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(body, default=lambda at: at.timestamp()).encode())}"
    return f"{signed}.{part(hmac.digest(key, signed.encode(), sha256))}"


def get_user(http: httpx.Client, token: str) -> httpx.Response:
    return http.get("/auth/v1/user", headers={"authorization": f"Bearer {token}"})
