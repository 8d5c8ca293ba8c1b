"""``sterna serve`` that cannot start: one sentence, and exit code 1."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from sterna.cli.serve.log import LOGGERS
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Restore the server's loggers, which the command connects to the standard error of the test."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(item.handlers, item.level, item.propagate) for item in loggers]
    yield
    for item, (handlers, level, propagate) in zip(loggers, before, strict=True):
        item.handlers, item.propagate = handlers, propagate
        item.setLevel(level)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--redis-url", "nonsense://x"), "The Redis address is not valid"),
        (("--redis-url", "x"), "The Redis address is not valid"),
        (("--database-url", "postgresql://x:y:z@@//"), "The database address is not valid"),
        (("--database-url", "mysql://x"), "The database address is not valid"),
        (
            ("--database-url", "postgresql://x@127.0.0.1:1/x", "--host", "no.such.invalid", "--behind-tls"),
            "host name no.such.invalid is unknown",
        ),
        (("--host", "0.0.0.0"), "unencrypted"),
        (("--cors-origin", "app.example.org"), "is not an origin"),
        (("--smtp-url", "mail.example.org"), "The SMTP address is invalid"),
        (("--smtp-url", "smtp://mail.example.org:x"), "The SMTP address is invalid"),
        (("--smtp-url", "smtp://mail.example.org", "--mail-from", "a@example.org"), "--public-url"),
        (("--smtp-url", "smtp://mail.example.org", "--public-url", "https://example.org"), "--mail-from"),
        (("--cors-origin", "https://app.example.org/page"), "is not an origin"),
        (("--cors-origin", "http://ok.example", "--cors-origin", "ftp://x"), "is not an origin"),
        (("--jwt-secret", "short"), "too short"),
        (("--chat-logging",), "secret salt of at least 16 bytes"),
        (("--chat-logging", "true", "--user-id-salt", "default-salt"), "secret salt of at least 16 bytes"),
        (("--chat-logging", "true", "--user-id-salt", "default-salt-change-this"), "example of the documentation"),
        (("--chat-logging", "true", "--user-id-salt", " Your-Generated-Salt-Here "), "example of the documentation"),
        (("--user-id-salt", "default-salt-change-this"), "example of the documentation"),
    ],
)
def test_what_cannot_be_is_a_sentence(run: Run, given: tuple[str, ...], message: str) -> None:
    done = run("serve", *given)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert "Internal error" not in done.err
    assert "Traceback" not in done.err
