"""The HTTP libraries say nothing of what passes through them: headers hold tokens, addresses hold ids."""

from __future__ import annotations

import logging

LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
"""By name, one by one: a filter of a logger is not asked about what those below it say."""


class _Loud(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_LOUD = _Loud()


def hush() -> None:
    """A filter and no level: whoever turns everything up to DEBUG afterwards still sees no header."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_LOUD)  # adding the same one again does nothing
