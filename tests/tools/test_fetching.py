"""The built-in tool ``fetch`` reads one page of the web, and none of this computer or its networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest
from local_site import Answering, served

from sterna.chat import ToolResult
from sterna.tools.errors import ToolError
from sterna.tools.fetching import fetch
from sterna.tools.public_hosts import is_public

PAGE = """<!doctype html><html><head><meta charset="latin-1"><title>Terns</title>
<style>p { color: red }</style></head><body>
<nav><a href="/">Home</a></nav><main><h2>Eggs</h2><p>One to <b>three</b> eggs in Jülich.\x1b[31m</p>
<script>alert(1)</script><a href="/more">More</a> <a href="javascript:alert(1)">nothing</a></main></body></html>"""
ROUTES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/page": (200, {"Content-Type": "text/html"}, PAGE.encode("latin-1")),
    "/json": (200, {"Content-Type": "application/json"}, b'{"a": 1}'),
    "/binary": (200, {"Content-Type": "application/zip"}, b"PK\x03\x04\0\0"),
    "/image": (200, {"Content-Type": "text/html"}, b"\x89PNG\r\n\x1a\n and so on"),
    "/large": (200, {"Content-Type": "text/plain"}, b"x" * 5_100_000),
    "/long": (200, {"Content-Type": "text/plain"}, b"0123456789" * 9_000),
    "/missing": (404, {}, b"nothing"),
    "/there": (302, {"Location": "/json"}, b""),
    "/around": (302, {"Location": "/around"}, b""),
    "/inward": (302, {"Location": "http://127.0.0.2:1/admin"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
}


class Handler(Answering):
    """Server of the routes."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.answer(*ROUTES[self.path])


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with served(Handler) as port:
        yield f"localhost:{port}"


async def fetched(site: str, path: str, **more: object) -> ToolResult:
    return await fetch({"url": f"http://{site}{path}", **more}, [site], {})


async def test_pages_become_text(site: str) -> None:
    text = (await fetched(site, "/page")).text
    assert text == (
        f"http://{site}/page\n\n# Terns\n\n## Eggs\n\n"
        f"One to **three** eggs in Jülich.\n\n[More](http://{site}/more) nothing"
    )


async def test_other_texts_and_images_are_taken_as_they_are(site: str) -> None:
    assert (await fetched(site, "/there")).text == f'http://{site}/json\n\n{{"a": 1}}'
    (image,) = (await fetched(site, "/image")).files
    assert (image.name, image.media_type) == ("fetched.png", "image/png")


async def test_a_long_text_is_read_in_parts(site: str) -> None:
    first = await fetched(site, "/long")
    assert first.whole == 90_000
    assert first.text.endswith("[Cut here. To read on: start=40000]")
    assert [len(file.content) for file in first.files] == [90_000]
    rest = await fetched(site, "/long", start=80_003)
    assert rest.text == f"http://{site}/long\n\n3456789{'0123456789' * 999}"


REFUSED = (
    ("/binary", "is application/zip (6 B), not text."),
    ("/large", "has more than 5.0 MB"),
    ("/missing", "answers with status 404."),
    ("/around", "leads on to other addresses without end."),
    ("/inward", "127.0.0.2 is on this computer or in its network"),
    ("/file", "begins with http:// or https://"),
)


@pytest.mark.parametrize(("path", "says"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_what_is_no_page_is_said(site: str, path: str, says: str) -> None:
    with pytest.raises(ToolError) as refusal:
        await fetched(site, path)
    assert says in str(refusal.value)


BAD = (
    "http://localhost:1/", "http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/",
    "http://169.254.169.254/latest/meta-data", "http://0.0.0.0/", "http://[::ffff:10.0.0.1]/", "http://localhost./",
    "ftp://example.org/", "file:///etc/passwd", "http://", "http://user:password@127.0.0.1/", "http://a b/", "",
    "http://[::1", "javascript:alert(1)",
)  # fmt: skip


@pytest.mark.parametrize("url", BAD)
async def test_this_computer_and_its_networks_are_not_reached(url: str) -> None:
    with pytest.raises(ToolError):
        await fetch({"url": url}, ["localhost:2"], {})


PUBLIC = {
    "93.184.216.34": True, "2606:4700::1111": True, "64:ff9b::5db8:d822": True,
    "10.1.2.3": False, "172.16.0.1": False, "192.168.1.1": False, "100.64.0.1": False, "127.9.9.9": False,
    "169.254.169.254": False, "0.0.0.0": False, "224.0.0.1": False, "255.255.255.255": False, "240.0.0.1": False,
    "::": False, "::1": False, "fe80::1": False, "fc00::1": False, "fec0::1": False, "ff02::1": False,
    "::ffff:127.0.0.1": False, "2002:7f00:1::": False, "64:ff9b::7f00:1": False, "2001:db8::1": False,
}  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_are_public_or_not(address: str) -> None:
    assert is_public(ipaddress.ip_address(address)) is PUBLIC[address]
