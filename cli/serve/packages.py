"""Check for the packages of ``sterna[server]``, which a client does not need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def server_packages() -> Iterator[None]:
    """Turn an ImportError of the server's modules into a message that says what to install."""
    try:
        yield
    except ImportError as error:
        raise click.ClickException(
            f"The server's packages are not installed ({error.name}). Install sterna[embedded], or sterna[server] to"
            " use your own PostgreSQL."
        ) from error
