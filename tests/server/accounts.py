"""Accounts of tests, inserted into auth.users, with tokens that the running server accepts."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row

from sterna.server.auth.tokens import Tokens
from sterna.server.identity import Identity
from sterna.server.settings import ServerSettings

SECRET = "a secret of the tests, long enough for HS256"
Db = psycopg.Connection[DictRow]

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Context for clients of loopback; reading the certificates of the system would take longer than a test."""


def client_of(address: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Return a client of the server at ``address``."""
    return httpx.Client(base_url=address, headers=headers, timeout=30, verify=NO_TLS, trust_env=False)


def connect(url: str) -> Db:
    """Return a connection that commits each statement and returns rows as dicts."""
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


@contextmanager
def acting_as(db: Db, who: Identity) -> Iterator[Db]:
    """Open a transaction in which row security applies to ``who``."""
    with db.transaction():
        db.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            (who.role, who.claims_json()),
        )
        yield db


@dataclass(frozen=True)
class Person:
    """A person with an account."""

    id: UUID
    email: str
    token: str
    http: httpx.Client
    """Client that is signed in at the running server."""

    @property
    def identity(self) -> Identity:
        return Identity("authenticated", self.id, self.email)


def token_for(user_id: UUID, email: str = "", settings: ServerSettings | None = None) -> str:
    """Return an access token as the server signs it."""
    return Tokens(settings or ServerSettings(), SECRET, lambda: datetime.now(UTC)).access(user_id, email)


def make_user(db: Db, email: str | None = None, **metadata: Any) -> tuple[UUID, str]:
    """Insert a row into auth.users, whose triggers create the rest; ``db`` is a superuser's connection."""
    user_id = uuid4()
    address = email or f"{user_id.hex[:12]}@example.org"
    db.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
        (user_id, address, json.dumps(metadata)),
    )
    return user_id, address
