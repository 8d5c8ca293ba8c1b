"""Built-in tool ``fetch``: one page of the web, without cookies, scripts or anything of the person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from sterna.chat import ToolFile, ToolResult
from sterna.chat.attachments.inspection import image_type
from sterna.net import Limits, ProxyError, classify, open_client, proxy_for, read_body, request_errors
from sterna.net.bodies import TooLarge, Unreadable
from sterna.storage import size_text

from .errors import ToolError
from .page_text import page_text
from .plain_text import plain, plain_line
from .public_hosts import addresses_of, require_address
from .results import LONGEST_TEXT, text_result

if TYPE_CHECKING:
    import httpx

LARGEST_PAGE = 5_000_000
MOST_REDIRECTS = 5
MOST_ADDRESSES = 4
SECONDS = 40.0
LIMITS = Limits(connect=10.0, read=15.0, write=10.0)
ACCEPT = {"Accept": "text/html, text/*, application/json, */*;q=0.5"}
_TEXTS = ("text/", "application/json", "application/xml", "application/javascript", "application/yaml")
_NETWORK = {
    "certificate": "its certificate is not trusted",
    "timeout": "it does not answer",
    "refused": "nothing listens there",
    "proxy_refused": "the proxy does not answer",
}
ELSE = "the network does not reach it"


async def fetch(
    arguments: Mapping[str, Any], exempt: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> ToolResult:
    """Return the text of a page. Hosts in ``exempt`` need not be public. Raises ToolError."""
    url, start = arguments.get("url"), arguments.get("start", 0)
    if not isinstance(url, str):
        raise ToolError("fetch needs a url, as text.")
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        raise ToolError("start has to be the number of a character: 0 or more.")
    try:
        async with asyncio.timeout(SECONDS):
            address, media_type, charset, content = await _content(url.strip(), exempt, environ)
            return await _result(address, media_type, charset, content, start)
    except TimeoutError:
        raise ToolError(f"{plain_line(url, 200)} did not answer within {SECONDS:g} seconds.") from None


async def _content(url: str, exempt: Sequence[str], environ: Mapping[str, str]) -> tuple[str, str, str, bytes]:
    """Return address, media type, character set and content of where ``url`` leads."""
    for _ in range(MOST_REDIRECTS + 1):
        host, port = require_address(url)
        addresses = await addresses_of(host, port, exempt)
        try:
            proxy = proxy_for(url, environ)
        except ProxyError as error:
            raise ToolError(str(error)) from error
        shown = plain_line(url, 200)
        async with await asyncio.to_thread(open_client, url, limits=LIMITS, proxy=proxy) as client:
            try:
                response = await _response(client, url, host, addresses if proxy is None else [])
                try:
                    if response.is_redirect and (target := response.headers.get("location")):
                        url = urljoin(url, target)
                        continue
                    if response.status_code >= 400:
                        raise ToolError(f"{shown} answers with status {response.status_code}.")
                    content = await read_body(response, LARGEST_PAGE)
                finally:
                    await response.aclose()
            except (TooLarge, Unreadable):
                raise ToolError(f"{shown} has more than {size_text(LARGEST_PAGE)}, or is damaged.") from None
            except request_errors() as error:
                kind = classify(error, proxied=proxy is not None).kind
                raise ToolError(f"{shown} cannot be fetched: {_NETWORK.get(kind, ELSE)}.") from error
            kind = response.headers.get("content-type", "").partition(";")[0]
            return url, kind.strip().lower(), response.charset_encoding or "", content
    raise ToolError(f"{plain_line(url, 200)} leads on to other addresses without end.")


async def _response(client: httpx.AsyncClient, url: str, host: str, addresses: Sequence[str]) -> httpx.Response:
    """Return the response of the first address that takes a connection; without addresses, of the proxy."""
    import httpx

    request = client.build_request("GET", url, headers=ACCEPT)
    for number, address in enumerate(addresses[:MOST_ADDRESSES], 1):
        # certificate and Host are those of the name
        pinned = client.build_request(
            "GET",
            request.url.copy_with(host=address),
            headers={**ACCEPT, "Host": request.headers["Host"]},
            extensions={"sni_hostname": host},
        )
        try:
            return await client.send(pinned, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if number == min(len(addresses), MOST_ADDRESSES):
                raise
    return await client.send(request, stream=True)


async def _result(address: str, media_type: str, charset: str, content: bytes, start: int) -> ToolResult:
    shown = plain_line(address, 300)
    if image := image_type(content):
        file = ToolFile(f"fetched.{image.partition('/')[2]}", image, content)
        return ToolResult(f"[{shown}, an image, {size_text(len(content))}]", files=(file,))
    head = content[:1024].lstrip().lower()
    is_html = "html" in media_type or (not media_type and head.startswith((b"<!doctype html", b"<html")))
    if not is_html and (
        b"\0" in content[:4096] or not (media_type.startswith(_TEXTS) or not media_type or "+" in media_type)
    ):
        raise ToolError(f"{shown} is {plain_line(media_type, 60) or 'binary'} ({size_text(len(content))}), not text.")
    text = _decoded(content, charset)
    if is_html:
        text = await page_text(text, address)
    text = plain(text)
    if start and start >= len(text):
        raise ToolError(f"The text of {shown} has {len(text):,} characters.")
    if start:
        text = text[start:]
    result = text_result("fetch", text or "(an empty page)")
    if len(text) > LONGEST_TEXT:
        hint = f"\n[Cut here. To read on: start={start + LONGEST_TEXT}]"
        result = result._replace(text=result.text + hint)
    return result._replace(text=f"{shown}\n\n{result.text}")


def _decoded(content: bytes, charset: str) -> str:
    from bs4.dammit import UnicodeDammit  # reads what the page says of itself, too

    return (
        UnicodeDammit(content, known_definite_encodings=[charset] if charset else [], is_html=True).unicode_markup or ""
    )
