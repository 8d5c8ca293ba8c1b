"""Cookies of a sign-in, as upstream's web client stores them.

See docs/specification/endpoints.md#cookie-sign-in.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

NAME = re.compile(r"(sb-[A-Za-z0-9_-]{1,64}-auth-token)(?:\.(\d{1,2}))?")
PREFIX = "base64-"
CHUNK = 3180
"""Most characters of one cookie: with name and attributes, the longest that every browser accepts."""
CHUNKS = 16
"""Most chunks of one value; browsers send no more."""


def cookie_sessions(cookies: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and session of each sign-in in the cookies, unverified; values are whole or in chunks ``.0 .1 …``."""
    chunks_of: dict[str, dict[int, str]] = {}
    for name, value in cookies.items():
        if match := NAME.fullmatch(name):
            chunks_of.setdefault(match[1], {})[-1 if match[2] is None else int(match[2])] = value
    for name, chunks in chunks_of.items():
        session = decode_session(chunks.get(-1) or "".join(_in_order(chunks)))
        if session is not None:
            yield name, session


def decode_session(value: str) -> Mapping[str, Any] | None:
    """Return the session in a cookie's value, or None."""
    if not value.startswith(PREFIX):
        return None
    text = value[len(PREFIX) :]
    try:
        session = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return session if isinstance(session, dict) else None


def session_cookies(name: str, session: Mapping[str, Any]) -> dict[str, str]:
    """Return a session as one cookie, or as chunks where it is too long for one."""
    text = json.dumps(session, ensure_ascii=False, separators=(",", ":")).encode()
    value = PREFIX + base64.urlsafe_b64encode(text).decode().rstrip("=")
    if len(value) <= CHUNK:
        return {name: value}
    pieces = [value[at : at + CHUNK] for at in range(0, len(value), CHUNK)]
    return {f"{name}.{number}": piece for number, piece in enumerate(pieces)}


def _in_order(chunks: Mapping[int, str]) -> Iterator[str]:
    for number in range(CHUNKS):
        if number not in chunks:
            return
        yield chunks[number]
