"""Log of a server on standard error, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOGGERS = ("sterna.server", "uvicorn.error")


class JsonFormatter(logging.Formatter):
    """Formatter of one JSON object a line; ``extra={"details": {…}}`` of a record adds keys to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "details", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Formatter for a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, with its details."""
        details = getattr(record, "details", {})
        return " ".join([super().format(record), *(f"{key}={value}" for key, value in details.items())])


def log_to_stderr(form: str) -> None:
    """Write the log of the server to standard error, as ``json`` or ``text``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        # uvicorn logs each step of its start and end; Sterna prints the address itself
        logger.setLevel(logging.WARNING if name == "uvicorn.error" else logging.INFO)
        logger.handlers = [handler]
        logger.propagate = False
