"""The cookie form of a sign-in, as upstream's web client keeps it: read, never written.

See docs/specification/endpoints.md#cookie-sign-in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from sterna.sync.wire import kept_sessions

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def access_tokens(cookies: Mapping[str, str]) -> Iterator[str]:
    """The access tokens in the cookies, not verified: of values whole or in chunks ``.0 .1 …``."""
    for _, session in kept_sessions(cookies):
        token = session.get("access_token")
        if token and isinstance(token, str):
            yield token


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
