"""What a server tells whoever runs it: a line on standard error for everything that is not as usual."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOGGERS = ("sterna.server", "uvicorn.error")


class Json(logging.Formatter):
    """One object a line; what a record brings under ``extra={"told": {…}}`` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class Text(logging.Formatter):
    """For a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with what the record brings."""
        told = getattr(record, "told", {})
        return " ".join([super().format(record), *(f"{key}={value}" for key, value in told.items())])


def log_to_stderr(form: str) -> None:
    """Send what the server says to standard error, as ``json`` or ``text``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        # uvicorn tells each step of its start and end; that it listens, our own line says
        logger.setLevel(logging.WARNING if name == "uvicorn.error" else logging.INFO)
        logger.handlers = [handler]
        logger.propagate = False
