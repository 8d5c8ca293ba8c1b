"""Proxies from the environment, and NO_PROXY as curl reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.net import ProxyError, proxy_for
from sterna.net.proxies import is_excluded

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "https://a.example", False),
        ("*", "https://a.example", True),
        ("a.example", "https://a.example", True),
        ("a.example", "https://A.EXAMPLE", True),
        ("a.example", "https://b.a.example", True),
        ("a.example", "https://ba.example", False),
        ("a.example", "https://a.example.org", False),
        (".a.example", "https://b.a.example", True),
        (".a.example", "https://a.example", True),
        ("*.a.example", "https://b.a.example", True),
        ("a.example.", "https://a.example", True),
        ("a.example", "https://a.example.", True),
        ("x, a.example ,y", "https://a.example", True),
        ("x a.example", "https://a.example", True),
        (",,", "https://a.example", False),
        ("a.example:443", "https://a.example", True),
        ("a.example:8443", "https://a.example", False),
        ("a.example:8443", "https://a.example:8443/v1", True),
        ("a.example:80", "http://a.example", True),
        ("10.1.2.3", "http://10.1.2.3:8080", True),
        ("10.1.2.3", "http://10.1.2.30", False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3/8", "http://10.9.9.9", True),
        ("192.168.0.0/16:8080", "http://192.168.1.1:8080", True),
        ("10.0.0.0/33", "http://10.1.2.3", False),
        ("[::1]", "http://[::1]:8080", True),
        ("::1", "http://[::1]:8080", True),
        ("localhost,[::1]", "https://a.example", False),
        ("[fd00::1]:8080", "http://[fd00::1]:8080", True),
        ("[fd00::1]:8080", "http://[fd00::1]:9090", False),
        ("fd00::/8", "http://[fd12::3]", True),
        ("[fd00::]/8", "http://[fd12::3]", True),
        ("[fd00::/8]", "http://[fd12::3]", True),
        ("fd00::/8", "http://[fe80::3]", False),
        ("10.0.0.0/8", "http://[::ffff:10.1.2.3]", True),
        ("2001:db8::1", "http://[2001:0db8:0:0::1]", True),
        ("10.1", "http://10.1.2.3", False),
        ("[", "https://a.example", False),
        ("]::,:/", "https://a.example", False),
    ],
)
def test_what_no_proxy_names_is_reached_directly(no_proxy: str, url: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert (proxy_for(url, {"ALL_PROXY": PROXY, name: no_proxy}) is None) is direct


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://a.example", None),
        ({"HTTPS_PROXY": PROXY}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://a.example", None),
        ({"HTTP_PROXY": PROXY}, "http://a.example", PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, "https://a.example", PROXY),
        ({"all_proxy": PROXY}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": PROXY, "ALL_PROXY": "http://other:1"}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": " http://proxy.example:3128/ "}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": "http://proxy.example"}, "https://a.example", "http://proxy.example:1080"),
        ({"HTTPS_PROXY": "https://proxy.example"}, "https://a.example", "https://proxy.example:443"),
        ({"ALL_PROXY": "socks5://p:1"}, "https://a.example", "socks5://p:1"),
        ({"ALL_PROXY": "socks5h://p"}, "https://a.example", "socks5h://p:1080"),
        ({"ALL_PROXY": "socks://p:1080/"}, "https://a.example", "socks5://p:1080"),
        ({"ALL_PROXY": "socks5://[::1]:1"}, "https://a.example", "socks5://[::1]:1"),
        ({"ALL_PROXY": "http://me:s%40cret@p:1"}, "https://a.example", "http://me:s%40cret@p:1"),
        ({"ALL_PROXY": " "}, "https://a.example", None),
    ],
)
def test_the_proxy_of_an_address(environ: dict[str, str], url: str, proxy: str | None) -> None:
    resolved = proxy_for(url, environ)
    assert (resolved.url if resolved else None) == proxy
    if resolved is not None:
        assert any(name in resolved.shown for name in environ)
        assert "s%40cret" not in resolved.shown + repr(resolved)


@pytest.mark.parametrize(
    "value", ["ftp://p:1", "socks4://p:1", "http://", "http://p:port", "http://[::1", "a b", "http://p:99999"]
)
def test_a_proxy_that_cannot_be_used_names_its_variable(value: str) -> None:
    with pytest.raises(ProxyError, match="HTTPS_PROXY is not valid"):
        proxy_for("https://a.example", {"HTTPS_PROXY": value})


HOSTS = st.sampled_from(["a.example", "10.1.2.3", "[::1]", "localhost", "fd00::1"])
ENTRIES = st.text(alphabet="a.example10:/[]*,- ", max_size=20)


@given(HOSTS, st.none() | st.integers(1, 65535), ENTRIES)
def test_any_no_proxy_is_read(host: str, port: int | None, no_proxy: str) -> None:
    assert is_excluded(host, port, no_proxy) in (True, False)
    assert is_excluded(host, port, f"{no_proxy},*")
