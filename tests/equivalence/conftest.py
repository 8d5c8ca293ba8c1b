"""The connection that all histories of a process are written over, and a person for each history."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from sterna.server.database.embedded import Embedded

sys.path.append(str(Path(__file__).parent.parent / "storage"))  # for recount.py, the mirror of these tests too

from tables import Postgres


@pytest.fixture(scope="session")
def server(postgres: Embedded) -> Iterator[Postgres]:
    """PostgreSQL as the superuser, who becomes each person in turn."""
    with psycopg.connect(postgres.admin_url, autocommit=True, row_factory=dict_row, prepare_threshold=None) as db:
        yield Postgres(db)
