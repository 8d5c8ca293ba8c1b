"""What can be wrong with settings."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting or a key cannot be read or kept; the message is a sentence that says what to do."""
