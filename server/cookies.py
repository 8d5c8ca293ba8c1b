"""The cookie form of a sign-in, as upstream's web client keeps it (contract 6.0): read, never written."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

NAME = re.compile(r"(sb-[A-Za-z0-9_-]{1,64}-auth-token)(?:\.(\d{1,2}))?")
PREFIX = "base64-"
CHUNKS = 16
"""Of 3,180 characters each at most; what is longer is nothing that a browser sends."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def access_tokens(cookies: Mapping[str, str]) -> Iterator[str]:
    """The access tokens in the cookies, not verified: of values whole or in chunks ``.0 .1 …``."""
    found: dict[str, dict[int, str]] = {}
    for name, value in cookies.items():
        if match := NAME.fullmatch(name):
            found.setdefault(match[1], {})[-1 if match[2] is None else int(match[2])] = value
    for chunks in found.values():
        token = _access_token(chunks.get(-1) or "".join(_in_order(chunks)))
        if token:
            yield token


def _in_order(chunks: Mapping[int, str]) -> Iterator[str]:
    for number in range(CHUNKS):
        if number not in chunks:
            return
        yield chunks[number]


def _access_token(value: str) -> str:
    if not value.startswith(PREFIX):
        return ""
    text = value[len(PREFIX) :]
    try:
        session = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    token = session.get("access_token") if isinstance(session, dict) else None
    return token if isinstance(token, str) else ""


def is_from_here(method: str, headers: Mapping[str, str], public_url: str) -> bool:
    """Whether a request that may change something comes from this server's own pages, or from no page at all.

    A browser sends cookies with what a foreign page asks for; it then also says whose page it was. A program that
    sends neither header has put the cookie there itself.
    """
    if method in SAFE_METHODS:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    ours = {headers.get("host", "").lower()}
    if public_url:
        ours.add(urlsplit(public_url).netloc.lower())
    return urlsplit(origin).netloc.lower() in ours - {""}
