"""Bytes of rows, as SQL expressions, so that a response can be bounded before its rows are read."""

from __future__ import annotations


def json_bytes(column: str) -> str:
    """Return the expression for the bytes of a JSON value, which is written out only if it is stored compressed."""
    is_plain, stored, written = (
        f"pg_column_compression({column}) is null",
        f"pg_column_size({column})",
        f"octet_length({column}::text)",
    )
    return f"coalesce(case when {is_plain} then {stored} else {written} end, 0)"


def message_bytes(alias: str) -> str:
    """Return the expression for the bytes of everything in a message that may be large."""
    texts = (f"coalesce(octet_length({alias}.{name}), 0)" for name in ("content", "reasoning", "error_message"))
    values = ("metadata", "reasoning_details", "annotations", "raw_message")
    return f"({' + '.join([*texts, *(json_bytes(f'{alias}.{name}') for name in values)])})"
