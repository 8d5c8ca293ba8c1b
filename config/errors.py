"""Error of settings and credentials."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting or a key cannot be read or saved; the message is a sentence that says what to do."""
